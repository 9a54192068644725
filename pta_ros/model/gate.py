"""Per-sample reliability on top of the meta-learned weights; beyond the paper."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pta_ros.model.purify import subset_number

#: From features (..., L, D) to joints (..., J, 3) and log deviation (..., J).
Head = Callable[[Tensor], tuple[Tensor, Tensor]]

#: Threshold until it is calibrated: corrupted frames are rarer in operation than in training.
PRIOR = 3.0
#: Metres to numbers of order one.
_PER_METRE = 10.0


class ReliabilityGate(nn.Module):
    """Tells corrupted frames from good ones, and leaves them out.

    A sensor that is broken now shows it in its own features, or by contradicting the others: the
    gate sees each modality's features before refinement, the pose they give alone, and how far it
    lies from the pose of each other modality. It says how likely each frame is to be corrupted and
    knows nothing of errors, so a good frame of a poor sensor keeps the meta-learned weight.

    `threshold` holds the log odds above which a frame is left out, one for each subset of the
    modalities and modality; training/calibrate.py sets them on validation people. The gate starts
    as no gate at all.
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

    def forward(self, features: Tensor, mask: Tensor, head: Head) -> Tensor:
        """Which frames to use, (B, M) bool, of features (B, M, L, D) and what is there (B, M).

        One by one, the most doubtful first: a frame that contradicts makes its neighbours look
        doubtful until it is gone. One frame is always kept.
        """
        own, joints = self._look(features, head)
        for _ in range(mask.shape[1] - 1):
            odds = self._judge(own, joints, mask)
            excess = (odds - self.threshold[subset_number(mask)]).masked_fill(~mask, -torch.inf)
            worst = nn.functional.one_hot(excess.argmax(dim=1), mask.shape[1]).bool()
            mask = mask & ~(worst & (excess > 0) & (mask.sum(dim=1, keepdim=True) > 1))
        return mask

    def log_odds(self, features: Tensor, mask: Tensor, head: Head) -> Tensor:
        """Log odds (B, M) that each frame is corrupted; without meaning where it is absent."""
        return self._judge(*self._look(features, head), mask)

    def _look(self, features: Tensor, head: Head) -> tuple[Tensor, Tensor]:
        """Each modality by itself: what it shows (B, M, H), and its pose (B, M, J, 3)."""
        joints, log_std = head(features.flatten(0, 1))
        joints, log_std = (x.unflatten(0, features.shape[:2]) for x in (joints, log_std))
        pooled = self.norm(torch.cat([features.mean(dim=2), features.std(dim=2)], dim=-1))
        seen = torch.cat([pooled, log_std], dim=-1).unbind(dim=1)
        own = torch.stack([f(x).relu() for f, x in zip(self.own, seen, strict=True)], dim=1)
        return own, joints

    def _judge(self, own: Tensor, joints: Tensor, mask: Tensor) -> Tensor:
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
