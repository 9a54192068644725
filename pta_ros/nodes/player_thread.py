"""The thread that plays: reads ahead of time, waits for each moment, publishes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pta_ros.bags.bag import Bag
from pta_ros.bags.records import Raw
from pta_ros.errors import DatasetError
from pta_ros.nodes.player_schedule import Event, Schedule, Window, with_ticks
from pta_ros.nodes.tf_listener import TOPIC as STATIC

#: Lateness that is worth telling.
LATE_NS = 100_000_000

#: After the last message: it may still be under way.
LINGER_S = 0.5

_LOOK_S = 0.05
_STOP_TIMEOUT_S = 5.0


class Outlet(Protocol):
    """Where the thread's doings go; called on its thread."""

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
        while not self._outlet.awaited() and not self._stop.wait(_LOOK_S):
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
        for event in with_ticks(_again(first, messages), plan.window, plan.period_ns):
            behind_ns = self._wait(schedule.due_ns(event.time_ns))
            if self._stop.is_set():
                return
            self._send(event, behind_ns)

    def _messages(self) -> Iterator[Raw]:
        """The window's messages; ends early when asked to stop."""
        for raw in self._plan.window.cut(self._bag.messages(self._plan.topics), STATIC):
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


def _again(first: Raw, others: Iterator[Raw]) -> Iterator[Raw]:
    yield first
    yield from others
