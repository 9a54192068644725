"""Ground truth of a replay, of poses and of activities, and the estimates that are worst by it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import NS, stamp_ns
from pta_ros.errors import DecodeError
from pta_ros.evaluation.replay.record import NO_CLASS, Column, Moment
from pta_ros.frames import Estimate, FloatArray, Sample
from pta_ros.metrics.pose import mpjpe
from pta_ros.skeleton import NUM_JOINTS

#: A true pose may lie so far from an estimate, or its two neighbours so far apart, and not more.
TRUTH_NEAR_NS = NS // 20
TRUTH_GAP_NS = NS // 5
#: Where two messages of true activities are farther apart, nothing is known between them.
GAP_NS = 3 * NS // 2
#: Pictures of the worst moments, and the least time between two of them.
MOMENTS = 6
MOMENT_BIN_NS = NS


@dataclass(frozen=True, eq=False)
class Truth:
    """One ground truth pose (17, 3), metres."""

    stamp_ns: int
    joints_m: FloatArray


def truth_of(msg: object, topic: str) -> Truth:
    """A ground truth pose of a pta_msgs/Skeleton; raises DecodeError for anything else."""
    try:
        when_ns = stamp_ns(msg.header.stamp)  # type: ignore[attr-defined]
        positions = [(p.x, p.y, p.z) for p in msg.positions]  # type: ignore[attr-defined]
        joints = np.array(positions, np.float32).reshape(-1, 3)
    except (AttributeError, TypeError, ValueError) as error:
        raise DecodeError(topic, str(error), "a pta_msgs/msg/Skeleton") from error
    if joints.shape != (NUM_JOINTS, 3) or not np.isfinite(joints).all():
        raise DecodeError(topic, f"positions {joints.shape}", f"{NUM_JOINTS} finite positions")
    return Truth(when_ns, joints)


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
        nowhere = np.full((NUM_JOINTS, 3), np.nan, np.float32)
        poses = (self.pose_at(stamp) for stamp in stamps_ns.tolist())
        found = [nowhere if pose is None else pose for pose in poses]
        return np.array(found, np.float32).reshape(-1, NUM_JOINTS, 3)

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
        while self._held:
            due = not self._judged or self._truth.newest_ns >= self._held[0][1].stamp_ns
            if not due and len(self._held) <= self._hold:
                return
            self._judge(*self._held.popleft())

    def moments(self) -> tuple[Moment, ...]:
        """The worst ones, in order of time."""
        while self._held:
            self._judge(*self._held.popleft())
        return tuple(sorted(self._worst(), key=lambda moment: moment.stamp_ns))

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


@dataclass(frozen=True)
class Activities:
    """What a model of activities tells: their names, and how far back from its stamp it looks."""

    classes: tuple[str, ...]
    window_s: float = 0.0

    def truth_of(self, msg: object, topic: str) -> TrueActivity:
        """The true class of a pta_msgs/Activity; raises DecodeError for anything else.

        Its label counts where it has one, as the lists of classes may be others; a label that the
        model does not know is another activity.
        """
        try:
            when_ns = stamp_ns(msg.header.stamp)  # type: ignore[attr-defined]
            class_id = int(msg.class_id)  # type: ignore[attr-defined]
            label = str(msg.label)  # type: ignore[attr-defined]
        except (AttributeError, TypeError, ValueError) as error:
            raise DecodeError(topic, str(error), "a pta_msgs/msg/Activity") from error
        if label:
            known = label in self.classes
            return TrueActivity(when_ns, self.classes.index(label) if known else NO_CLASS)
        if not NO_CLASS <= class_id < len(self.classes):
            expected = f"{NO_CLASS} to {len(self.classes) - 1}, as the model's classes"
            raise DecodeError(topic, f"class_id {class_id}", expected)
        return TrueActivity(when_ns, class_id)


@dataclass(frozen=True)
class TrueActivity:
    """One message of the truth: the class since the message before it; -1: another."""

    stamp_ns: int
    class_id: int


class ActivityTruth:
    """True activities over time. An answer is judged when its whole window lies within one."""

    def __init__(self) -> None:
        self._stamps: list[int] = []
        self._classes: list[int] = []

    def add(self, truth: TrueActivity) -> None:
        """Note one message; one that does not advance time (a looped bag) is left out."""
        if not self._stamps or truth.stamp_ns > self._stamps[-1]:
            self._stamps.append(truth.stamp_ns)
            self._classes.append(truth.class_id)

    def at(self, stamps_ns: NDArray[np.int64], window_ns: int) -> NDArray[np.int64]:
        """The one class of each window that ends at a stamp, (N,); -1 where there is not one."""
        found = [self._within(stamp - window_ns, stamp) for stamp in stamps_ns.tolist()]
        return np.array(found, np.int64)

    def spans(self) -> tuple[tuple[int, int, int], ...]:
        """The activities one after the other: begin and end (ns), class."""
        found: list[tuple[int, int, int]] = []
        for place, (end_ns, number) in enumerate(zip(self._stamps, self._classes, strict=True)):
            begin_ns = max(self._since(place), end_ns - GAP_NS)
            if found and found[-1][1:] == (begin_ns, number):
                found[-1] = (found[-1][0], end_ns, number)
            elif number != NO_CLASS:
                found.append((begin_ns, end_ns, number))
        return tuple(found)

    def _within(self, begin_ns: int, end_ns: int) -> int:
        last = bisect_left(self._stamps, end_ns)
        first = min(bisect_right(self._stamps, begin_ns), last)
        if last == len(self._stamps) or self._since(first) > begin_ns:
            return NO_CLASS
        told = set(self._classes[first : last + 1])
        stamps = [self._since(first), *self._stamps[first : last + 1]]
        known = all(b - a <= GAP_NS for a, b in pairwise(stamps))
        return told.pop() if known and len(told) == 1 else NO_CLASS

    def _since(self, place: int) -> int:
        """From when on a message holds; the first one holds for as long as the second."""
        if place > 0:
            return self._stamps[place - 1]
        return 2 * self._stamps[0] - self._stamps[min(1, len(self._stamps) - 1)]
