"""Purify by itself on one's own models' outputs: the weights, and what they are worth.

Every figure is of samples that the weights were not fitted on: the file is halved at random, each
half fits the weights that the other half is measured with, and that several times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, softmax

from pta_ros.datasets.outputs import Outputs
from pta_ros.errors import DatasetError
from pta_ros.metrics.activities import calibration_error
from pta_ros.metrics.pose import mpjpe
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.purify import ModalityWeights, fuse
from pta_ros.training.purify import fit_modality_weights

#: Fewer samples than this say nothing of weights and test them no better.
LEAST = 40
_STEPS, _BATCH, _RATE = 400, 256, 2e-2

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SubsetFigures:
    """One subset on held-out halves: with equal weights (the mean of the outputs) and with fitted
    ones; `spread` is from the least to the most of the rounds, of the fitted. `harm` is how much
    the best subset within this one is better on the very same samples; 0: none is.

    Of labels figures are accuracies in percent, and `ece_percent` the calibration error; of poses
    MPJPE in mm, without an ece.
    """

    name: str
    samples: int
    mean: float
    fitted: float
    spread: tuple[float, float]
    harm: float
    ece_percent: float | None


@dataclass(frozen=True)
class OwnOutputs:
    """`weights` by modality, fitted on everything; they sum to 1, over a subset's modalities anew.

    `subsets` are figures of held-out halves.
    """

    weights: dict[str, float]
    subsets: tuple[SubsetFigures, ...]
    has_labels: bool

    def gain(self, subset: SubsetFigures) -> float:
        """What fitting is worth over the mean of the outputs; more is better."""
        apart = subset.fitted - subset.mean
        return apart if self.has_labels else -apart


def fit_outputs(
    given: Outputs,
    rounds: int = 5,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> OwnOutputs:
    """Fit the weights, and measure them on held-out halves `rounds` times.

    Raises DatasetError for too few samples.
    """
    seen = np.flatnonzero(given.present.any(axis=1))
    count = len(seen)
    if count < LEAST:
        raise DatasetError(
            f"{count} samples; expected {LEAST} or more to fit weights and to test them"
        )
    names = subsets(tuple(given.values))
    told: dict[str, list[_Figures]] = {subset_name(s): [] for s in names}
    for number in range(rounds):
        order = np.random.default_rng([seed, number]).permutation(seen)
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for fitting, testing in (halves, halves[::-1]):
            weights = _fit(given, fitting, seed)
            for subset in names:
                told[subset_name(subset)] += _measured(given, testing, subset, weights)
        progress(number + 1, rounds)
    final = _fit(given, seen, seed)
    shares = final(torch.ones(1, len(given.values), dtype=torch.bool))[0].tolist()
    found = [_joined(name, figures) for name, figures in told.items() if figures]
    return OwnOutputs(dict(zip(given.values, shares, strict=True)), tuple(found), given.has_labels)


def _fit(given: Outputs, rows: NDArray[np.integer], seed: int) -> ModalityWeights:
    outputs = {name: torch.from_numpy(values[rows]) for name, values in given.values.items()}
    target = torch.from_numpy(given.target[rows])
    loss = cross_entropy if given.has_labels else mse_loss
    present = torch.from_numpy(given.present[rows])
    return fit_modality_weights(
        outputs, target, loss, present=present, steps=_STEPS, batch=_BATCH, learning_rate=_RATE,
        seed=seed,
    ).weights  # fmt: skip


@dataclass(frozen=True)
class _Figures:
    samples: int
    mean: float
    fitted: float
    harm: float
    ece_percent: float | None


def _measured(
    given: Outputs, rows: NDArray[np.integer], subset: tuple[str, ...], weights: ModalityWeights
) -> list[_Figures]:
    """Figures of the rows that have the whole subset; none without such rows."""
    rows = rows[given.present[rows][:, _mask(given, subset)].all(axis=1)]
    if not len(rows):
        return []
    parts = torch.from_numpy(np.stack([np.nan_to_num(v[rows]) for v in given.values.values()], 1))
    target, mask = given.target[rows], torch.from_numpy(_mask(given, subset))[None]
    equal = fuse(parts, (mask / mask.sum()).expand(len(rows), -1))
    fitted = _fused(given, parts, subset, weights)
    before, after = (_score(given, estimate, target) for estimate in (equal, fitted))
    inner = [
        _score(given, _fused(given, parts, within, weights), target)
        for within in subsets(subset)
        if within != subset
    ]
    best = (max if given.has_labels else min)([after, *inner])
    ece = 100 * calibration_error(softmax(fitted, 1).numpy(), target) if given.has_labels else None
    return [_Figures(len(rows), before, after, abs(best - after), ece)]


def _mask(given: Outputs, subset: tuple[str, ...]) -> Mask:
    return np.array([name in subset for name in given.values])


@torch.no_grad()
def _fused(
    given: Outputs, parts: Tensor, subset: tuple[str, ...], weights: ModalityWeights
) -> Tensor:
    mask = torch.from_numpy(_mask(given, subset))[None].expand(len(parts), -1)
    return fuse(parts, weights(mask))


def _score(given: Outputs, estimate: Tensor, target: NDArray[Any]) -> float:
    """Accuracy in percent, or MPJPE in mm."""
    told = estimate.numpy()
    if given.has_labels:
        return 100.0 * float((told.argmax(axis=1) == target).mean())
    return 1e3 * float(mpjpe(told, target).mean())


def _joined(name: str, figures: list[_Figures]) -> SubsetFigures:
    fitted = [f.fitted for f in figures]
    sure = [f.ece_percent for f in figures if f.ece_percent is not None]
    return SubsetFigures(
        name=name,
        samples=round(mean(f.samples for f in figures)),
        mean=mean(f.mean for f in figures),
        fitted=mean(fitted),
        spread=(min(fitted), max(fitted)),
        harm=mean(f.harm for f in figures),
        ece_percent=mean(sure) if sure else None,
    )
