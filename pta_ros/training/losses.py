"""Losses: of the tasks (joints in metres, (B, J, 3); classes) and of the alignment (Eq. 6, 7)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pta_ros.datasets.feature_set import CERTAIN, Truth
from pta_ros.model.align import Aligner
from pta_ros.model.heads import Answer, PTAOutput
from pta_ros.training.distributed import ALONE, Ranks

Loss = Callable[[Tensor, Tensor], Tensor]


def mean_joint_distance(estimate: Tensor, truth: Tensor) -> Tensor:
    """Mean distance of the joints: the metric MPJPE itself, in metres."""
    return _distance(estimate, truth).mean()


def _distance(estimate: Tensor, truth: Tensor) -> Tensor:
    distance: Tensor = torch.linalg.vector_norm(estimate - truth, dim=-1)
    return distance


def _squared(estimate: Tensor, truth: Tensor) -> Tensor:
    return (estimate - truth).square().mean(dim=-1)


#: Errors of single joints, (B, J, 3) twice -> (B, J), by the name that a configuration uses for the
#: loss, which is their mean; the paper's is mse.
JOINT_ERRORS: dict[str, Loss] = {"mse": _squared, "mpjpe": _distance}
#: A joint of the truth that is known to this deviation, metres, counts half of one that is certain.
HALF_M = 0.1
#: The activity's.
CROSS_ENTROPY = "cross_entropy"
#: Of the presence's cross entropy beside errors in metres.
_PRESENCE = 0.05
#: Names of the task losses of each task.
LOSSES_OF: dict[str, tuple[str, ...]] = {
    "pose": tuple(JOINT_ERRORS),
    "activity": (CROSS_ENTROPY,),
}


def task_error(name: str, result: Answer | PTAOutput, truth: Truth) -> Tensor:
    """The task loss `name` of a result of a head or a model."""
    if name == CROSS_ENTROPY:
        return nn.functional.cross_entropy(result.logits, truth.labels)
    if not result.logits.shape[1]:
        return _pose_error(name, result, truth)
    there = _there(truth)
    sure = nn.functional.binary_cross_entropy_with_logits(result.logits[:, 0], there.float())
    if not bool(there.any()):
        return _PRESENCE * sure
    return _pose_error(name, *_only(there, result, truth)) + _PRESENCE * sure


def _pose_error(name: str, result: Answer | PTAOutput, truth: Truth) -> Tensor:
    return weighted_mean(JOINT_ERRORS[name](result.joints, truth.joints), truth.deviation)


def weighted_mean(each: Tensor, deviation: Tensor) -> Tensor:
    """The mean of joints' values (B, J), each weighed by how well the truth is known.

    The weight is 1 / (1 + (deviation / HALF_M)^2): the inverse variance of a truth that is an
    estimate, beside a model that is itself off by HALF_M. Without deviations all weigh the same.
    """
    if not len(deviation):
        return each.mean()
    weights = 1 / (1 + (deviation / HALF_M).square())
    return (weights * each).sum() / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)


def _only(
    rows: Tensor, result: Answer | PTAOutput, truth: Truth
) -> tuple[Answer | PTAOutput, Truth]:
    """Some rows (B,) bool of the poses."""
    deviation = truth.deviation[rows] if len(truth.deviation) else truth.deviation
    told = truth._replace(joints=truth.joints[rows], deviation=deviation)
    return result._replace(joints=result.joints[rows], log_std=result.log_std[rows]), told


def _there(truth: Truth) -> Tensor:
    """Rows (B,) in which somebody is: a place with nobody has no joints, but NaN."""
    return truth.joints.isfinite().flatten(1).all(dim=1)


def task_loss(name: str, result: Answer | PTAOutput, truth: Truth) -> Tensor:
    """L_task and the loss of the deviations, whose gradient reaches their own layer alone."""
    task = task_error(name, result, truth)
    if name == CROSS_ENTROPY:
        return task
    if not result.logits.shape[1]:
        return task + 1e-3 * _spread(result, truth)
    there = _there(truth)
    if not bool(there.any()):
        return task
    return task + 1e-3 * _spread(*_only(there, result, truth))


def _spread(result: Answer | PTAOutput, truth: Truth) -> Tensor:
    return spread_loss(result.log_std, result.joints, truth.joints, truth.deviation)


def spread_loss(
    log_std: Tensor, estimate: Tensor, truth: Tensor, deviation: Tensor = CERTAIN
) -> Tensor:
    """Negative log-likelihood of the joints' errors under an isotropic normal per joint.

    `log_std` (B, J): log of the per-axis deviation in metres; `deviation` that of the truth, by
    which joints are weighed. No gradient reaches the estimate.
    """
    squared = (estimate.detach() - truth).square().sum(dim=-1)
    return weighted_mean(3 * log_std + 0.5 * squared * torch.exp(-2 * log_std), deviation)


def dist_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """DIST (Huang et al., 2022) at temperature 1, (n, L, d) each: 0 for equal, 4 at most.

    (1 - Pearson correlation over the channels of the softmaxed vectors) + (the same over the
    samples); every token of every row is a sample, as in the release.
    """
    s, t = (x.flatten(0, -2).softmax(dim=-1) for x in (student, teacher))
    return 2 - _pearson(s, t, dim=1).mean() - _pearson(s, t, dim=0).mean()


def _pearson(a: Tensor, b: Tensor, dim: int) -> Tensor:
    a, b = (x - x.mean(dim=dim, keepdim=True) for x in (a, b))
    return nn.functional.cosine_similarity(a, b, dim=dim)


_DISTILL: dict[str, Loss] = {"mse": nn.functional.mse_loss, "dist": dist_loss}


class Alignment(NamedTuple):
    """Terms of L_align (Eq. 7), each a scalar."""

    diffusion: Tensor
    distillation: Tensor
    reconstruction: Tensor

    def total(self) -> Tensor:
        """L_align, the sum of the terms."""
        return self.diffusion + self.distillation + self.reconstruction


def alignment(
    aligner: Aligner,
    teacher: Tensor,
    latents: Tensor,
    owner: Tensor,
    generator: torch.Generator | None = None,
    ranks: Ranks = ALONE,
) -> Alignment:
    """Terms of L_align for refined `latents` (n, L, d), each of teacher row `owner` (n,).

    Gradients reach `teacher` (B, L, D): make it of detached features, so that they end at its
    weights. The auto-encoder's encoder learns from the reconstruction alone.
    """
    count, device = len(teacher), teacher.device
    t = torch.randint(aligner.config.train_steps, (count,), generator=generator, device=device)
    shape = (count, *aligner.start_noise.shape)
    noise = torch.randn(shape, generator=generator, device=device, dtype=teacher.dtype)
    rebuilt, code, predicted = ranks.share(partial(_of_teacher, aligner), teacher, t, noise)
    return Alignment(
        diffusion=nn.functional.mse_loss(predicted, noise),
        distillation=_DISTILL[aligner.config.distillation](latents, code[owner]),
        reconstruction=nn.functional.mse_loss(rebuilt, teacher),
    )


def _of_teacher(
    aligner: Aligner, teacher: Tensor, t: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The teacher's reconstruction, its code, and the noise seen in that code at step t."""
    rebuilt = aligner.decoder(aligner.encoder(teacher))
    code = _with_constants(aligner.encoder, teacher)
    kept = aligner.alpha_bar[t][:, None, None]
    return rebuilt, code, aligner.predictor(kept.sqrt() * code + (1 - kept).sqrt() * noise, t)


def _with_constants(module: nn.Module, x: Tensor) -> Tensor:
    """`module(x)` that moves neither its parameters nor its running statistics."""
    named = chain(module.named_parameters(), module.named_buffers())
    return functional_call(module, {name: t.detach().clone() for name, t in named}, (x,))
