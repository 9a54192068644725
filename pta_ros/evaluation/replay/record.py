"""What one replay of a bag leaves behind: plain arrays, so that half an hour is a few megabytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.frames import Estimate, FloatArray, StreamStatus, nothing
from pta_ros.fusion.refusals import Refused
from pta_ros.metrics.pose import joint_errors
from pta_ros.skeleton import NUM_JOINTS

#: The class of an estimate without activity, as in pta_msgs/Activity.
NO_CLASS = -1


@dataclass(frozen=True)
class Change:
    """A stream's state from `time_ns` on (the bag's clock), and why it is not LIVE."""

    time_ns: int
    modality: str
    state: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """A LIVE sensor is left out of the estimates from `begin_ns` to `end_ns`, and why."""

    modality: str
    begin_ns: int
    end_ns: int
    reason: str


@dataclass(frozen=True)
class Heard:
    """What came of one sensor: from `topic` (empty: none in the bag, `absent` says what is there).

    `refused` is what the decoder refused, the most frequent reason first.
    """

    topic: str = ""
    messages: int = 0
    refused: tuple[Refused, ...] = ()
    absent: str = ""


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
class People:
    """Everybody in N estimates: `counts` (N,) says how many of the P rows are of each, in order.

    `presence` (P,), `centres_m` (P, 3), `joints_m` (P, 17, 3), `std_m` (P, 17) per axis, in the
    level frame; `ids` (P,) are the tracks' numbers, 0 where nobody is followed. `true_counts` (N,)
    are there, -1 where it is not known; `true_m` (T, 17, 3).
    """

    counts: NDArray[np.int64]
    presence: FloatArray
    centres_m: FloatArray
    joints_m: FloatArray
    std_m: FloatArray
    true_counts: NDArray[np.int64]
    true_m: FloatArray
    ids: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Replayed:
    """One replay with one fault plan: N estimates, M modalities, J joints.

    `stamp_ns` (N,), `joints_m` (N, J, 3), `std_m` (N, J), `weights` and `used` (N, M): a sensor
    whose frame was there is used, though its weight may be 0 (the gate found it implausible).
    `frame_stamps_ns` (N, M) with 0 where a modality was absent, `timings_ms` stage -> (N,),
    `truth_m` (N, J, 3) with NaN where no ground truth is near. `changes` are the streams' states
    over time, `statuses` those at the end, `moments` the worst ones, `losses` what could not be
    read, in words, `failed` those of it that cost estimates. `heard` is what came of each sensor.

    A replay that is judged by its activities names their `classes` and has no joints (J = 0):
    `class_id` (N,) is the most probable one, `confidence` (N,) its probability, `true_class` (N,)
    the one activity that the estimate's window lies in, -1 where it is not known or not one;
    `window_s` is how far back an estimate looks. `true_spans` are the true activities: begin and
    end (ns), class. One of a model that finds people has them in `people`, and no joints either.

    Rows are estimates of instants, as they were first told. Only the stamps are kept of those that
    late frames corrected afterwards, `corrected_ns` (K,), and of those that tracks predicted, from
    no frame at all, `predicted_ns` (L,). `left_out` are sensors that contradicted the others.
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
    losses: tuple[str, ...]
    moments: tuple[Moment, ...] = ()
    classes: tuple[str, ...] = ()
    class_id: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    confidence: FloatArray = field(default_factory=nothing)
    true_class: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    window_s: float = 0.0
    true_spans: tuple[tuple[int, int, int], ...] = ()
    failed: tuple[str, ...] = ()
    heard: Mapping[str, Heard] = field(default_factory=dict)
    people: People | None = None
    predicted_ns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    corrected_ns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    left_out: tuple[LeftOut, ...] = ()

    @property
    def task(self) -> str:
        """What it is judged by: "pose", "activity" or "people"."""
        if self.people is not None:
            return "people"
        return "activity" if self.classes else "pose"

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


class Column:
    """Rows of one shape, copied into an array that doubles when it is full.

    Rows kept one by one would lie between the large arrays that come and go, and hold their memory.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type) -> None:
        self._rows: NDArray[Any] = np.zeros((1024, *shape), dtype)
        self.count = 0

    def add(self, row: Any) -> None:
        """Append one row."""
        if self.count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[self.count] = row
        self.count += 1

    @property
    def rows(self) -> NDArray[Any]:
        """All rows so far, (N, *shape)."""
        return self._rows[: self.count]


class EstimateLog:
    """All estimates as columns; see Replayed for their shapes.

    `joints` is 0 without a pose, and where there may be many.
    """

    def __init__(self, modalities: tuple[str, ...], joints: int = NUM_JOINTS) -> None:
        self._modalities, self._joints, count = modalities, joints, len(modalities)
        self._columns = {
            "stamp_ns": Column((), np.int64),
            "joints_m": Column((joints, 3), np.float32),
            "std_m": Column((joints,), np.float32),
            "class_id": Column((), np.int64),
            "confidence": Column((), np.float32),
            "weights": Column((count,), np.float32),
            "frame_stamps_ns": Column((count,), np.int64),
        }
        self._timings: dict[str, Column] = {}

    def add(self, estimate: Estimate) -> None:
        """Note one estimate."""
        told = estimate.probabilities
        row = {
            "stamp_ns": estimate.stamp_ns,
            "joints_m": estimate.joints_m[: self._joints],
            "std_m": estimate.std_m[: self._joints],
            "class_id": told.argmax() if len(told) else NO_CLASS,
            "confidence": told.max(initial=0.0),
            "weights": [estimate.weights.get(m, 0.0) for m in self._modalities],
            "frame_stamps_ns": [estimate.stamps_ns.get(m, 0) for m in self._modalities],
        }
        for name, value in row.items():
            self._columns[name].add(value)
        for stage, value in estimate.timings_ms.items():
            self._timings.setdefault(stage, Column((), np.float32)).add(value)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The estimates' fields of Replayed."""
        found = {name: column.rows for name, column in self._columns.items()}
        return {**found, "used": found["frame_stamps_ns"] > 0}

    def timings_ms(self) -> dict[str, FloatArray]:
        """Stage -> (N,) milliseconds."""
        return {stage: column.rows for stage, column in self._timings.items()}
