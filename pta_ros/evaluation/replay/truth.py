"""What is true of activities while a bag is replayed, and which estimates it can judge."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.evaluation.replay.record import NO_CLASS, NS

#: Where two messages of the truth are farther apart, nothing is known between them.
GAP_NS = 3 * NS // 2


@dataclass(frozen=True)
class Activities:
    """What a model of activities tells: their names, and how far back from its stamp it looks."""

    classes: tuple[str, ...]
    window_s: float = 0.0

    def truth_of(self, msg: object, topic: str) -> TrueActivity:
        """The true class of a pta_msgs/Activity; raises DecodeError when it is none."""
        try:
            stamp = msg.header.stamp  # type: ignore[attr-defined]
            stamp_ns = int(stamp.sec) * NS + int(stamp.nanosec)
            class_id = int(msg.class_id)  # type: ignore[attr-defined]
        except (AttributeError, TypeError, ValueError) as error:
            raise DecodeError(topic, str(error), "a pta_msgs/msg/Activity") from error
        if not NO_CLASS <= class_id < len(self.classes):
            expected = f"{NO_CLASS} to {len(self.classes) - 1}, as the model's classes"
            raise DecodeError(topic, f"class_id {class_id}", expected)
        return TrueActivity(stamp_ns, class_id)


@dataclass(frozen=True)
class TrueActivity:
    """One message of the truth: the class since the message before it; -1: none of them."""

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
