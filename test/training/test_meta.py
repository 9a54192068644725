import pytest
import torch

from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.training.config import MetaConfig, TrainConfig
from pta_ros.training.features import TokenSet
from pta_ros.training.meta import MetaTrainer, draw_subsets

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8)


def token_set(count=320, noisy="csi"):
    """Joints driven by 4 causes that all modalities but one see clearly; that one sees noise."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.randn(count, 4, generator=generator)
    joints = (causes @ torch.randn(4, 51, generator=generator)).view(count, 17, 3)
    model = PTA(SMALL)
    tokens = {}
    for m in SMALL.modalities:
        shape = (count, int(model.encoders[m].tokens), SMALL.channels)
        tokens[m] = torch.randn(shape, generator=generator)
        if m != noisy:
            tokens[m][:, :, :4] = causes[:, None]
    points = {"lidar": torch.zeros(count, SMALL.tokens, 3)}
    return TokenSet(tokens, points, torch.ones(count, 3, dtype=torch.bool), joints)


def trainer(**settings):
    torch.manual_seed(0)
    config = TrainConfig(model=SMALL, meta=MetaConfig(learning_rate=3e-3, **settings))
    return MetaTrainer(config, PTA(SMALL), token_set())


def state(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def changed(before, after, prefix):
    return any(not torch.equal(v, after[k]) for k, v in before.items() if k.startswith(prefix))


def test_subsets_are_drawn_uniformly_from_the_non_empty_ones():
    torch.manual_seed(0)
    masks = draw_subsets(torch.ones(7000, 3, dtype=torch.bool))
    codes, counts = (masks * torch.tensor([1, 2, 4])).sum(1).unique(return_counts=True)
    assert codes.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert counts.min() > 850  # 1000 expected, deviation 29
    assert counts.max() < 1150


def test_subsets_hold_only_what_is_present():
    torch.manual_seed(0)
    present = torch.tensor([[True, False, True]] * 50 + [[False, True, False]] * 50)
    masks = draw_subsets(present)
    assert not bool((masks & ~present).any())
    assert bool(masks.any(dim=1).all())


def test_the_inner_step_moves_theta_and_neither_weights_nor_frozen_encoders():
    meta = trainer()
    before = state(meta.model)
    figures = meta.inner(torch.arange(16))
    after = meta.model.state_dict()
    assert set(figures) == {"loss_task", "loss_align"}
    for part in ("projectors.", "aligner.", "head.", "position."):
        assert changed(before, after, part), part
    for part in ("purify.", "encoders."):  # batch statistics of the encoders included
        assert not changed(before, after, part), part


@pytest.mark.parametrize("part", ["projectors.", "aligner.", "head.", "encoders."])
def test_the_outer_step_moves_the_weights_alone(part):
    meta = trainer()
    before = state(meta.model)
    meta.outer(torch.arange(16))
    assert changed(before, meta.model.state_dict(), "purify.")
    assert not changed(before, meta.model.state_dict(), part)


def test_the_weights_learn_to_distrust_the_modality_that_carries_nothing():
    meta = trainer(meta_learning_rate=5e-2)
    for i in range(120):
        meta.inner(torch.randperm(256)[:32])
        if i >= 60:
            meta.outer(torch.arange(256, 320))
    weights = meta.model.purify(torch.ones(1, 3, dtype=torch.bool))[0]
    assert float(weights[2].detach()) < 0.15


def test_a_batch_of_single_modalities_has_no_alignment_loss():
    meta = trainer()
    meta.data.present[:, 1:] = False
    assert meta.inner(torch.arange(8))["loss_align"] == 0
