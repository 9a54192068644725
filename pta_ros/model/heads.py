"""Task heads on fused features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class PTAOutput(NamedTuple):
    """Joints (B, J, 3) metres, log of the per-axis deviation (B, J), weights (B, M).

    The modalities' order is that of config.modalities. `logits` (B, K) are of the activity's
    classes. Without the task pose J is 0, without the task activity K is.
    """

    joints: Tensor
    log_std: Tensor
    weights: Tensor
    logits: Tensor


class PoseHead(nn.Module):
    """Joint positions and their uncertainty: mean over tokens, LayerNorm, linear."""

    def __init__(self, dim: int, joints: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.position = nn.Linear(dim, joints * 3)
        self.spread = nn.Linear(dim, joints)

    @torch.no_grad()
    def start_at(self, mean_pose: Tensor) -> None:
        """Answer `mean_pose` (J, 3), metres, before any training: only deviations are learned."""
        self.position.weight.zero_()
        self.position.bias.copy_(mean_pose.flatten())

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """`fused` (B, L, D) -> joints (B, J, 3) metres, log of the per-axis deviation (B, J)."""
        pooled = self.norm(fused.mean(dim=1))
        # Detached: how sure the model is must not bend where it puts the joints.
        return self.position(pooled).unflatten(1, (-1, 3)), self.spread(pooled.detach())


class ActivityHead(nn.Module):
    """Scores of the activity's classes: mean over tokens, LayerNorm, linear."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.score = nn.Linear(dim, classes)

    def forward(self, fused: Tensor) -> Tensor:
        """`fused` (B, L, D) -> logits (B, K)."""
        logits: Tensor = self.score(self.norm(fused.mean(dim=1)))
        return logits


class Answer(NamedTuple):
    """What a head says, as in PTAOutput."""

    joints: Tensor
    log_std: Tensor
    logits: Tensor


def answer(head: nn.Module, fused: Tensor) -> Answer:
    """Run a PoseHead or an ActivityHead, traced or not, on `fused` (B, L, D)."""
    said = head(fused)
    if isinstance(said, tuple):
        joints, log_std = said
        return Answer(joints, log_std, fused.new_zeros(len(fused), 0))
    return Answer(fused.new_zeros(len(fused), 0, 3), fused.new_zeros(len(fused), 0), said)


class Calibration(nn.Module):
    """Factors of the predicted deviations, one per subset of the modalities and joint.

    They are fitted on validation data (training/calibrate.py); until then they are 1.
    """

    log_factor: Tensor
    place: Tensor

    def __init__(self, modalities: int, joints: int) -> None:
        super().__init__()
        self.register_buffer("log_factor", torch.zeros(2**modalities, joints))
        self.register_buffer("place", 2 ** torch.arange(modalities), persistent=False)

    def forward(self, log_std: Tensor, mask: Tensor) -> Tensor:
        """`log_std` (B, J) of estimates from the modalities in `mask` (B, M), calibrated."""
        return log_std + self.log_factor[self.subset(mask)]

    def subset(self, mask: Tensor) -> Tensor:
        """Number of each row's subset: (B, M) bool -> (B,), modality i counts 2**i."""
        return (mask * self.place).sum(dim=1)
