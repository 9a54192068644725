"""Per-sample reliability on top of the meta-learned weights; beyond the paper."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pta_ros.model.purify import subset_number

#: From features (..., L, D) to joints (..., J, 3) and log deviation (..., J).
Head = Callable[[Tensor], tuple[Tensor, Tensor]]

#: Until it is calibrated: corrupted frames are rarer in operation than in training, by so much.
PRIOR = 3.0
#: How fast the log of a weight falls with the log odds above the threshold.
POWER = 4.0
#: Metres to numbers of order one.
_PER_METRE = 10.0


class ReliabilityGate(nn.Module):
    """Tells corrupted frames from good ones, and takes their weight away.

    A sensor that is broken now shows it in its own features, or by contradicting the others: the
    gate sees each modality's features before refinement, the pose they give alone, and how far it
    lies from the pose of each other modality. It says how likely each frame is to be corrupted and
    knows nothing of errors, so a good frame of a poor sensor keeps the meta-learned weight, and so
    does every frame whose log odds stay below `threshold`, one for each subset of the modalities
    and modality: what good frames of validation people reach (training/calibrate.py). It starts as
    no gate at all.
    """

    threshold: Tensor

    def __init__(
        self, dim: int, joints: int, modalities: int, hidden: int = 64, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.norm = nn.Sequential(nn.LayerNorm(2 * dim), nn.Dropout(dropout))
        self.own = nn.ModuleList(nn.Linear(2 * dim + joints, hidden) for _ in range(modalities))
        self.pair = nn.Sequential(nn.Linear(2 * hidden + joints + 3, hidden), nn.ReLU())
        self.odds = nn.ModuleList(nn.Linear(2 * hidden, 1) for _ in range(modalities))
        self.register_buffer("threshold", torch.full((2**modalities, modalities), PRIOR))
        for layer in self.odds:
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, mask: Tensor, head: Head, logits: Tensor) -> Tensor:
        """Features (B, M, L, D), mask (B, M), meta logits (M,) -> weights (B, M), rows sum to 1."""
        doubt = (self.log_odds(features, mask, head) - self.threshold[subset_number(mask)]).relu()
        return (logits - POWER * doubt).masked_fill(~mask, -torch.inf).softmax(dim=1)

    def log_odds(self, features: Tensor, mask: Tensor, head: Head) -> Tensor:
        """Log odds (B, M) that each frame is corrupted; without meaning where it is absent."""
        joints, log_std = head(features.flatten(0, 1))
        joints, log_std = (x.unflatten(0, mask.shape) for x in (joints, log_std))
        pooled = self.norm(torch.cat([features.mean(dim=2), features.std(dim=2)], dim=-1))
        seen = torch.cat([pooled, log_std], dim=-1).unbind(dim=1)
        own = torch.stack([f(x).relu() for f, x in zip(self.own, seen, strict=True)], dim=1)
        both = torch.cat([own, self._others(own, joints, mask)], dim=-1).unbind(dim=1)
        return torch.cat([f(x) for f, x in zip(self.odds, both, strict=True)], dim=1)

    def _others(self, own: Tensor, joints: Tensor, mask: Tensor) -> Tensor:
        """What the other available modalities say of each: (B, M, H); zero where there is none."""
        count = mask.shape[1]
        difference = joints[:, :, None] - joints[:, None]  # (B, M, M, J, 3), metres
        seen = torch.cat(
            [
                own[:, :, None].expand(-1, -1, count, -1),
                own[:, None].expand(-1, count, -1, -1),
                _PER_METRE * difference.norm(dim=-1),
                _PER_METRE * difference.mean(dim=3),
            ],
            dim=-1,
        )
        others = mask[:, None] & ~torch.eye(count, dtype=torch.bool, device=mask.device)
        messages = self.pair(seen) * others[..., None]
        return messages.sum(dim=2) / others.sum(dim=2, keepdim=True).clamp(min=1)
