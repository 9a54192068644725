"""Collects what a replay gives while it runs: estimates, states over time, the worst moments."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.replay.records import Change, Moment
from pta_ros.frames import Estimate, FloatArray, Sample, StreamStatus
from pta_ros.metrics.pose import mpjpe
from pta_ros.skeleton import NUM_JOINTS

NS = 1_000_000_000
#: Ground truth may lie so far from an estimate, or its two neighbours so far apart, and not more.
TRUTH_NEAR_NS = NS // 20
TRUTH_GAP_NS = NS // 5
#: The class of an estimate without activity, as in pta_msgs/Activity.
NO_CLASS = -1
#: Pictures of the worst moments, and the least time between two of them.
MOMENTS = 6
MOMENT_BIN_NS = NS


class StateLog:
    """The streams' changes of state."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._last: dict[str, str] = {}

    def add(self, time_ns: int, statuses: Sequence[StreamStatus]) -> None:
        """Note the states at one moment."""
        for status in statuses:
            if self._last.get(status.modality) != status.state.name:
                self._last[status.modality] = status.state.name
                self.changes.append(
                    Change(time_ns, status.modality, status.state.name, status.reason)
                )


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
    """All estimates as columns; see Replayed for their shapes. `joints` is 0 without the pose."""

    def __init__(self, modalities: tuple[str, ...], joints: int = NUM_JOINTS) -> None:
        self._modalities, count = modalities, len(modalities)
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
            "joints_m": estimate.joints_m,
            "std_m": estimate.std_m,
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


class TruthLog:
    """Ground truth over time; poses between two of them are interpolated."""

    def __init__(self) -> None:
        self._stamps: list[int] = []
        self._poses = Column((NUM_JOINTS, 3), np.float32)

    @property
    def newest_ns(self) -> int:
        """Stamp of the newest pose."""
        return self._stamps[-1] if self._stamps else 0

    def add(self, stamp_ns: int, joints_m: FloatArray) -> None:
        """Note one pose; one that does not advance time (a looped bag) is left out."""
        if stamp_ns > self.newest_ns:
            self._stamps.append(stamp_ns)
            self._poses.add(joints_m)

    def at(self, stamps_ns: NDArray[np.int64]) -> FloatArray:
        """The pose at each stamp, (N, J, 3); NaN where none is near."""
        found = np.full((len(stamps_ns), NUM_JOINTS, 3), np.nan, np.float32)
        for row, stamp in zip(found, stamps_ns.tolist(), strict=True):
            pose = self.pose_at(stamp)
            if pose is not None:
                row[:] = pose
        return found

    def pose_at(self, stamp_ns: int) -> FloatArray | None:
        """The pose at one stamp; None where none is near."""
        after = bisect_left(self._stamps, stamp_ns)
        around = [i for i in (after - 1, after) if 0 <= i < len(self._stamps)]
        if len(around) == 2:
            a, b = (self._stamps[i] for i in around)
            if b - a <= TRUTH_GAP_NS:
                first, last = self._poses.rows[around]
                return first + np.float32((stamp_ns - a) / (b - a)) * (last - first)
        near = min(around, key=lambda i: abs(self._stamps[i] - stamp_ns), default=None)
        if near is None or abs(self._stamps[near] - stamp_ns) > TRUTH_NEAR_NS:
            return None
        return self._poses.rows[near].copy()


class Worst:
    """Keeps the estimates with the largest error, one per second, with what they were made from.

    An estimate is judged when ground truth is past it; until then its sample is held, `hold` at
    most. Without ground truth the largest predicted deviation counts.
    """

    def __init__(self, truth: TruthLog, judged: bool, hold: int = 30) -> None:
        self._truth, self._judged = truth, judged
        self._held: deque[tuple[Sample, Estimate]] = deque()
        self._hold = hold
        self._best: dict[int, Moment] = {}

    def add(self, sample: Sample, estimate: Estimate) -> None:
        """Take one estimate and its sample."""
        self._held.append((sample, estimate))
        while self._held and (self._due() or len(self._held) > self._hold):
            self._judge(*self._held.popleft())

    def moments(self) -> tuple[Moment, ...]:
        """The worst ones, in order of time."""
        while self._held:
            self._judge(*self._held.popleft())
        return tuple(sorted(self._worst(), key=lambda moment: moment.stamp_ns))

    def _due(self) -> bool:
        return not self._judged or self._truth.newest_ns >= self._held[0][1].stamp_ns

    def _worst(self) -> list[Moment]:
        return sorted(self._best.values(), key=lambda m: (-m.error_mm, m.stamp_ns))[:MOMENTS]

    def _judge(self, sample: Sample, estimate: Estimate) -> None:
        truth = self._truth.pose_at(estimate.stamp_ns) if self._judged else None
        if truth is not None:
            error = 1e3 * float(mpjpe(estimate.joints_m, truth))
        elif self._judged:
            return
        else:
            error = 1e3 * float(estimate.std_m.mean())
        place = estimate.stamp_ns // MOMENT_BIN_NS
        if place in self._best and self._best[place].error_mm >= error:
            return
        frames = {name: frame.array for name, frame in sample.frames.items()}
        self._best[place] = Moment(
            estimate.stamp_ns, error, frames, estimate.joints_m, truth, dict(estimate.weights)
        )
        if len(self._best) > 4 * MOMENTS:
            self._best = {m.stamp_ns // MOMENT_BIN_NS: m for m in self._worst()}
