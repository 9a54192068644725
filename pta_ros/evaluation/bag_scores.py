"""One replay with its errors worked out once, and means of them over any choice of estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.bag_states import Seconds, seconds
from pta_ros.evaluation.metrics import pa_mpjpe
from pta_ros.evaluation.replay_records import Replayed
from pta_ros.frames import FloatArray

Mask = NDArray[np.bool_]
#: Two replays' estimates of the same moment: their stamps differ by at most this.
_SAME_MOMENT_S = 0.02


@dataclass(frozen=True)
class Errors:
    """Mean errors over `estimates` that have ground truth."""

    estimates: int
    mpjpe_mm: float
    pa_mpjpe_mm: float


@dataclass(frozen=True, eq=False)
class Scored:
    """A replay of N estimates: `seconds` (N,) after the begin, errors in mm, NaN without truth."""

    run: Replayed
    seconds: Seconds
    joint_mm: FloatArray
    error_mm: FloatArray
    pa_mm: FloatArray

    @property
    def has_truth(self) -> bool:
        """Whether any estimate has a ground truth."""
        return bool(np.isfinite(self.error_mm).any())

    def errors(self, chosen: Mask | None = None) -> Errors | None:
        """Mean errors of the chosen estimates; None when none of them has ground truth."""
        known = np.isfinite(self.error_mm)
        if chosen is not None:
            known &= chosen
        if not known.any():
            return None
        mean, pa_mean = self.error_mm[known].mean(), self.pa_mm[known].mean()
        return Errors(int(known.sum()), float(mean), float(pa_mean))

    def joint_errors_mm(self, chosen: Mask) -> FloatArray | None:
        """Mean error of every joint (J,) over the chosen estimates; None without truth."""
        known = chosen & np.isfinite(self.error_mm)
        mean: FloatArray | None = self.joint_mm[known].mean(axis=0) if known.any() else None
        return mean


def score(run: Replayed) -> Scored:
    """Work out the errors of a replay."""
    mean = run.error_mm
    known = np.isfinite(mean)
    aligned = np.full(len(mean), np.nan, np.float32)
    if known.any():
        aligned[known] = 1e3 * pa_mpjpe(run.joints_m[known], run.truth_m[known])
    return Scored(run, seconds(run, run.stamp_ns), run.joint_error_mm, mean, aligned)


def shift_mm(scored: Scored, free: Scored, chosen: Mask) -> float | None:
    """Mean distance (mm) of the joints from those of the fault-free replay at the same moments.

    It says what a fault does where nothing says what is true. None without common moments.
    """
    if len(free.seconds) == 0 or not chosen.any():
        return None
    times, order = scored.seconds[chosen], np.argsort(free.seconds, kind="stable")
    right = np.searchsorted(free.seconds[order], times).clip(max=len(order) - 1)
    pair = order[np.stack([(right - 1).clip(min=0), right])]
    away = np.abs(free.seconds[pair] - times)
    rows = np.where(away[0] <= away[1], pair[0], pair[1])
    same = away.min(axis=0) <= _SAME_MOMENT_S
    if not same.any():
        return None
    moved = scored.run.joints_m[chosen][same] - free.run.joints_m[rows[same]]
    return 1e3 * float(np.linalg.norm(moved, axis=-1).mean())
