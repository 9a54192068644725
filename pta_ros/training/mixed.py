"""Features of which some are of corrupted frames, for the fusion to bear and the gate to find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pta_ros.datasets.feature_set import FeatureSet

#: Features of corrupted frames: modality -> kind -> tokens of the same rows as the clean ones.
Corrupted = Mapping[str, Mapping[str, FeatureSet]]


@dataclass(frozen=True, eq=False)
class Mixed:
    """Draws rows of `clean` of which each modality is corrupt with its probability in `shares`.

    What is used alone stays clean: there is nothing to weigh it against.
    """

    clean: FeatureSet
    corrupted: Corrupted
    shares: Mapping[str, float]

    def __call__(self, rows: Tensor, mask: Tensor) -> tuple[FeatureSet, Tensor]:
        """A set of the features of `rows` alone, and its rows; see fresh.Draw."""
        fused = mask.sum(dim=1) > 1
        mixed, _ = mix(self.clean, self.corrupted, rows, self.shares, fused)
        return mixed, torch.arange(len(rows))


def mix(
    clean: FeatureSet,
    corrupted: Corrupted,
    rows: Tensor,
    shares: Mapping[str, float],
    where: Tensor | None = None,
) -> tuple[FeatureSet, Tensor]:
    """Features of `rows`, each modality of each row corrupt with its probability; which (B, M).

    `shares` has the probabilities; modalities that it does not name stay clean, and so do
    rows that are not in `where` (B,) bool. The columns are in the order of `corrupted`, which has
    all modalities.
    """
    tokens, points, bad = {}, {}, []
    for modality, kinds in corrupted.items():
        own = clean.tokens[modality][rows]
        place = clean.points[modality][rows] if modality in clean.points else None
        chosen = torch.rand(len(rows)) < shares.get(modality, 0.0)
        chosen = chosen if where is None else chosen & where
        which = torch.where(chosen, torch.randint(len(kinds), (len(rows),)), -1)
        for number, view in enumerate(kinds.values()):
            hit = which == number
            own[hit] = view.tokens[modality][rows[hit]].to(own.device)
            if place is not None:
                place[hit] = view.points[modality][rows[hit]].to(place.device)
        tokens[modality] = own
        if place is not None:
            points[modality] = place
        bad.append(chosen)
    truth = clean.truth(rows)
    mixed = FeatureSet(
        tokens, points, clean.present[rows], truth.joints, rows, truth.labels,
        truth.deviation,
    )  # fmt: skip
    return mixed, torch.stack(bad, dim=1)


def with_view(clean: FeatureSet, modality: str, view: FeatureSet) -> FeatureSet:
    """`clean` with one modality as it is in `view`, of the same rows."""
    return replace(
        clean,
        tokens={**clean.tokens, modality: view.tokens[modality]},
        points={**clean.points, **view.points},
    )
