"""A recorded demo: what the simulator sent (ticks), and the fusion's estimates and reports.

Read from the JSON lines that the simulator and monitor_node write. All times are ns of one clock.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DatasetError

Joints = NDArray[np.float64]

TICKS_FILE = "ticks.jsonl"
MONITOR_FILE = "monitor.jsonl"
_COUNTERS = ("received", "used", "dropped", "corrupt", "lost")


@dataclass(frozen=True, eq=False)
class Tick:
    """One instant of the simulated session; `phase` is None before and after the script.

    `faults` maps modality to none, silent, corrupt or frozen; `joints_m` (17, 3) is the truth, or
    `activity` the class of the window that ends here, -1 when it holds more than one.
    """

    index: int
    stamp_ns: int
    phase: str | None
    faults: dict[str, str]
    joints_m: Joints
    render_ms: float = 0.0
    late_ms: float = 0.0
    activity: int = -1


@dataclass(frozen=True)
class StreamEntry:
    """One stream in an estimate or a report; `used_ns` is the stamp used, 0 for none or unknown."""

    state: str
    weight: float = 0.0
    used_ns: int = 0
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Estimate:
    """One skeleton or activity: its stamp, when it arrived, and how late it was published.

    `joints_m` is (17, 3) of a skeleton and empty of an activity, which has a `class_id`.
    """

    stamp_ns: int
    received_ns: int
    latency_ms: float
    joints_m: Joints
    streams: dict[str, StreamEntry]
    class_id: int = -1

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
    """A whole recorded demo, in order of time."""

    session: dict[str, Any]
    ticks: tuple[Tick, ...]
    estimates: tuple[Estimate, ...]
    reports: tuple[Report, ...]

    @property
    def of_activities(self) -> bool:
        """Whether the estimates are activities, made of windows, and not skeletons."""
        return bool(self.session.get("estimates") == "activity")

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
                known = told.setdefault(name, dict.fromkeys(_COUNTERS, 0))
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


def _streams(record: dict[str, Any]) -> dict[str, StreamEntry]:
    return {
        name: StreamEntry(
            stream["state"],
            stream.get("weight") or 0.0,
            stream.get("stamp_ns", 0),
            {counter: stream[counter] for counter in _COUNTERS},
        )
        for name, stream in record["streams"].items()
    }


def _tick(record: dict[str, Any], sensors: Collection[str] | None) -> Tick:
    faults = {
        name: fault if sensors is None or name in sensors else "silent"
        for name, fault in record["faults"].items()
    }
    joints = np.asarray(record["joints"], dtype=np.float64)
    timing = record["render_ms"], record["late_ms"]
    place = record["index"], record["stamp_ns"], record["phase"]
    return Tick(*place, faults, joints, *timing, record.get("activity", -1))


def _estimate(record: dict[str, Any]) -> Estimate:
    joints = np.asarray(record.get("joints", []), dtype=np.float64).reshape(-1, 3)
    place = record["stamp_ns"], record["received_ns"], record["latency_ms"]
    return Estimate(*place, joints, _streams(record), record.get("class_id", -1))


def _report(record: dict[str, Any]) -> Report:
    streams = _streams(record)
    return Report(record["received_ns"], record["level"], streams, record.get("device", ""))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file; a last line cut short by a killed writer is left out."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DatasetError(f"no recording at {path}: {error.strerror}; run pta_demo") from error
    for number, line in enumerate(lines[:-1], 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise DatasetError(f"{path}:{number} is not JSON ({error}); record it again") from error


def load_run(folder: Path, sensors: Collection[str] | None = None) -> Run:
    """Read the two recordings of a demo in `folder`; raises DatasetError when they are unusable.

    `sensors` are those that the fusion was to use (None: all); the others count as silent.
    """
    sent = list(_lines(folder / TICKS_FILE))
    published = list(_lines(folder / MONITOR_FILE))
    session = next((r for r in sent if r["type"] == "session"), None)
    if session is None:
        raise DatasetError(f"{folder / TICKS_FILE} has no session line; run pta_demo again")
    kind = session.get("estimates", "skeleton")
    return Run(
        session,
        tuple(_tick(r, sensors) for r in sent if r["type"] == "tick"),
        tuple(_estimate(r) for r in published if r["type"] == kind),
        tuple(_report(r) for r in published if r["type"] == "diagnostics"),
    )
