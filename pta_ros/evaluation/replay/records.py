"""What one replay of a bag leaves behind: plain arrays, so that half an hour is a few megabytes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.frames import FloatArray, StreamStatus, nothing
from pta_ros.metrics.pose import joint_errors


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

    A replay that is judged by its activities names their `classes` and has no joints (J = 0):
    `class_id` (N,) is the most probable one, `confidence` (N,) its probability, `true_class` (N,)
    the one activity that the estimate's window lies in, -1 where it is not known or not one;
    `window_s` is how far back an estimate looks. `true_spans` are the true activities: begin and
    end (ns), class.
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
    classes: tuple[str, ...] = ()
    class_id: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    confidence: FloatArray = field(default_factory=nothing)
    true_class: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    window_s: float = 0.0
    true_spans: tuple[tuple[int, int, int], ...] = ()

    @property
    def joint_error_mm(self) -> FloatArray:
        """Error of every joint, (N, J) mm; NaN without ground truth."""
        errors: FloatArray = joint_errors(self.joints_m, self.truth_m) * 1e3
        return errors

    @property
    def error_mm(self) -> FloatArray:
        """Mean error over the joints, (N,) mm; NaN without ground truth or joints."""
        if not self.joints_m.shape[1]:
            return np.full(len(self.stamp_ns), np.nan, np.float32)
        mean: FloatArray = self.joint_error_mm.mean(axis=1)
        return mean

    @property
    def right(self) -> FloatArray:
        """Whether each answer is the true activity, (N,) 1 or 0; NaN where none is known."""
        if not self.classes:
            return np.full(len(self.stamp_ns), np.nan, np.float32)
        same = (self.class_id == self.true_class).astype(np.float32)
        return np.where(self.true_class >= 0, same, np.float32(np.nan))
