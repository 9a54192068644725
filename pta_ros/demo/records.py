"""A recorded demo: what the simulator sent (ticks), and the fusion's estimates and reports.

All times are ns of one clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.frames import Person

Joints = NDArray[np.float64]

TICKS_FILE = "ticks.jsonl"
MONITOR_FILE = "monitor.jsonl"
#: What a stream counts.
COUNTERS = ("received", "used", "dropped", "corrupt", "lost")


@dataclass(frozen=True, eq=False)
class TruePerson:
    """Somebody in the simulated room: `joints_m` (17, 3) in the level frame, and by modality the
    joints in sight and the number of pixels or points on the person."""

    joints_m: Joints
    sight: Mapping[str, tuple[int, ...]]
    counts: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Tick:
    """One instant of the simulated session; `phase` is None before and after the script.

    `faults` maps modality to none, silent, corrupt or frozen; `joints_m` (17, 3) is the truth, or
    `activity` the class of the window that ends here, -1 when it holds more than one, or `people`.
    """

    index: int
    stamp_ns: int
    phase: str | None
    faults: dict[str, str]
    joints_m: Joints
    render_ms: float = 0.0
    late_ms: float = 0.0
    activity: int = -1
    people: tuple[TruePerson, ...] = ()


@dataclass(frozen=True)
class StreamEntry:
    """One stream in an estimate or a report; `used_ns` is the stamp used, 0 for none or unknown."""

    state: str
    weight: float = 0.0
    used_ns: int = 0
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Estimate:
    """One skeleton, activity or list of people: its stamp, when it arrived, how late it was sent.

    `joints_m` is (17, 3) of a skeleton and else empty; an activity has a `class_id`.
    """

    stamp_ns: int
    received_ns: int
    latency_ms: float
    joints_m: Joints
    streams: dict[str, StreamEntry]
    class_id: int = -1
    people: tuple[Person, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """The modalities of which a frame was used."""
        return tuple(name for name, stream in self.streams.items() if stream.used_ns)


@dataclass(frozen=True)
class Report:
    """One diagnostics array; `level` 0 OK, 1 WARN, 2 ERROR."""

    received_ns: int
    level: int
    streams: dict[str, StreamEntry]
    device: str = ""
    message: str = ""


@dataclass(frozen=True, eq=False)
class Span:
    """One phase as it ran: the ticks of the script's phase, and [start, end) in ns."""

    name: str
    ticks: tuple[Tick, ...]
    start_ns: int
    end_ns: int

    @property
    def faults(self) -> dict[str, str]:
        """The fault of every modality."""
        return self.ticks[0].faults

    @property
    def available(self) -> tuple[str, ...]:
        """The modalities that sent good new data."""
        return tuple(m for m, fault in self.faults.items() if fault == "none")


@dataclass(frozen=True, eq=False)
class Run:
    """A whole recorded demo, in order of time; `skeletons` are stamps of those beside people, and
    `predicted` are the estimates of which no frame was used, that tracks alone told."""

    session: dict[str, Any]
    ticks: tuple[Tick, ...]
    estimates: tuple[Estimate, ...]
    reports: tuple[Report, ...]
    skeletons: tuple[int, ...] = ()
    predicted: tuple[Estimate, ...] = ()

    @property
    def task(self) -> str:
        """What the estimates are of: pose, activity or people."""
        return str(self.session.get("estimates", "pose"))

    @cached_property
    def scripted(self) -> tuple[Tick, ...]:
        """The ticks of the script."""
        return tuple(tick for tick in self.ticks if tick.phase is not None)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The script's phases as they ran; the last one ends a period after its last tick."""
        groups: dict[str, list[Tick]] = {}
        for tick in self.scripted:
            groups.setdefault(str(tick.phase), []).append(tick)
        starts = [ticks[0].stamp_ns for ticks in groups.values()]
        period_ns = round(1e9 / self.session["rate_hz"])
        ends = starts[1:] + [tick.stamp_ns + period_ns for tick in self.scripted[-1:]]
        return tuple(
            Span(name, tuple(ticks), start, end)
            for (name, ticks), start, end in zip(groups.items(), starts, ends, strict=True)
        )

    def before(self, span: Span) -> Span | None:
        """The phase before a phase; None before the first."""
        position = self.spans.index(span)
        return self.spans[position - 1] if position else None

    @cached_property
    def truth(self) -> dict[int, Tick]:
        """The tick of every stamp."""
        return {tick.stamp_ns: tick for tick in self.ticks}

    @cached_property
    def states(self) -> tuple[tuple[int, dict[str, StreamEntry]], ...]:
        """Every account of the streams, from estimates and reports, by time of receipt."""
        both = [(e.received_ns, e.streams) for e in self.estimates]
        both += [(r.received_ns, r.streams) for r in self.reports]
        return tuple(sorted(both, key=lambda pair: pair[0]))

    def counters(self) -> dict[str, dict[str, int]]:
        """The fusion node's own counters of every stream at the end, since it was activated."""
        told: dict[str, dict[str, int]] = {}
        for _, streams in self.states:
            for name, stream in streams.items():
                known = told.setdefault(name, dict.fromkeys(COUNTERS, 0))
                known.update((c, max(known[c], n)) for c, n in stream.counters.items())
        return told

    def states_of(self, modality: str) -> list[tuple[int, str]]:
        """(time of receipt, state) of one stream."""
        return [(t, streams[modality].state) for t, streams in self.states if modality in streams]

    def within(self, span: Span) -> list[Estimate]:
        """The estimates whose stamp lies in the span."""
        return [e for e in self.estimates if span.start_ns <= e.stamp_ns < span.end_ns]

    def seconds(self, times_ns: Any) -> Any:
        """Times (ns) as seconds since the script began."""
        begin_ns = self.spans[0].start_ns if self.spans else 0
        return (np.asarray(times_ns, dtype=np.int64) - begin_ns) / 1e9
