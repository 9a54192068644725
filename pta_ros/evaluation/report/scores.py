"""One replay with its errors worked out once, and means of them over any choice of estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.report.states import Seconds, seconds
from pta_ros.frames import FloatArray
from pta_ros.metrics.pose import pa_mpjpe

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
#: Two replays' estimates of the same moment: their stamps differ by at most this.
_SAME_MOMENT_S = 0.02


@dataclass(frozen=True)
class Errors:
    """Mean errors over `estimates` that have ground truth."""

    estimates: int
    mpjpe_mm: float
    pa_mpjpe_mm: float


@dataclass(frozen=True)
class Accuracy:
    """Share of right answers (percent) among `estimates` whose window lies in one activity."""

    estimates: int
    accuracy_percent: float


Judged = Errors | Accuracy


@dataclass(frozen=True, eq=False)
class Scored:
    """A replay of N estimates: `seconds` (N,) after the begin, errors in mm, NaN without truth.

    `right` (N,) is 1 or 0 for an answer that can be judged, else NaN; of a pose all are NaN.
    """

    run: Replayed
    seconds: Seconds
    joint_mm: FloatArray
    error_mm: FloatArray
    pa_mm: FloatArray
    right: FloatArray

    @property
    def known(self) -> Mask:
        """Which estimates have a ground truth (N,)."""
        return np.isfinite(self.right if self.run.classes else self.error_mm)

    @property
    def has_truth(self) -> bool:
        """Whether any estimate has a ground truth."""
        return bool(self.known.any())

    def errors(self, chosen: Mask | None = None) -> Judged | None:
        """Means over the chosen estimates; None when none of them has ground truth."""
        known = self.known
        if chosen is not None:
            known &= chosen
        if not known.any():
            return None
        if self.run.classes:
            return Accuracy(int(known.sum()), 100.0 * float(self.right[known].mean()))
        mean, pa_mean = self.error_mm[known].mean(), self.pa_mm[known].mean()
        return Errors(int(known.sum()), float(mean), float(pa_mean))

    def joint_errors_mm(self, chosen: Mask) -> FloatArray | None:
        """Mean error of every joint (J,) over the chosen estimates; None without truth."""
        known = chosen & self.known
        mean: FloatArray | None = self.joint_mm[known].mean(axis=0) if known.any() else None
        return mean


def score(run: Replayed) -> Scored:
    """Work out the errors of a replay."""
    mean = run.error_mm
    known = np.isfinite(mean)
    aligned = np.full(len(mean), np.nan, np.float32)
    if known.any():
        aligned[known] = 1e3 * pa_mpjpe(run.joints_m[known], run.truth_m[known])
    times = seconds(run, run.stamp_ns)
    return Scored(run, times, run.joint_error_mm, mean, aligned, run.right)


def shift_mm(scored: Scored, free: Scored, chosen: Mask) -> float | None:
    """Mean distance (mm) of the joints from those of the fault-free replay at the same moments.

    It says what a fault does where nothing says what is true. None without common moments.
    """
    own, rows = _same_moments(scored, free, chosen)
    if not len(own) or scored.run.classes:
        return None
    moved = scored.run.joints_m[own] - free.run.joints_m[rows]
    return 1e3 * float(np.linalg.norm(moved, axis=-1).mean())


def changed_percent(scored: Scored, free: Scored, chosen: Mask) -> float | None:
    """Share (percent) of answers unlike those of the fault-free replay at the same moments."""
    own, rows = _same_moments(scored, free, chosen)
    if not len(own) or not scored.run.classes:
        return None
    return 100.0 * float(np.mean(scored.run.class_id[own] != free.run.class_id[rows]))


def _same_moments(scored: Scored, free: Scored, chosen: Mask) -> tuple[Rows, Rows]:
    """The chosen estimates that another replay has too: rows of the one and of the other."""
    if len(free.seconds) == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    times, order = scored.seconds[chosen], np.argsort(free.seconds, kind="stable")
    right = np.searchsorted(free.seconds[order], times).clip(max=len(order) - 1)
    pair = order[np.stack([(right - 1).clip(min=0), right])]
    away = np.abs(free.seconds[pair] - times)
    rows = np.where(away[0] <= away[1], pair[0], pair[1])
    same = away.min(axis=0) <= _SAME_MOMENT_S
    return np.flatnonzero(chosen)[same], rows[same]
