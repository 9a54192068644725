"""The compared systems as functions: what they must agree on, and Base.2 and X-Fi by themselves."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch

from pta_ros.model.baselines import ConcatenateMlp, MeanOfPredictions, XFi, shares
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.model.slots import ProxySlots

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
COUNT = len(CONFIG.modalities)
SUBSETS = [s for n in (1, 2, 3) for s in combinations(range(COUNT), n)]
SYSTEMS = {
    "base1": lambda: ConcatenateMlp(CONFIG),
    "base2": lambda: MeanOfPredictions(CONFIG),
    "xfi": lambda: XFi(CONFIG),
    "slots": lambda: ProxySlots(CONFIG),
    "pta": lambda: PTA(CONFIG),
    "pta_gate": lambda: PTA(replace(CONFIG, gate=True)),
}


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request):
    return made(request.param)


@torch.no_grad()
def made(name):
    """A system as after some training: no parameter or statistic at a start that hides its part."""
    torch.manual_seed(0)
    model = SYSTEMS[name]()
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    for buffer_name, buffer in model.named_buffers():
        if buffer_name.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        if buffer_name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    model.calibration.log_factor.uniform_(-0.5, 0.5)
    return model.eval()


def mask_of(*rows):
    return torch.tensor([[i in row for i in range(COUNT)] for row in rows])


def features_of(count, seed=0):
    shape = (count, COUNT, CONFIG.tokens, CONFIG.dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def tokens_of(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = {m: token_count(CONFIG.encoders, m) for m in CONFIG.modalities}
    tokens = {
        m: torch.randn(count, n, CONFIG.channels, generator=generator) for m, n in sizes.items()
    }
    return tokens, {"lidar": torch.randn(count, CONFIG.tokens, 3, generator=generator)}


@torch.inference_mode()
def answer(model, tokens, points, mask):
    """The way of the training and the evaluation: tokens of the available rows, then the rest."""
    given = {m: tokens[m][mask[:, i]] for i, m in enumerate(CONFIG.modalities) if mask[:, i].any()}
    return model.complete(model.features(given, points, mask), mask)


@torch.inference_mode()
def test_every_subset_gives_finite_joints_and_weights_that_sum_to_one(system):
    for subset in SUBSETS:
        mask = mask_of(subset, subset)
        out = answer(system, *tokens_of(2), mask)
        assert out.joints.shape == (2, 17, 3)
        assert out.log_std.shape == (2, 17)
        assert bool(torch.cat([out.joints.flatten(), out.log_std.flatten()]).isfinite().all())
        torch.testing.assert_close(out.weights.sum(dim=1), torch.ones(2))
        assert bool((out.weights[~mask] == 0).all())


@torch.inference_mode()
def test_a_modality_that_is_absent_has_no_influence(system):
    for subset in SUBSETS[:-1]:
        mask, features = mask_of(subset, subset, subset), features_of(3)
        before = system.complete(features, mask)
        changed = torch.where(mask[..., None, None], features, 50 * features_of(3, seed=1))
        for old, new in zip(before, system.complete(changed, mask), strict=True):
            assert torch.equal(old, new), subset


@torch.inference_mode()
def test_every_modality_that_is_available_has_influence(system):
    mask, features = mask_of((0, 1, 2)), features_of(1)
    before = system.complete(features, mask).joints
    for i in range(COUNT):
        changed = features.clone()
        changed[:, i] = features_of(1, seed=1)[:, i]
        assert not torch.allclose(before, system.complete(changed, mask).joints, atol=1e-3)


def test_a_batch_of_mixed_masks_equals_the_samples_one_by_one(system):
    mask, (tokens, points) = mask_of(*SUBSETS), tokens_of(len(SUBSETS))
    together = answer(system, tokens, points, mask)
    for row in range(len(mask)):
        one = slice(row, row + 1)
        own = {m: t[one] for m, t in tokens.items()}
        alone = answer(system, own, {"lidar": points["lidar"][one]}, mask[one])
        for whole, single in zip(together, alone, strict=True):
            torch.testing.assert_close(whole[one], single, rtol=1e-4, atol=1e-5)


def test_the_order_of_the_batch_is_irrelevant(system):
    mask, (tokens, points) = mask_of(*SUBSETS), tokens_of(len(SUBSETS))
    order = torch.randperm(len(mask), generator=torch.Generator().manual_seed(3))
    mixed = {m: t[order] for m, t in tokens.items()}, {"lidar": points["lidar"][order]}
    shuffled = answer(system, *mixed, mask[order])
    for plain, other in zip(answer(system, tokens, points, mask), shuffled, strict=True):
        torch.testing.assert_close(plain[order], other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["base1", "base2", "xfi"])
def test_the_baselines_weigh_what_is_available_equally(name):
    weights = answer(made(name), *tokens_of(len(SUBSETS)), mask_of(*SUBSETS)).weights
    for row, subset in zip(weights.tolist(), SUBSETS, strict=True):
        assert row == pytest.approx([1 / len(subset) * (i in subset) for i in range(COUNT)])
    assert torch.equal(weights, shares(mask_of(*SUBSETS)))


@torch.inference_mode()
def test_base_2_is_the_mean_of_the_single_predictions_over_what_is_available():
    model = made("base2")
    features, names = features_of(len(SUBSETS)), CONFIG.modalities
    model.calibration.log_factor.zero_()
    out = model.complete(features, mask_of(*SUBSETS))
    for row, subset in enumerate(SUBSETS):
        each = [model.heads[names[i]](features[row : row + 1, i]) for i in subset]
        joints = sum(joints[0] for joints, _ in each) / len(each)
        variance = sum(log_std[0].exp() ** 2 for _, log_std in each) / len(each)
        torch.testing.assert_close(out.joints[row], joints)
        torch.testing.assert_close(out.log_std[row].exp(), variance.sqrt())


def test_base_2_knows_no_positional_code():
    """Its projections come from single-modality models, which have none."""
    model, (tokens, points) = made("base2"), tokens_of(2)
    moved = {"lidar": points["lidar"] + 5}
    answers = [answer(model, tokens, p, mask_of((1,), (0, 1))) for p in (points, moved)]
    assert torch.equal(answers[0].joints, answers[1].joints)


@pytest.mark.parametrize("name", ["base1", "xfi", "pta"])
def test_the_other_systems_use_the_positional_code(name):
    model, (tokens, points) = made(name), tokens_of(2)
    moved = {"lidar": points["lidar"] + 5}
    answers = [answer(model, tokens, p, mask_of((1,), (0, 1))) for p in (points, moved)]
    assert not torch.allclose(answers[0].joints, answers[1].joints, atol=1e-3)


@pytest.mark.parametrize("name", ["base1", "xfi"])
def test_every_parameter_of_a_trained_baseline_has_a_part_in_the_answer(name):
    model = made(name).train()
    mask, (tokens, points) = mask_of(*SUBSETS), tokens_of(len(SUBSETS))
    given = {m: tokens[m][mask[:, i]] for i, m in enumerate(CONFIG.modalities)}
    out = model.complete(model.features(given, points, mask), mask)
    (out.joints.square().sum() + out.log_std.square().sum()).backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.inference_mode()
def test_base_1_answers_for_an_absent_modality_with_a_vector_of_its_own():
    model, features = made("base1"), features_of(1)
    filled = features.clone()
    filled[:, 2] = model.absent[2]  # a constant over tokens pools to itself
    absent = model.complete(features, mask_of((0, 1)))
    model.calibration.log_factor.zero_()
    torch.testing.assert_close(absent.joints, model.complete(filled, mask_of((0, 1, 2))).joints)


@torch.inference_mode()
def test_xfi_tells_its_modalities_apart():
    model, features = made("xfi"), features_of(1)
    swapped = features[:, [1, 0, 2]]
    answers = [model.complete(f, mask_of((0, 1, 2))).joints for f in (features, swapped)]
    assert not torch.allclose(*answers, atol=1e-3)
