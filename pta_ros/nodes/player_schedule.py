"""When to publish what: a bag's messages and the clock's ticks between them, in order of time.

Times are ns: `time_ns` on the bag's clock, `steady_ns` on this machine's steady clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pta_ros.bags.records import Raw


@dataclass(frozen=True)
class Window:
    """The part of a bag that is played, `begin_ns` and `end_ns` included."""

    begin_ns: int
    end_ns: int

    def cut(self, messages: Iterable[Raw], kept: str) -> Iterator[Raw | None]:
        """The messages inside; None for each before it, so that a caller can stop the search.

        Those of the topic `kept` from before the window come at its begin, as they still hold.
        """
        for raw in messages:
            if raw.time_ns > self.end_ns:
                return
            if raw.time_ns >= self.begin_ns:
                yield raw
            elif raw.topic == kept:
                yield Raw(raw.topic, raw.type, self.begin_ns, raw.data)
            else:
                yield None


@dataclass(frozen=True)
class Event:
    """One moment of the playback: `raw` is the message, None for a tick of the clock alone."""

    time_ns: int
    raw: Raw | None


def with_ticks(messages: Iterable[Raw], window: Window, period_ns: int) -> Iterator[Event]:
    """The messages, and a tick every `period_ns` (0: none) from the window's begin to its end."""
    tick_ns: float = window.begin_ns if period_ns else math.inf
    for raw in messages:
        while tick_ns < raw.time_ns:
            yield Event(int(tick_ns), None)
            tick_ns += period_ns
        yield Event(raw.time_ns, raw)
    while tick_ns <= window.end_ns:
        yield Event(int(tick_ns), None)
        tick_ns += period_ns


@dataclass(frozen=True)
class Schedule:
    """`begin_ns` of the bag is played at `steady_ns`, all else `rate` times as fast as recorded.

    Every moment is reckoned from the begin, so that no error adds up.
    """

    begin_ns: int
    steady_ns: int
    rate: float

    def due_ns(self, time_ns: int) -> int:
        """When a moment of the bag is due on the steady clock."""
        return self.steady_ns + round((time_ns - self.begin_ns) / self.rate)
