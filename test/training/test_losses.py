import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from pta_ros.datasets.feature_set import Truth
from pta_ros.model.align import Aligner
from pta_ros.model.config import DISTILLATIONS, DiffusionConfig
from pta_ros.model.heads import Answer
from pta_ros.training.losses import (
    HALF_M,
    JOINT_ERRORS,
    alignment,
    dist_loss,
    spread_loss,
    task_error,
    task_loss,
    weighted_mean,
)


def aligner(**options):
    torch.manual_seed(0)
    return Aligner(tokens=6, dim=24, latent=16, config=DiffusionConfig(**options))


def test_task_losses_match_their_formulas():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 17, 3))
    difference = a - b
    expected = {
        "mse": np.mean(difference**2),
        "mpjpe": np.mean(np.sqrt((difference**2).sum(axis=-1))),
    }
    assert set(JOINT_ERRORS) == set(expected)
    for name, value in expected.items():
        joints = Answer(torch.from_numpy(a), torch.zeros(5, 17), torch.zeros(5, 0))
        truth = Truth(torch.from_numpy(b), torch.zeros(5))
        assert float(task_error(name, joints, truth)) == pytest.approx(value)


def test_a_joint_counts_by_how_well_its_truth_is_known():
    each, deviation = torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, HALF_M]])
    assert float(weighted_mean(each, deviation)) == pytest.approx((1.0 + 0.5 * 3.0) / 1.5)
    assert float(weighted_mean(each, torch.zeros(0))) == 2.0
    assert float(weighted_mean(each, torch.zeros(1, 2))) == 2.0  # certain
    assert float(weighted_mean(each, torch.tensor([[0.0, torch.inf]]))) == 1.0


@pytest.mark.parametrize("name", ["mse", "mpjpe"])
def test_the_loss_of_a_pose_and_of_its_deviation_heed_what_is_unsure(name):
    """A joint that is told wrongly, and as unsure, hardly moves what is learned."""
    truth = Truth(torch.zeros(2, 17, 3), torch.zeros(2), torch.zeros(2, 17))
    truth.joints[1, 4], truth.deviation[1, 4] = 5.0, 100.0
    joints = torch.full((2, 17, 3), 0.1, requires_grad=True)
    log_std = torch.full((2, 17), -2.0, requires_grad=True)
    answered = Answer(joints, log_std, torch.zeros(2, 0))
    task_loss(name, answered, truth).backward()
    for gradient in (joints.grad.norm(dim=-1), log_std.grad.abs()):
        assert 0 < float(gradient[1, 4]) < 1e-2 * float(gradient[0, 4])
    sure = truth._replace(deviation=torch.zeros(0))
    assert task_error(name, answered, sure) > 2 * task_error(name, answered, truth)


def test_deviations_of_places_with_nobody_are_never_read():
    joints = torch.stack([torch.zeros(17, 3), torch.full((17, 3), torch.nan)])
    deviation = torch.tensor([0.05, torch.nan])[:, None].expand(2, 17)
    answered = Answer(torch.full((2, 17, 3), 0.1), torch.zeros(2, 17), torch.zeros(2, 1))
    assert task_loss("mpjpe", answered, Truth(joints, torch.zeros(2), deviation)).isfinite()


def test_the_spread_loss_is_least_at_the_true_deviation():
    generator = torch.Generator().manual_seed(0)
    error = 0.05 * torch.randn(20000, 1, 3, generator=generator)
    truth = torch.zeros_like(error)
    candidates = torch.linspace(0.02, 0.1, 81)
    losses = [float(spread_loss(s.log().expand(20000, 1), error, truth)) for s in candidates]
    assert float(candidates[int(np.argmin(losses))]) == pytest.approx(0.05, abs=0.0015)


def test_dist_is_two_minus_the_mean_correlations_of_rows_and_of_columns():
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 3, 4, 5))

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)

    s, t = (softmax(x).reshape(12, 5) for x in (student, teacher))
    channels = np.mean([pearsonr(s[i], t[i]).statistic for i in range(12)])
    samples = np.mean([pearsonr(s[:, j], t[:, j]).statistic for j in range(5)])
    found = dist_loss(torch.from_numpy(student), torch.from_numpy(teacher))
    assert float(found) == pytest.approx((1 - channels) + (1 - samples))


def test_dist_is_zero_for_equal_latents_and_blind_to_a_constant_per_vector():
    x = torch.randn(3, 4, 8, dtype=torch.float64)
    assert float(dist_loss(x, x)) == pytest.approx(0, abs=1e-12)
    assert float(dist_loss(x + torch.randn(3, 4, 1), x)) == pytest.approx(0, abs=1e-6)
    assert float(dist_loss(-x, x)) > 2


def test_every_distillation_that_a_configuration_may_name_exists_and_differs():
    latents, teacher = torch.randn(4, 6, 16), torch.randn(2, 6, 24)
    owner = torch.tensor([0, 0, 1, 1])
    values = {
        float(alignment(aligner(distillation=d), teacher, latents, owner).distillation.detach())
        for d in DISTILLATIONS
    }
    assert len(values) == len(DISTILLATIONS)


@pytest.mark.parametrize("distillation", DISTILLATIONS)
def test_alignment_reaches_every_part_and_the_students(distillation):
    model = aligner(distillation=distillation)
    features = torch.randn(4, 6, 24, requires_grad=True)
    latents = model.refine(features, torch.randn(4, 6, 16))
    alignment(model, torch.randn(2, 6, 24), latents, torch.tensor([0, 0, 1, 1])).total().backward()
    assert features.grad is not None
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_the_encoder_learns_from_the_reconstruction_alone():
    model = aligner()
    latents = torch.randn(2, 6, 16)
    terms = alignment(model, torch.randn(2, 6, 24), latents, torch.tensor([0, 1]))
    weight = model.encoder[0].weight
    (own,) = torch.autograd.grad(terms.reconstruction, weight, retain_graph=True)
    (all_terms,) = torch.autograd.grad(terms.total(), weight)
    assert own.abs().max() > 0
    assert torch.equal(own, all_terms)


def test_the_encoders_running_statistics_see_a_batch_once():
    model = aligner().train()
    teacher = torch.randn(2, 6, 24)
    once = aligner().train()
    once.encoder(teacher)
    alignment(model, teacher, torch.randn(2, 6, 16), torch.tensor([0, 1]))
    for name, buffer in model.encoder.named_buffers():
        assert torch.equal(buffer, once.encoder.get_buffer(name)), name


@pytest.mark.parametrize("distillation", DISTILLATIONS)
def test_distillation_ends_at_the_teachers_code(distillation):
    model = aligner(distillation=distillation).eval()
    teacher = torch.randn(2, 6, 24)
    code = model.encoder(teacher).detach()
    owner = torch.tensor([1, 0, 1])
    right = alignment(model, teacher, code[owner], owner).distillation
    wrong = alignment(model, teacher, code[[0, 0, 1]], owner).distillation
    assert float(right.detach()) == pytest.approx(0, abs=1e-6)
    assert float(wrong.detach()) > 0.01


def test_the_diffusion_loss_is_the_error_of_the_predicted_noise(monkeypatch):
    """A predictor that solves for the noise from the known code has no loss."""
    model = aligner().eval()
    teacher = torch.randn(2, 6, 24)
    code = model.encoder(teacher)

    def solve(noisy, t):
        kept = model.alpha_bar[t][:, None, None]
        return (noisy - kept.sqrt() * code) / (1 - kept).sqrt()

    monkeypatch.setattr(model.predictor, "forward", solve)
    terms = alignment(model, teacher, code, torch.tensor([0, 1]))
    assert float(terms.diffusion.detach()) == pytest.approx(0, abs=1e-6)


def test_a_place_with_nobody_teaches_presence_alone():
    joints, log_std = (torch.zeros(2, 17, 3, requires_grad=True), torch.zeros(2, 17))
    truth = Truth(torch.stack([torch.ones(17, 3), torch.full((17, 3), torch.nan)]), torch.zeros(2))
    right, wrong = (Answer(joints, log_std, torch.tensor([[s], [-s]])) for s in (6.0, -6.0))
    assert task_loss("mpjpe", right, truth) < task_loss("mpjpe", wrong, truth)
    task_loss("mpjpe", right, truth).backward()
    assert joints.grad[0].abs().sum() > 0
    assert not joints.grad[1].any()
