"""Losses of the pose task; joints in metres, (B, J, 3)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def mean_joint_distance(estimate: Tensor, truth: Tensor) -> Tensor:
    """Mean distance of the joints: the metric MPJPE itself, in metres."""
    return torch.linalg.vector_norm(estimate - truth, dim=-1).mean()


#: Task losses by the name a configuration uses; the paper's is mse.
TASK_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": nn.functional.mse_loss,
    "mpjpe": mean_joint_distance,
}


def spread_loss(log_std: Tensor, estimate: Tensor, truth: Tensor) -> Tensor:
    """Negative log-likelihood of the joints' errors under an isotropic normal per joint.

    `log_std` (B, J): log of the per-axis deviation in metres. The estimate is a constant here:
    only the deviation learns.
    """
    squared = (estimate.detach() - truth).square().sum(dim=-1)
    return (3 * log_std + 0.5 * squared * torch.exp(-2 * log_std)).mean()
