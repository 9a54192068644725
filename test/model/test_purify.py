import pytest
import torch

from pta_ros.model.purify import ModalityWeights, fuse


def weights_of(logits):
    weights = ModalityWeights(len(logits))
    with torch.no_grad():
        weights.logits.copy_(torch.tensor(logits))
    return weights


def test_weights_are_the_softmax_shared_out_over_what_is_available():
    logits = [0.5, -0.25, 1.0]
    mask = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0]], dtype=torch.bool)
    alpha = torch.tensor(logits).exp()
    expected = alpha * mask / (alpha * mask).sum(dim=1, keepdim=True)
    torch.testing.assert_close(weights_of(logits)(mask).detach(), expected)


def test_untrained_weights_are_equal():
    weights = ModalityWeights(4)(torch.ones(1, 4, dtype=torch.bool))
    assert weights.tolist() == [[0.25] * 4]


@pytest.mark.parametrize("shape", [(), (5,), (6, 4), (17, 3)])
def test_fusion_is_the_weighted_sum_whatever_the_shape_of_the_parts(shape):
    parts, weights = torch.randn(2, 3, *shape), torch.rand(2, 3)
    expected = torch.stack(
        [sum(w * p for w, p in zip(weights[b], parts[b], strict=True)) for b in range(2)]
    )
    torch.testing.assert_close(fuse(parts, weights), expected)


def test_filling_an_absent_slot_with_the_weighted_mean_would_change_nothing():
    """The release fills the slot, this model renormalises the weights: the sum is the same."""
    weights = weights_of([0.5, -0.25, 1.0])
    parts = torch.randn(1, 3, 4, 8)
    some, everything = torch.tensor([[True, False, True]]), torch.ones(1, 3, dtype=torch.bool)
    mean = fuse(parts, weights(some))
    filled = torch.where(some[..., None, None], parts, mean[:, None])
    torch.testing.assert_close(fuse(filled, weights(everything)), mean)
