"""Frames of several sensors at common instants, of a recording: what is to come is known here.

A live node takes what has come; from a recording each instant gets the nearest frame of every
sensor, before or after it. Stamps and repeats are judged by the live streams' own rules.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import median

from pta_ros.clock import NS, to_ns
from pta_ros.errors import DecodeError
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.clocks import SensorClock
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.pace import Pace
from pta_ros.fusion.stamps import FreezeRule

#: So long frames of an instant may be under way, beyond what is usual.
HORIZON_NS = NS
#: A frame belongs to an instant within so much of its sensor's period; a lost one leaves a gap.
_BELONGS = 0.75
#: Of a period that a better sensor's frame may lie behind another's that could set an instant.
_WAITS = 0.5
_GAPS = 20


class Tape:
    """The frames of one sensor that are still of use, by stamp."""

    def __init__(self, modality: str, config: StreamConfig) -> None:
        self._clock, self._freeze = SensorClock(modality, config), FreezeRule(config)
        self._most_ns, self._topic = to_ns(config.sync_tolerance_s), modality
        self._stamps: list[int] = []
        self._frames: list[Frame] = []
        self._gaps: deque[int] = deque(maxlen=_GAPS)
        self._raw_ns = 0

    def add(self, frame: Frame, now_ns: int) -> None:
        """Take a frame that came at `now_ns`; raises DecodeError for one that is no reading."""
        placed = self._clock.place(frame.stamp_ns, now_ns)
        if placed.why or 0 < frame.stamp_ns == self._raw_ns:
            why = placed.why or "stamps do not advance"
            raise DecodeError(self._topic, why, "one after another")
        self._raw_ns = frame.stamp_ns
        if self._freeze.add(frame.array):
            raise DecodeError(self._topic, "frozen: repeats the content before", "new readings")
        at = bisect_left(self._stamps, placed.stamp_ns)
        if at and at == len(self._stamps):
            self._gaps.append(placed.stamp_ns - self._stamps[-1])
        self._stamps.insert(at, placed.stamp_ns)
        self._frames.insert(at, replace(frame, stamp_ns=placed.stamp_ns))

    def first(self, from_ns: float) -> int | None:
        """Stamp of the first frame from then on."""
        at = bisect_left(self._stamps, from_ns)
        return self._stamps[at] if at < len(self._stamps) else None

    def nearest(self, t_ns: int) -> Frame | None:
        """The frame that belongs to an instant; None where there is none."""
        most_ns = min(self._most_ns, _BELONGS * median(self._gaps)) if self._gaps else self._most_ns
        at = bisect_left(self._stamps, t_ns)
        around = [i for i in (at - 1, at) if 0 <= i < len(self._stamps)]
        best = min(around, key=lambda i: abs(self._stamps[i] - t_ns), default=None)
        if best is None or abs(self._stamps[best] - t_ns) > most_ns:
            return None
        return self._frames[best]

    def forget(self, before_ns: int) -> None:
        """Drop older frames."""
        at = bisect_left(self._stamps, before_ns)
        del self._stamps[:at], self._frames[:at]


class Synchroniser:
    """Gives samples at most `rate_hz` times a second, of instants in begin <= t < end.

    An instant is a stamp of the first of the sensors, in their order, that has a frame there.
    """

    def __init__(
        self,
        configs: Mapping[str, StreamConfig],
        rate_hz: float,
        span_ns: tuple[int, int],
        horizon_ns: int = HORIZON_NS,
    ) -> None:
        self._tapes = {modality: Tape(modality, config) for modality, config in configs.items()}
        self._pace, self._period_ns = Pace(rate_hz=rate_hz), NS / rate_hz
        self._begin_ns, self._end_ns = span_ns
        self._horizon_ns = horizon_ns
        self._allowed_ns = -math.inf

    def add(self, frame: Frame, now_ns: int) -> None:
        """Take one frame; raises DecodeError for one that is not used, and why."""
        self._tapes[frame.modality].add(frame, now_ns)

    def samples(self, now_ns: float = math.inf) -> Iterator[Sample]:
        """The samples that nothing to come after `now_ns` can change; inf: nothing is to come."""
        while (t_ns := self._next()) is not None and t_ns + self._horizon_ns <= now_ns:
            found = {modality: tape.nearest(t_ns) for modality, tape in self._tapes.items()}
            self._allowed_ns = self._pace.next_allowed_ns(self._allowed_ns, t_ns)
            yield Sample(t_ns, {m: frame for m, frame in found.items() if frame is not None})
        for tape in self._tapes.values():
            tape.forget(int(min(now_ns, self._end_ns)) - 3 * self._horizon_ns)

    def _next(self) -> int | None:
        from_ns = max(self._allowed_ns, self._begin_ns)
        firsts = [stamp for tape in self._tapes.values() if (stamp := tape.first(from_ns))]
        earliest = min(firsts, default=None)
        if earliest is None:
            return None
        lead = next(stamp for stamp in firsts if stamp <= earliest + _WAITS * self._period_ns)
        return lead if lead < self._end_ns else None
