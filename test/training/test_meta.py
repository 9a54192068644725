from dataclasses import replace

import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.errors import ConfigError
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.model.purify import fuse
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup
from pta_ros.training.losses import alignment, spread_loss
from pta_ros.training.meta import MetaTrainer, meta_stage
from pta_ros.training.purify import draw_subsets
from pta_ros.training.stage_config import MetaConfig

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
    present = torch.ones(count, 3, dtype=torch.bool)
    return FeatureSet(tokens, points, present, joints, torch.arange(count))


def trainer(model=SMALL, **settings):
    torch.manual_seed(0)
    config = TrainConfig(model=model, meta=MetaConfig(**{"learning_rate": 3e-3, **settings}))
    return MetaTrainer(config, PTA(model), token_set())


def state(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def changed(before, after, prefix):
    return any(not torch.equal(v, after[k]) for k, v in before.items() if k.startswith(prefix))


@pytest.mark.parametrize("shared", [True, False])
def test_the_inner_step_moves_theta_and_neither_weights_nor_frozen_encoders(shared):
    meta = trainer(replace(SMALL, diffusion=DiffusionConfig(shared=shared)))
    before = state(meta.model)
    figures = meta.inner(torch.arange(16))
    after = meta.model.state_dict()
    assert set(figures) == {"loss_task", "loss_align"}
    aligners = ["aligner."] if shared else [f"aligner.{m}." for m in SMALL.modalities]
    for part in ("projectors.", "head.", "position.", *aligners):
        assert changed(before, after, part), part
    for part in ("purify.", "encoders."):  # batch statistics of the encoders included
        assert not changed(before, after, part), part


@pytest.mark.parametrize("outer", ["first_order", "unrolled", "none"])
def test_the_outer_step_moves_the_weights_alone_or_nothing(outer):
    """Running statistics are not moved either, by the look-ahead or by the step itself."""
    meta = trainer(outer=outer)
    meta.inner(torch.arange(16))
    before = state(meta.model)
    meta.outer(torch.arange(16, 32))
    after = meta.model.state_dict()
    assert changed(before, after, "purify.") == (outer != "none")
    assert [n for n in before if not torch.equal(before[n], after[n])] in ([], ["purify.logits"])


TRAIN, VALIDATION = torch.arange(24), torch.arange(256, 280)


def ready_for_an_outer_step(model, outer, rate):
    """A trainer in float64 after one real inner step, its weights unequal."""
    meta = trainer(model, outer=outer, learning_rate=rate, align_weight=0.5)
    meta.model.double()
    tokens = {m: t.double() for m, t in meta.data.tokens.items()}
    points = {m: p.double() for m, p in meta.data.points.items()}
    meta.data = replace(meta.data, tokens=tokens, points=points, joints=meta.data.joints.double())
    meta.inner(TRAIN)
    with torch.no_grad():
        meta.model.purify.logits.copy_(torch.tensor([0.3, -0.2, 0.1]))
    return meta


def explicit_step(meta, rate):
    """One plain gradient step of theta; running statistics stay."""
    buffers = {n: b.clone() for n, b in meta.model.named_buffers()}
    theta, meta.theta = meta.theta, torch.optim.SGD(meta.trained.values(), rate)
    torch.manual_seed(5)
    meta.inner(TRAIN)
    meta.theta = theta
    meta.model.load_state_dict(buffers, strict=False)


@torch.no_grad()
def meta_loss(meta):
    model = meta.model.eval()
    mask = draw_subsets(meta.data.present[VALIDATION])
    out = model.complete(meta.data.features(model, VALIDATION, mask), mask)
    return torch.nn.functional.mse_loss(out.joints, meta.data.joints[VALIDATION])


def slope(meta, rate, step=1e-5):
    """Central differences, by the weights' logits, of the loss after an explicit step."""
    before, losses = state(meta.model), []
    for shift in step * torch.cat([torch.eye(3), -torch.eye(3)]):
        with torch.no_grad():
            meta.model.purify.logits.add_(shift)
        explicit_step(meta, rate)
        losses.append(meta_loss(meta))
        meta.model.load_state_dict(before)
    above, below = torch.stack(losses).chunk(2)
    return (above - below) / (2 * step)


@pytest.mark.parametrize(
    "model",
    [
        SMALL,
        replace(SMALL, refine=False),
        replace(SMALL, diffusion=DiffusionConfig(distillation="dist", shared=False)),
    ],
)
def test_the_unrolled_gradient_is_that_of_the_loss_after_one_explicit_step(model):
    meta = ready_for_an_outer_step(model, "unrolled", rate=0.2)
    expected, without_step = slope(meta, 0.2), slope(meta, 0.0)
    torch.manual_seed(5)
    meta.outer(VALIDATION)
    torch.testing.assert_close(meta.model.purify.logits.grad, expected, rtol=1e-5, atol=1e-9)
    assert (expected - without_step).norm() > 0.05 * without_step.norm()  # the step is felt


def test_the_first_order_gradient_takes_theta_as_a_constant():
    meta = ready_for_an_outer_step(SMALL, "first_order", rate=0.2)
    expected = slope(meta, 0.0)
    explicit_step(meta, 0.0)  # changes nothing, but draws what the slope's step has drawn
    meta.outer(VALIDATION)
    torch.testing.assert_close(meta.model.purify.logits.grad, expected, rtol=1e-5, atol=1e-9)


def test_unrolled_before_any_inner_step_is_refused():
    with pytest.raises(ConfigError, match="before any inner step"):
        trainer(outer="unrolled").outer(torch.arange(16))


@pytest.mark.parametrize("outer", ["first_order", "unrolled"])
def test_the_weights_learn_to_distrust_the_modality_that_carries_nothing(outer):
    meta = trainer(outer=outer, meta_learning_rate=5e-2)
    for i in range(120):
        meta.inner(torch.randperm(256)[:32])
        if i >= 60:
            meta.outer(torch.arange(256, 320))
    weights = meta.model.purify(torch.ones(1, 3, dtype=torch.bool))[0]
    assert float(weights[2].detach()) < 0.2  # of a third


def test_a_batch_of_single_modalities_has_no_alignment_loss():
    meta = trainer()
    meta.data.present[:, 1:] = False
    assert meta.inner(torch.arange(8))["loss_align"] == 0


def test_alignment_does_not_move_the_features_that_the_teacher_is_made_of():
    meta = trainer()
    with torch.no_grad():
        meta.model.aligner.student.weight.zero_()  # cuts the students' own way back
    features = torch.randn(8, 3, 4, 16, requires_grad=True)
    mask = torch.ones(8, 3, dtype=torch.bool)
    _, align = meta._aligned(features, mask, mask)
    assert float(align.detach()) > 0
    assert torch.autograd.grad(align, features, materialize_grads=True)[0].abs().max() == 0


@pytest.mark.parametrize("shared", [True, False])
def test_each_student_is_taught_by_the_teacher_of_its_own_sample(shared):
    """L_align is the modules' mean, over the samples that two modalities or more see."""
    meta = trainer(replace(SMALL, diffusion=DiffusionConfig(shared=shared)))
    meta.model.eval()
    features = torch.randn(6, 3, 4, 16)
    mask = torch.tensor([[1, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 0], [0, 1, 1]]).bool()
    sees = mask.clone()
    sees[0, 1] = sees[3, 2] = False  # one is left that sees the first, two that see the fourth
    teachers = fuse(features, meta.model.purify(sees)).detach()
    members = [(0, 1, 2)] if shared else [(0,), (1,), (2,)]
    torch.manual_seed(5)
    _, found = meta._aligned(features, mask, sees)
    torch.manual_seed(5)
    losses = []
    for own, (aligner, students) in zip(members, meta.model.students(mask), strict=True):
        latents = aligner.refine(features[students], torch.randn(int(students.sum()), 4, 8))
        pairs = [(b, m) for b in range(6) for m in own if mask[b, m]]
        taught = [i for i, (b, m) in enumerate(pairs) if b not in (0, 1, 4) and sees[b, m]]
        rows = sorted({pairs[i][0] for i in taught})
        owner = torch.tensor([rows.index(pairs[i][0]) for i in taught])
        losses.append(alignment(aligner, teachers[rows], latents[taught], owner).total())
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_without_alignment_and_refined_features_the_aligner_has_no_part():
    """PTA without diffusion: the task loss on plain features alone."""
    meta = trainer(replace(SMALL, refine=False), align_weight=0.0)
    before, rows = state(meta.model), torch.arange(16)
    torch.manual_seed(4)
    figures = meta.inner(rows)
    assert not changed(before, meta.model.state_dict(), "aligner.")
    assert changed(before, meta.model.state_dict(), "projectors.")
    meta.model.load_state_dict(before)
    torch.manual_seed(4)
    mask = draw_subsets(meta.data.present[rows])
    out = meta.model.predict(meta.data.features(meta.model, rows, mask), mask)
    joints = meta.data.joints[rows]
    spread = spread_loss(out.log_std, out.joints, joints)
    expected = (out.joints - joints).square().mean() + 1e-3 * spread
    assert figures == {"loss_task": pytest.approx(float(expected.detach())), "loss_align": 0.0}


@pytest.mark.parametrize(("align_weight", "refine"), [(0.1, False), (0.0, True)])
def test_either_alignment_or_refined_features_bring_the_aligner_in(align_weight, refine):
    meta = trainer(replace(SMALL, refine=refine), align_weight=align_weight)
    before = state(meta.model)
    meta.inner(torch.arange(16))
    assert changed(before, meta.model.state_dict(), "aligner.student.")


@pytest.mark.parametrize("outer", ["first_order", "unrolled", "none"])
def test_an_epoch_reports_its_losses_and_the_weights(outer):
    torch.manual_seed(0)
    model = PTA(replace(SMALL, diffusion=DiffusionConfig(shared=False)))
    config = TrainConfig(model=model.config, meta=MetaConfig(batch=16, outer_every=2, outer=outer))
    steps, validate = [], lambda: {"val": 1.0}
    data, rows = token_set(96), torch.arange(64)
    setup = Setup(config, data, rows, validate, lambda *at: steps.append(at))
    stage = meta_stage(setup, model, torch.arange(64, 96))
    figures = {**stage.epoch(0), **stage.validate()}
    weights = [figures[f"weight_{m}"] for m in SMALL.modalities]
    assert set(figures) >= {"loss_task", "loss_align", "val"}
    assert sum(weights) == pytest.approx(1)
    assert (weights == [pytest.approx(1 / 3)] * 3) == (outer == "none")
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_epoch_of_few_steps_has_an_outer_one_at_its_end():
    torch.manual_seed(0)
    model = PTA(SMALL)
    config = TrainConfig(model=SMALL, meta=MetaConfig(batch=16, outer_every=1000))
    stage = meta_stage(Setup(config, token_set(96), torch.arange(32)), model, torch.arange(64, 96))
    before = model.purify.logits.clone()
    stage.epoch(0)
    assert not torch.equal(before, model.purify.logits)
