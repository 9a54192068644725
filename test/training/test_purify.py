import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss

from pta_ros.errors import ConfigError
from pta_ros.model.heads import PoseHead
from pta_ros.model.purify import fuse
from pta_ros.training.purify import draw_subsets, fit_modality_weights


def noisy_poses(deviations, count, seed=0):
    """Poses (N, 17, 3) and unbiased predictions of them with independent normal errors."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(count, 17, 3, generator=generator)
    outputs = {
        f"m{i}": truth + s * torch.randn(truth.shape, generator=generator)
        for i, s in enumerate(deviations)
    }
    return outputs, truth


def full_set(fitted):
    return fitted.weights.logits.detach().softmax(0)


@pytest.mark.parametrize("deviations", [(0.1, 0.2), (0.3, 0.1), (0.2, 0.1, 0.3)])
def test_weights_are_inverse_to_the_variance_of_independent_unbiased_errors(deviations):
    outputs, truth = noisy_poses(deviations, count=1000)
    fitted = fit_modality_weights(
        outputs, truth, mse_loss, steps=400, batch=1000, learning_rate=3e-2
    )
    precision = 1 / torch.tensor(deviations).square()
    torch.testing.assert_close(full_set(fitted), precision / precision.sum(), atol=0.01, rtol=0)


def test_the_noisy_modality_is_found_through_a_head():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    head = PoseHead(16, 17).requires_grad_(False)
    clean = torch.randn(600, 4, 16, generator=generator)
    features = {
        "depth": clean + 0.1 * torch.randn(clean.shape, generator=generator),
        "csi": torch.randn(clean.shape, generator=generator),
        "lidar": clean + 0.1 * torch.randn(clean.shape, generator=generator),
    }
    fitted = fit_modality_weights(
        features, head(clean)[0], mse_loss, lambda x: head(x)[0], learning_rate=5e-2, steps=200
    )
    weights = full_set(fitted)
    assert float(weights[1]) < 0.05
    assert float(weights[0]) == pytest.approx(float(weights[2]), abs=0.1)
    assert fitted.history.shape == (200, 3)
    torch.testing.assert_close(fitted.history[-1], weights)
    assert fitted.history[0, 1] > fitted.history[50, 1] > fitted.history[-1, 1]


def test_logits_with_cross_entropy_are_fused_better_than_by_equal_weights():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(5, (2000,), generator=generator)
    good = 3.0 * torch.nn.functional.one_hot(labels, 5)
    logits = {
        "radar": good + torch.randn(good.shape, generator=generator),
        "rfid": 3.0 * torch.randn(good.shape, generator=generator),
    }
    fitted = fit_modality_weights(logits, labels, cross_entropy, learning_rate=5e-2, steps=200)
    stacked, everything = torch.stack(list(logits.values()), dim=1), torch.ones(2000, 2).bool()
    with torch.no_grad():
        learned = cross_entropy(fuse(stacked, fitted.weights(everything)), labels)
    assert float(learned) < 0.5 * float(cross_entropy(stacked.mean(dim=1), labels))
    assert float(full_set(fitted)[0]) > 0.9


def test_the_same_seed_gives_the_same_weights_whatever_the_global_generator():
    outputs, truth = noisy_poses((0.1, 0.2), count=100)

    def history(seed, before):
        torch.manual_seed(before)
        return fit_modality_weights(outputs, truth, mse_loss, steps=20, seed=seed).history

    assert torch.equal(history(1, before=0), history(1, before=5))
    assert not torch.equal(history(1, before=0), history(2, before=0))


def test_absent_rows_are_never_read_and_the_outputs_are_left_alone():
    outputs, truth = noisy_poses((0.1, 0.2), count=200)
    present = torch.ones(200, 2, dtype=torch.bool)
    present[50:, 1] = False
    present[:20, 0] = False
    outputs["m1"][50:] = torch.nan
    first = fit_modality_weights(outputs, truth, mse_loss, present=present, steps=50)
    assert outputs["m1"][50:].isnan().all()
    outputs["m1"][50:] = 1e6
    again = fit_modality_weights(outputs, truth, mse_loss, present=present, steps=50)
    assert torch.equal(first.history, again.history)
    assert float(full_set(first)[0]) > 0.5


def test_single_modalities_alone_teach_nothing():
    outputs, truth = noisy_poses((0.1, 0.2), count=40)
    present = torch.tensor([[True, False], [False, True]] * 20)
    fitted = fit_modality_weights(outputs, truth, mse_loss, present=present, steps=10)
    assert full_set(fitted).tolist() == [0.5, 0.5]


def test_a_head_is_not_trained():
    head = torch.nn.Linear(3, 3)
    outputs, truth = noisy_poses((0.1, 0.2), count=40)
    fit_modality_weights(outputs, truth, mse_loss, head, steps=3)
    assert head.weight.grad is None


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


def test_a_row_with_nothing_present_is_refused():
    with pytest.raises(ConfigError, match="row 1 has no modality"):
        draw_subsets(torch.tensor([[True, False], [False, False]]))


def test_some_modality_of_a_subset_sees_what_is_to_be_told():
    torch.manual_seed(0)
    present = torch.tensor([[True, True, False]]).expand(3000, 3)
    masks = draw_subsets(present, torch.tensor([[True, False, True]]).expand(3000, 3))
    codes, counts = (masks * torch.tensor([1, 2, 4])).sum(1).unique(return_counts=True)
    assert codes.tolist() == [1, 3]  # alone and beside one that does not, never that one alone
    assert counts.min() > 1350  # 1500 expected, deviation 27


def test_a_row_that_nothing_present_sees_is_refused():
    with pytest.raises(ConfigError, match="row 0 has no modality"):
        draw_subsets(torch.tensor([[True, False]]), torch.tensor([[False, True]]))


def test_subsets_drawn_with_a_generator_repeat():
    present = torch.ones(50, 3, dtype=torch.bool)
    first, again = (
        draw_subsets(present, generator=torch.Generator().manual_seed(2)) for _ in range(2)
    )
    assert torch.equal(first, again)


POSES = torch.zeros(4, 17, 3)


@pytest.mark.parametrize(
    ("outputs", "targets", "present", "words"),
    [
        ({}, POSES, None, "no modality is given"),
        ({"a": POSES, "b": POSES[:3]}, POSES, None, r"'b': \(3, 17, 3\)"),
        ({"a": POSES}, POSES[:3], None, "4 rows of outputs, 3 of targets"),
        ({"a": POSES[:0]}, POSES[:0], None, "0 rows of outputs"),
        ({"a": POSES, "b": POSES}, POSES, torch.ones(4, 3).bool(), r"each of \['a', 'b'\]"),
        ({"a": POSES}, POSES, torch.ones(4, 1), r"torch\.float32"),
        ({"a": POSES}, POSES, torch.tensor([[1], [1], [0], [1]]).bool(), "row 2 has no modality"),
        ({"a": POSES, "b": POSES / 0}, POSES, None, "b has a value in row 0"),
    ],
)
def test_what_cannot_be_fitted_is_named(outputs, targets, present, words):
    with pytest.raises(ConfigError, match=words):
        fit_modality_weights(outputs, targets, mse_loss, present=present)
