"""Purify: meta-learned weights of the modalities, the weighted sum (Eq. 4, 5), and the gate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.model.layers import deviation

#: Threshold until it is calibrated: corrupt frames are rarer in operation than in training.
PRIOR = 3.0
#: Scales distances in metres to the order of one, by the coordinates: probabilities are so already.
_SCALE = {3: 10.0, 1: 1.0}


class ModalityWeights(nn.Module):
    """One learned logit per modality; weights renormalise over the modalities present."""

    def __init__(self, modalities: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(modalities))

    def forward(self, available: Tensor) -> Tensor:
        """`available` (B, M) bool, one or more per row -> weights (B, M), rows sum to 1 (Eq. 4)."""
        return self._logits(available).softmax(dim=1)

    def log(self, available: Tensor) -> Tensor:
        """Logs of the weights (B, M): -inf where absent, with a gradient that is finite."""
        return self._logits(available).log_softmax(dim=1)

    def _logits(self, available: Tensor) -> Tensor:
        return self.logits.expand(available.shape).masked_fill(~available, -torch.inf)


def fuse(parts: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum over modalities (Eq. 5): (B, M, ...), (B, M) -> (B, ...).

    The parts are features (B, M, L, D) or, in a fusion of decisions, predictions.
    """
    return fuse_sets(parts, weights[:, None])[:, 0]


def fuse_sets(parts: Tensor, weights: Tensor) -> Tensor:
    """As `fuse`, with R sets of weights: (B, M, ...), (B, R, M) -> (B, R, ...)."""
    summed = weights @ parts[..., None].flatten(2)  # one product, and no copy for each set
    return summed.view(*weights.shape[:2], *parts.shape[2:])


def subset_number(mask: Tensor) -> Tensor:
    """The number of each row's subset: (B, M) bool -> (B,), modality i counts 2**i."""
    return (mask * 2 ** torch.arange(mask.shape[1], device=mask.device)).sum(dim=1)


def pooled(features: Tensor) -> Tensor:
    """Of features (B, M, L, D) what the gate sees: means and deviations of tokens (B, M, 2D)."""
    return torch.cat([features.mean(dim=2), deviation(features, 2)], dim=-1)


class ReliabilityGate(nn.Module):
    """Tells corrupt frames from good ones, and leaves them out (beyond the paper).

    A corrupt frame shows in its own features, or contradicts the others: the gate sees each
    modality's features before refinement, the pose it shows alone, and how far it lies from the
    pose of each other modality. It estimates how likely each frame is to be corrupt, not the error
    of its pose, so a good frame of a poor sensor keeps the meta-learned weight. Of activities,
    `joints` is the number of classes, each with one coordinate, the root of its probability: the
    distance of two answers is then Hellinger's.

    `threshold` holds the log odds above which a frame is left out, one for each subset of the
    modalities and modality; `by_itself` is true where the others are too poor as witnesses, and the
    modality is judged by what it shows itself. training/gate.py sets both on validation people.
    Before any training the gate leaves nothing out.
    """

    threshold: Tensor
    by_itself: Tensor

    def __init__(
        self,
        dim: int,
        joints: int,
        modalities: int,
        hidden: int = 64,
        dropout: float = 0.3,
        coordinates: int = 3,
    ) -> None:
        super().__init__()
        self._scale = _SCALE[coordinates]
        self.norm = nn.Sequential(nn.LayerNorm(2 * dim), nn.Dropout(dropout))
        self.own = nn.ModuleList(nn.Linear(2 * dim + joints, hidden) for _ in range(modalities))
        self.pair = nn.Sequential(nn.Linear(2 * hidden + joints + coordinates, hidden), nn.ReLU())
        self.odds = nn.ModuleList(nn.Linear(2 * hidden, 1) for _ in range(modalities))
        each = (2**modalities, modalities)
        self.register_buffer("threshold", torch.full(each, PRIOR))
        self.register_buffer("by_itself", torch.zeros(each, dtype=torch.bool))
        for layer in self.odds:
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, mask: Tensor, joints: Tensor, log_std: Tensor) -> Tensor:
        """Which frames to use, (B, M) bool, of features (B, M, L, D) and what is there (B, M).

        Each modality by itself shows `joints` (B, M, J, C) with `log_std` (B, M, J).
        Frames are left out one by one, the most doubtful first, as one that contradicts makes the
        others look doubtful too. One frame is always kept.
        """
        own = self._summary(pooled(features), log_std)
        for _ in range(mask.shape[1] - 1):
            odds = self._scores(own, joints, mask)
            excess = (odds - self.threshold[subset_number(mask)]).masked_fill(~mask, -torch.inf)
            worst = nn.functional.one_hot(excess.argmax(dim=1), mask.shape[1]).bool()
            mask = mask & ~(worst & (excess > 0) & (mask.sum(dim=1, keepdim=True) > 1))
        return mask

    def log_odds(self, vectors: Tensor, mask: Tensor, joints: Tensor, log_std: Tensor) -> Tensor:
        """Log odds (B, M) that each frame is corrupt; where it is absent, a number to ignore.

        As `forward`, of what `pooled` makes of features: `vectors` (B, M, 2D).
        """
        return self._scores(self._summary(vectors, log_std), joints, mask)

    def _summary(self, vectors: Tensor, log_std: Tensor) -> Tensor:
        """Each modality by itself: a summary (B, M, H) of its features and how sure it is."""
        seen = torch.cat([self.norm(vectors), log_std], dim=-1).unbind(dim=1)
        return torch.stack([f(x).relu() for f, x in zip(self.own, seen, strict=True)], dim=1)

    def _scores(self, own: Tensor, joints: Tensor, mask: Tensor) -> Tensor:
        unheard = self.by_itself[subset_number(mask)][..., None]
        others = self._others(own, joints, mask).masked_fill(unheard, 0.0)
        both = torch.cat([own, others], dim=-1).unbind(dim=1)
        return torch.cat([f(x) for f, x in zip(self.odds, both, strict=True)], dim=1)

    def _others(self, own: Tensor, joints: Tensor, mask: Tensor) -> Tensor:
        """The mean message (B, M, H) to each modality from the others; zero where there is none."""
        count = mask.shape[1]
        difference = joints[:, :, None] - joints[:, None]  # (B, M, M, J, C)
        seen = torch.cat(
            [
                own[:, :, None].expand(-1, -1, count, -1),
                own[:, None].expand(-1, count, -1, -1),
                self._scale * difference.norm(dim=-1),
                self._scale * difference.mean(dim=3),
            ],
            dim=-1,
        )
        others = mask[:, None] & ~torch.eye(count, dtype=torch.bool, device=mask.device)
        messages = self.pair(seen) * others[..., None]
        return messages.sum(dim=2) / others.sum(dim=2, keepdim=True).clamp(min=1)
