"""What one replay of a bag leaves behind: plain arrays, so that half an hour is a few megabytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.faults import Fault
from pta_ros.evaluation.metrics import joint_errors
from pta_ros.frames import FloatArray, StreamStatus


@dataclass(frozen=True)
class Change:
    """A stream's state from `time_ns` on (the bag's clock), and why it is not LIVE."""

    time_ns: int
    modality: str
    state: str
    reason: str


@dataclass(frozen=True, eq=False)
class Moment:
    """One estimate with what it was made from: reduced frames by modality, poses in metres."""

    stamp_ns: int
    error_mm: float
    frames: dict[str, FloatArray]
    joints_m: FloatArray
    truth_m: FloatArray | None
    weights: dict[str, float]


@dataclass(frozen=True, eq=False)
class Replayed:
    """One replay with one fault plan: N estimates, M modalities, J joints.

    `stamp_ns` (N,), `joints_m` (N, J, 3), `std_m` (N, J), `weights` and `used` (N, M),
    `frame_stamps_ns` (N, M) with 0 where a modality was absent, `timings_ms` stage -> (N,),
    `truth_m` (N, J, 3) with NaN where no ground truth is near. `changes` are the streams' states
    over time, `statuses` those at the end, `moments` the worst ones, `losses` what could not be
    read, in words.
    """

    name: str
    faults: tuple[Fault, ...]
    begin_ns: int
    end_ns: int
    modalities: tuple[str, ...]
    stamp_ns: NDArray[np.int64]
    joints_m: FloatArray
    std_m: FloatArray
    weights: FloatArray
    used: NDArray[np.bool_]
    frame_stamps_ns: NDArray[np.int64]
    timings_ms: dict[str, FloatArray]
    truth_m: FloatArray
    changes: tuple[Change, ...]
    statuses: tuple[StreamStatus, ...]
    moments: tuple[Moment, ...]
    losses: tuple[str, ...]

    @property
    def joint_error_mm(self) -> FloatArray:
        """Error of every joint, (N, J) mm; NaN without ground truth."""
        errors: FloatArray = joint_errors(self.joints_m, self.truth_m) * 1e3
        return errors

    @property
    def error_mm(self) -> FloatArray:
        """Mean error over the joints, (N,) mm; NaN without ground truth."""
        mean: FloatArray = self.joint_error_mm.mean(axis=1)
        return mean
