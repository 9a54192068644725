"""Per-sample reliability on top of the meta-learned weights; beyond the paper."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

#: From features (..., L, D) to joints (..., J, 3) and log deviation (..., J).
Head = Callable[[Tensor], tuple[Tensor, Tensor]]


class ReliabilityGate(nn.Module):
    """Shifts the modalities' logits by what this sample's features show.

    A sensor that is broken now shows it in its own features, or by contradicting the others: the
    gate sees each modality's features, the pose they give alone, and how far it lies from the pose
    of each other modality. It starts as no gate at all, with the meta-learned weights.
    """

    def __init__(self, dim: int, joints: int, hidden: int = 64) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.own = nn.Linear(dim + joints, hidden)
        self.pair = nn.Sequential(nn.Linear(2 * hidden + joints + 3, hidden), nn.ReLU())
        self.score = nn.Linear(2 * hidden, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, features: Tensor, mask: Tensor, head: Head, logits: Tensor) -> Tensor:
        """Features (B, M, L, D), mask (B, M), meta logits (M,) -> weights (B, M), rows sum to 1."""
        joints, log_std = head(features.flatten(0, 1))
        joints, log_std = (x.unflatten(0, mask.shape) for x in (joints, log_std))
        pooled = self.norm(features.mean(dim=2))
        own = self.own(torch.cat([pooled, log_std], dim=-1)).relu()  # (B, M, H)
        shift = self.score(torch.cat([own, self._others(own, joints, mask)], dim=-1))[..., 0]
        return (logits + shift).masked_fill(~mask, -torch.inf).softmax(dim=1)

    def _others(self, own: Tensor, joints: Tensor, mask: Tensor) -> Tensor:
        """What the other available modalities say of each: (B, M, H); zero where there is none."""
        count = mask.shape[1]
        difference = joints[:, :, None] - joints[:, None]  # (B, M, M, J, 3), metres
        seen = torch.cat(
            [
                own[:, :, None].expand(-1, -1, count, -1),
                own[:, None].expand(-1, count, -1, -1),
                10 * difference.norm(dim=-1),
                10 * difference.mean(dim=3),
            ],
            dim=-1,
        )
        others = mask[:, None] & ~torch.eye(count, dtype=torch.bool, device=mask.device)
        messages = self.pair(seen) * others[..., None]
        return messages.sum(dim=2) / others.sum(dim=2, keepdim=True).clamp(min=1)
