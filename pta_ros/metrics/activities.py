"""How right, how sure, how steady and how late what is told of activities is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Labels = NDArray[np.int64]

#: A true class that is told as impossible costs as much as one that is told as this likely.
LEAST = 1e-6
_BINS = 15


def log_loss(probabilities: Array, truth: Labels) -> float:
    """Mean of -log of the true class's probability; `probabilities` (N, K), `truth` (N,)."""
    told = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(told, LEAST)).mean())


def calibration_error(probabilities: Array, truth: Labels) -> float:
    """Expected calibration error of the most probable class, 0 to 1, in 15 bins of confidence."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    apart = np.bincount(bins, sure - right, minlength=_BINS)
    return float(np.abs(apart).sum() / len(truth))


def changes_per_min(seconds: Array, labels: Labels) -> float | None:
    """How often labels (N,) change from one to the next, per minute; None of less than two."""
    if len(labels) < 2:
        return None
    changes = np.count_nonzero(np.diff(labels))
    return 60.0 * float(changes / (seconds[-1] - seconds[0]))


def delays_s(seconds: Array, labels: Labels, truth: Labels) -> NDArray[np.float64]:
    """From each true change to the first estimate that knows of it; inf where none does in time."""
    begins = [*(np.flatnonzero(np.diff(truth)) + 1), len(truth)]
    found = []
    for begin, end in pairwise(begins):
        right = np.flatnonzero(labels[begin:end] == truth[begin])
        found.append(seconds[begin + right[0]] - seconds[begin] if len(right) else np.inf)
    return np.array(found, np.float64)
