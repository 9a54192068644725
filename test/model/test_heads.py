"""PoseHead and the factors that calibrate its deviations."""

from itertools import product

import torch

from pta_ros.model.heads import Calibration, PoseHead
from pta_ros.model.purify import subset_number

MASKS = torch.tensor([m for m in product([False, True], repeat=3) if any(m)])


def test_a_head_answers_the_mean_pose_before_any_training_and_learns_from_there():
    torch.manual_seed(0)
    head, pose = PoseHead(8, 17), torch.randn(17, 3)
    head.start_at(pose)
    joints, log_std = head(torch.randn(5, 4, 8))
    torch.testing.assert_close(joints, pose.expand(5, 17, 3))
    assert log_std.shape == (5, 17)
    joints.square().sum().backward()
    assert bool(head.position.weight.grad.any())


def test_mixers_look_at_all_tokens_and_leave_the_first_answer_as_it_is():
    torch.manual_seed(0)
    head, pose = PoseHead(8, 17, tokens=4, mixers=2), torch.randn(17, 3)
    head.start_at(pose)
    fused = torch.randn(5, 4, 8)
    torch.testing.assert_close(head(fused)[0], pose.expand(5, 17, 3))
    torch.nn.init.normal_(head.position.weight)
    mixed, swapped = head(fused)[0], head(fused.roll(1, dims=1))[0]
    assert not torch.allclose(mixed, swapped, atol=1e-3)  # a plain mean would not notice


def test_how_sure_a_head_is_does_not_bend_where_it_puts_the_joints():
    torch.manual_seed(0)
    head, fused = PoseHead(8, 17), torch.randn(5, 4, 8, requires_grad=True)
    head(fused)[1].sum().backward()
    assert fused.grad is None
    assert head.norm.weight.grad is None
    assert bool(head.spread.weight.grad.any())


def test_a_calibration_that_was_never_fitted_changes_nothing():
    log_std = torch.randn(len(MASKS), 17)
    assert torch.equal(Calibration(3, 17)(log_std, MASKS), log_std)


def test_every_subset_has_a_number_of_its_own():
    numbers = subset_number(MASKS)
    assert sorted(numbers.tolist()) == [1, 2, 3, 4, 5, 6, 7]
    assert subset_number(torch.tensor([[True, False, True]])).tolist() == [5]


def test_each_row_is_scaled_by_the_factors_of_its_own_subset_and_joint():
    calibration, log_std = Calibration(3, 2), torch.zeros(len(MASKS), 2)
    factors = torch.rand(8, 2) + 0.5
    calibration.log_factor.copy_(factors.log())
    for mask, row in zip(MASKS, calibration(log_std, MASKS).exp(), strict=True):
        number = sum(2**i for i, there in enumerate(mask.tolist()) if there)
        torch.testing.assert_close(row, factors[number])


def test_the_factors_are_part_of_the_saved_model():
    calibration = Calibration(3, 2)
    calibration.log_factor.fill_(0.7)
    other = Calibration(3, 2)
    other.load_state_dict(calibration.state_dict())
    assert torch.equal(other.log_factor, calibration.log_factor)
    assert list(calibration.state_dict()) == ["log_factor"]
