"""Plays a bag by a schedule: reads ahead of time, waits for each moment, publishes.

Times are ns: `time_ns` on the bag's clock, `steady_ns` on this machine's steady clock.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from pta_ros.bags.bag import Bag
from pta_ros.bags.records import Raw
from pta_ros.errors import DatasetError

#: Lateness that is worth telling.
LATE_NS = 100_000_000

#: After the last message: it may still be under way.
LINGER_S = 0.5

#: Static transforms from before the window still hold.
_STATIC = "/tf_static"
_POLL_S = 0.05
_STOP_TIMEOUT_S = 5.0


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


class Outlet(Protocol):
    """What the thread tells and asks; called on it."""

    def awaited(self) -> bool:
        """Whether everybody is there who is to hear the beginning."""

    def publish(self, raw: Raw) -> None:
        """Send a message as it is."""

    def tick(self, time_ns: int) -> None:
        """Send the bag's time."""

    def late(self, behind_ns: int) -> None:
        """The playback is behind the schedule, and hurries."""

    def ended(self, passes: int) -> None:
        """The bag was read to its end once more; its losses are known."""


@dataclass(frozen=True)
class Plan:
    """What to play of a bag, and how; `period_ns` between ticks of the clock (0: none)."""

    topics: frozenset[str]
    window: Window
    rate: float
    loop: bool
    delay_s: float
    period_ns: int


class Player:
    """Plays `bag` once or, with `plan.loop`, again and again.

    `over` is true after the end; `error` is what went wrong, for the main thread to raise.
    """

    def __init__(self, bag: Bag, plan: Plan, outlet: Outlet) -> None:
        self.over = False
        self.error: Exception | None = None
        self._bag, self._plan, self._outlet = bag, plan, outlet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def stop(self) -> bool:
        """End at once; False when the thread hangs in a read or a write."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_TIMEOUT_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._play()
        except Exception as error:  # raised again where it ends the process
            self.error = error
        self.over = True

    def _play(self) -> None:
        while not self._outlet.awaited() and not self._stop.wait(_POLL_S):
            pass
        self._stop.wait(self._plan.delay_s)
        passes = 0
        while not self._stop.is_set() and (self._plan.loop or not passes):
            self._pass()
            passes += 1
            if not self._stop.is_set():
                self._outlet.ended(passes)
        self._stop.wait(LINGER_S)

    def _pass(self) -> None:
        """From the window's begin to its end; the schedule begins when there is a message."""
        messages = self._messages()
        first = next(messages, None)
        if first is None:
            if self._stop.is_set():
                return
            raise DatasetError("the bag has no message of these topics in the time that was asked")
        plan = self._plan
        schedule = Schedule(plan.window.begin_ns, time.monotonic_ns(), plan.rate)
        for event in with_ticks(chain([first], messages), plan.window, plan.period_ns):
            behind_ns = self._wait(schedule.due_ns(event.time_ns))
            if self._stop.is_set():
                return
            self._send(event, behind_ns)

    def _messages(self) -> Iterator[Raw]:
        """The window's messages; ends early when asked to stop."""
        for raw in self._plan.window.cut(self._bag.messages(self._plan.topics), _STATIC):
            if self._stop.is_set():
                return
            if raw is not None:
                yield raw

    def _wait(self, due_ns: int) -> int:
        """Wait until then, or until asked to stop; gives how much later it is."""
        left_ns = due_ns - time.monotonic_ns()
        if left_ns > 0:
            self._stop.wait(left_ns / 1e9)
        return time.monotonic_ns() - due_ns

    def _send(self, event: Event, behind_ns: int) -> None:
        if behind_ns > LATE_NS:
            self._outlet.late(behind_ns)
        if event.raw is not None:
            if self._plan.period_ns:  # before the message, whose stamp is about as old
                self._outlet.tick(event.time_ns)
            self._outlet.publish(event.raw)
        elif behind_ns < LATE_NS:
            self._outlet.tick(event.time_ns)
