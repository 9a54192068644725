"""Which estimate belongs to which true pose: both come with stamps, either may come first."""

from __future__ import annotations

import numpy as np

from pta_ros.frames import FloatArray

#: A true pose farther from an estimate says nothing of its error: a hand moves 2 m/s.
NEAR_NS = 20_000_000
_KEPT = 64


class Pairs:
    """The newest poses of both kinds, and the error of each estimate as soon as it is known."""

    def __init__(self) -> None:
        self._truths: dict[int, FloatArray] = {}
        self._waiting: dict[int, FloatArray] = {}

    def estimate(self, stamp_ns: int, joints_m: FloatArray) -> list[tuple[int, float]]:
        """Take an estimate (J, 3); gives (stamp, mean joint error in metres) of what is known."""
        nearest = min(self._truths, key=lambda t: abs(t - stamp_ns), default=None)
        if nearest is not None and abs(nearest - stamp_ns) <= NEAR_NS:
            return [(stamp_ns, _error(joints_m, self._truths[nearest]))]
        _keep(self._waiting, stamp_ns, joints_m)
        return []

    def truth(self, stamp_ns: int, joints_m: FloatArray) -> list[tuple[int, float]]:
        """Take a true pose (J, 3); gives the errors of the estimates that waited for it."""
        _keep(self._truths, stamp_ns, joints_m)
        near = [t for t in self._waiting if abs(t - stamp_ns) <= NEAR_NS]
        return [(t, _error(self._waiting.pop(t), joints_m)) for t in near]


def _keep(poses: dict[int, FloatArray], stamp_ns: int, joints_m: FloatArray) -> None:
    poses[stamp_ns] = joints_m
    while len(poses) > _KEPT:
        del poses[next(iter(poses))]


def _error(joints_m: FloatArray, truth_m: FloatArray) -> float:
    return float(np.linalg.norm(joints_m - truth_m, axis=1).mean())
