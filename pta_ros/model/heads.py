"""Task heads on fused features."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
