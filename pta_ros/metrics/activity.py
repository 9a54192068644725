"""Accuracy of a system over every subset of its modalities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.metrics.poses import outputs_of
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.projector import Projected


@dataclass(frozen=True)
class ActivityResult:
    """One subset over `samples` samples; percent.

    `confusion` (K, K) counts samples: rows are the true classes, columns the answers.
    """

    subset: str
    samples: int
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]

    def figures(self) -> dict[str, str | int | float]:
        """Plain values, without the confusion."""
        return {"subset": self.subset, "samples": self.samples, "accuracy": self.accuracy}


def evaluate_activities(
    model: Projected, data: FeatureSet, rows: Tensor, refine: bool | None = None
) -> list[ActivityResult]:
    """Evaluate `model` on `rows` for all subsets; samples that lack a member are left out of one.

    A subset that no sample has is left out of the results. `refine` as in PTA.complete.
    """
    results = []
    for subset in subsets(model.config.modalities):
        out, kept = outputs_of(model, data, rows, subset, refine)
        if len(kept):
            told = out.logits.argmax(dim=1)
            labels = data.truth(kept).labels
            counts = confusion(labels, told, out.logits.shape[1])
            results.append(
                ActivityResult(
                    subset=subset_name(subset),
                    samples=len(kept),
                    accuracy=100 * float((told == labels).float().mean()),
                    confusion=tuple(tuple(row) for row in counts.tolist()),
                )
            )
    return results


def confusion(labels: Tensor, told: Tensor, classes: int) -> Tensor:
    """How often each true class (row) was told as each (column): (K, K) counts."""
    return torch.bincount(labels * classes + told, minlength=classes**2).view(classes, classes)
