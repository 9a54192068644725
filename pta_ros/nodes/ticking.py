"""Simulated sensors that all measure at the same instants: one frame of all of them per tick.

Before the script begins, the node cycles its first few frames with fresh stamps, so that the fusion
node has something to find. A tick is rendered half a period ahead, or sooner where that takes long:
no sensor renders, and right after a tick the processors belong to those who answer it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pta_ros.nodes.messages import to_header, to_message
from pta_ros.nodes.simulator import Simulator, SimulatorParams
from pta_ros.settings import START, param
from pta_ros.simulate.outbox import pack
from pta_ros.simulate.script import Phase

#: Frames cycled before the script; more than one, as a stream whose content repeats is frozen.
PREROLL_FRAMES = 4


@dataclass(frozen=True)
class TickParams(SimulatorParams):
    """The parameters of every simulator with ticks."""

    seed: int = param(
        2026, "seed of the world and of every subject", low=0, high=2**31, change=START
    )
    rate_hz: float = param(
        10.0, "rate of every sensor", unit="Hz", low=0.1, high=60.0, change=START
    )
    prerender: int = param(
        0, "frames made beforehand and cycled; 0 renders live", low=0, high=1000, change=START
    )
    min_watchers: int = param(
        0, "subscribers of the ground truth that the script waits for", low=0, high=10,
        change=START,
    )  # fmt: skip


@dataclass
class _Tick:
    """One tick's messages, made ahead of its time; `phase` None before the script."""

    index: int
    phase: Phase | None
    messages: dict[str, Any]
    repeat: tuple[str, ...]
    frame: Any
    render_ms: float


class TickingSimulator(Simulator):
    """Publishes the frames of a session at a fixed rate.

    A session has `frame(number)`, whose `readings` are what sensors give by modality. The truth of
    a frame is told by `true_message`, and by `true_record` as JSON values for the log.
    """

    def run(self, session: Any, **about: Any) -> None:
        """Begin to send, once the topics are open; `about` goes into the log."""
        self._session = session
        ready = max(PREROLL_FRAMES, self.params.prerender)
        self._frames = [session.frame(i) for i in range(ready)]
        self._begun = False
        self._next, self._sent = self._prepare(0, None), False
        self._ticked_ns = 0
        self._later = self.create_timer(0.5 / self.params.rate_hz, self._on_later)
        self.begin(1.0 / self.params.rate_hz, **about)

    def true_message(self, frame: Any) -> Any:
        """The truth's message; its stamp is set later."""
        raise NotImplementedError

    def true_record(self, frame: Any) -> dict[str, Any]:
        """The truth for the log."""
        raise NotImplementedError

    def may_begin(self) -> bool:
        """Whether nothing is left that the script waits for."""
        watched = self.truth.get_subscription_count() >= self.params.min_watchers
        return watched and super().may_begin()

    def _prepare(self, index: int, phase: Phase | None) -> _Tick:
        """Render a frame and fill its messages; all that is left for its tick is the stamp."""
        begin = time.perf_counter()
        cycled = phase is None or self.params.prerender
        frame = self._frames[index % len(self._frames)] if cycled else self._session.frame(index)
        out = pack(frame, phase or self.all, index, self.params.seed)
        messages = {}
        for modality, fields in out.fields.items():
            sensor = self.sensors[modality]
            header = to_header(0, sensor.frame_id)
            given = {**sensor.device, **fields}
            messages[modality] = to_message(sensor.message_type, given, header)
        render_ms = 1e3 * (time.perf_counter() - begin)
        return _Tick(index, phase, messages, out.repeat, frame, render_ms)

    def turn(self) -> None:
        """Publish the tick that was prepared."""
        self._on_later()  # where a busy machine did not leave half a period for it
        if self.ended_ns:
            return
        late_ms, tick, now = self._late_ms(), self._next, self.get_clock().now()
        for modality, msg in tick.messages.items():
            msg.header.stamp = now.to_msg()
            self.send(modality, msg)
        for modality in tick.repeat:
            self.send(modality)
        truth = self.true_message(tick.frame)
        truth.header.stamp = now.to_msg()
        self.truth.publish(truth)
        if self.log:
            timing = {"render_ms": tick.render_ms, "late_ms": late_ms}
            truth = self.true_record(tick.frame)
            self.log.tick(tick.index, now.nanoseconds, tick.phase, timing, truth)
        self._sent = True
        self._later.timer_period_ns = round(1e6 * self._rest_ms(tick.render_ms))
        self._later.reset()

    def _rest_ms(self, render_ms: float) -> float:
        """After so long the next tick is rendered, to be ready in time: half a period at most."""
        period_ms = 1e3 / self.params.rate_hz
        return min(0.5 * period_ms, max(0.001, period_ms - 2.0 * render_ms))

    def _on_later(self) -> None:
        """Prepare the next tick, unless it is."""
        self._later.cancel()
        if self._sent:
            self._advance()

    def _late_ms(self) -> float:
        """How much more than a period has passed since the tick before."""
        before, self._ticked_ns = self._ticked_ns, time.monotonic_ns()
        return (self._ticked_ns - before) / 1e6 - 1e3 / self.params.rate_hz if before else 0.0

    def _advance(self) -> None:
        self._sent = False
        if not self._begun and not self.may_begin():
            self._next = self._prepare(self._next.index + 1, None)
            return
        index = self._next.index + 1 if self._begun else 0
        self._begun = True
        phase = self.phase(index / self.params.rate_hz)
        if phase is None:
            self.end()
        else:
            self._next = self._prepare(index, phase)
