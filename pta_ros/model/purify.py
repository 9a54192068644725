"""Purify: meta-learned weights of the modalities and the weighted sum (Eq. 4 and 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ModalityWeights(nn.Module):
    """One learned logit per modality; weights renormalise over the modalities present."""

    def __init__(self, modalities: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(modalities))

    def forward(self, available: Tensor) -> Tensor:
        """`available` (B, M) bool, one or more per row -> weights (B, M), rows sum to 1 (Eq. 4)."""
        logits = self.logits.expand(available.shape).masked_fill(~available, -torch.inf)
        return logits.softmax(dim=1)


def fuse(parts: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum over modalities (Eq. 5): (B, M, ...), (B, M) -> (B, ...).

    The parts are features (B, M, L, D) or, in a fusion of decisions, predictions.
    """
    # Not by einsum: its product of one column takes five times as long.
    return (parts * weights.unflatten(1, (-1, *[1] * (parts.dim() - 2)))).sum(dim=1)


def subset_number(mask: Tensor) -> Tensor:
    """Number of each row's subset: (B, M) bool -> (B,), modality i counts 2**i."""
    return (mask * 2 ** torch.arange(mask.shape[1], device=mask.device)).sum(dim=1)
