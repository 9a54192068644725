"""Attention beyond the weighted sum: where it starts, what it never sees, and its fast copy."""

from dataclasses import replace

import pytest
import torch

from pta_ros import checkpoint
from pta_ros.errors import ConfigError
from pta_ros.model.attention import HEADS, WeightedAttention
from pta_ros.model.config import PTAConfig
from pta_ros.model.inference import fold_norms, trace_parts
from pta_ros.model.pta import PTA
from pta_ros.model.purify import fuse
from pta_ros.sensors import sensors_from_config
from pta_ros.training.purify import draw_subsets

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8, attention=2, mixers=1, gate=True)
SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}
EVERYTHING = torch.ones(5, 3, dtype=torch.bool)


def trained(config=CONFIG):
    """A model whose fusion no longer is the sum, and whose weights are unequal."""
    torch.manual_seed(0)
    model = PTA(config)
    with torch.no_grad():
        model.purify.logits.copy_(torch.tensor([0.7, -0.4, 0.1]))
        for block in model.attention.blocks:
            for layer in (block.seen[0], block.channel[3]):
                layer.weight.normal_(std=0.3)
    return model.eval()


def features_of(count):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, CONFIG.tokens, CONFIG.dim, generator=generator)


@torch.no_grad()
def test_it_starts_as_the_weighted_sum_and_does_not_stay_it():
    torch.manual_seed(0)
    features = features_of(5)
    mask = draw_subsets(EVERYTHING)
    model = PTA(CONFIG).eval()
    assert torch.equal(model.fuse(features, mask), fuse(features, model.purify(mask)))
    model = trained()
    assert not torch.allclose(model.fuse(features, mask), fuse(features, model.purify(mask)))


@torch.no_grad()
@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_absent_modality_or_one_without_weight_is_exactly_nothing(number):
    model, features, mask = trained(), features_of(5), EVERYTHING.clone()
    mask[:, number] = False
    absent = model.fuse(features, mask)
    others = [i for i in range(3) if i != number]
    weights, logs = model.purify(mask), model.purify.log(mask)
    never = model.attention(features[:, others], weights[:, None, others], logs[:, None, others])[
        :, 0
    ]
    torch.testing.assert_close(absent, never)
    changed = features.clone()
    changed[:, number] = 1e3
    assert torch.equal(absent, model.fuse(changed, mask))
    model.purify.logits[number] = -torch.inf  # it is there and weighs nothing
    assert torch.equal(absent, model.fuse(changed, EVERYTHING))


@torch.no_grad()
def test_a_modality_enters_the_more_the_more_it_weighs():
    model, features = trained(), features_of(5)
    changed = features.clone()
    changed[:, 2] = changed[:, 2].flip(0)
    moved = []
    for logit in (-8.0, -4.0, 0.0, 4.0):
        model.purify.logits[2] = logit
        difference = model.fuse(changed, EVERYTHING) - model.fuse(features, EVERYTHING)
        moved.append(float(difference.norm()))
    assert moved == sorted(moved)
    assert moved[0] < 0.01 * moved[-1]


@torch.no_grad()
def test_the_order_of_modalities_does_not_matter():
    model, features, mask = trained(), features_of(5), draw_subsets(EVERYTHING)
    turned = [2, 0, 1]
    weights, logs = model.purify(mask), model.purify.log(mask)
    again = model.attention(features[:, turned], weights[:, None, turned], logs[:, None, turned])[
        :, 0
    ]
    torch.testing.assert_close(model.fuse(features, mask), again)


@torch.inference_mode()
def test_what_a_modality_says_alone_is_what_it_says_where_the_others_are_absent():
    model, features = trained(), features_of(2)
    everything = EVERYTHING[:2]
    whole, alone, places = model.complete_each(features, everything, refine=False)
    for row, (sample, number) in enumerate(places.tolist()):
        mask = torch.zeros(1, 3, dtype=torch.bool)
        mask[0, number] = True
        expected = model.complete(features[sample : sample + 1], mask, refine=False)
        torch.testing.assert_close(alone.joints[row], expected.joints[0])
        seen = model.alone(features).joints[3 * sample + number]  # as the gate sees it
        torch.testing.assert_close(seen, expected.joints[0])
    torch.testing.assert_close(
        whole.joints, model.complete(features, everything, refine=False).joints
    )


def test_gradients_reach_the_weights_and_are_finite_where_modalities_are_absent():
    model, features = trained().requires_grad_(True), features_of(64)
    mask = draw_subsets(EVERYTHING[:1].expand(64, -1))
    model.predict(features, mask).joints.square().sum().backward()
    gradient = model.purify.logits.grad
    assert bool(gradient.isfinite().all())
    assert bool((gradient != 0).all())
    for name, parameter in model.attention.named_parameters():
        assert bool(parameter.grad.isfinite().all()), name
        assert bool(parameter.grad.any()), name


@torch.inference_mode()
def test_the_traced_model_says_the_same():
    model = trained()
    fast = fold_norms(model)
    trace_parts(fast, SHAPES)
    generator = torch.Generator().manual_seed(0)
    inputs = {m: torch.rand(1, *s, generator=generator) + 1 for m, s in SHAPES.items()}
    for names in (("depth", "lidar", "csi"), ("csi",), ("depth", "csi")):
        given = {m: inputs[m] for m in names}
        for _ in range(3):  # graphs are specialised in their first runs
            torch.testing.assert_close(
                fast(given).joints, model(given).joints, rtol=1e-5, atol=1e-5
            )
    mask = EVERYTHING[:1]
    features = features_of(1)
    for ours, theirs in zip(
        fast.complete_each(features, mask), model.complete_each(features, mask), strict=True
    ):
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_it_is_saved_and_loaded_with_the_model(tmp_path):
    model = trained()
    checkpoint.save(tmp_path / "m", model, sensors_from_config({m: {} for m in SHAPES}), {}, {})
    loaded = checkpoint.load(tmp_path / "m").model
    features, mask = features_of(5), EVERYTHING
    assert torch.equal(loaded.fuse(features, mask), model.fuse(features, mask))
    assert PTA(replace(CONFIG, attention=0)).attention is None


@torch.no_grad()
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_configured_dropout_is_that_of_attention_and_mixers(dropout):
    model = trained(replace(CONFIG, dropout=dropout))
    model.attention.train()
    model.head.mix.train()
    features = features_of(5)
    fused = [model.fuse(features, EVERYTHING) for _ in range(2)]
    mixed = [model.head.mix(fused[0]) for _ in range(2)]
    assert torch.equal(*fused) == torch.equal(*mixed) == (dropout == 0)


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ConfigError, match=f"dim is 18 .* multiple of its {HEADS} heads"):
        WeightedAttention(18, 1, 0.0)
