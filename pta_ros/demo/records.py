"""A recorded demo: what the simulator sent (ticks) and what the fusion said (skeletons, reports).

Read from the JSON lines that sim_node and monitor_node write. All times are ns of one clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
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


@dataclass(frozen=True, eq=False)
class Tick:
    """One instant of the simulated session; `phase` is None before the script begins.

    `faults` maps modality to none, silent, garbage or frozen; `joints_m` (17, 3) is the truth, or
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
    """One stream in a skeleton or a report; `used_ns` is the stamp used, 0 for none or unknown."""

    state: str
    weight: float = 0.0
    used_ns: int = 0
    counters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SkeletonEntry:
    """One estimate: its stamp, when it arrived, and how late it was published.

    Of an activity: no joints, and `class_id`.
    """

    stamp_ns: int
    received_ns: int
    latency_ms: float
    joints_m: Joints
    std_m: Joints
    streams: dict[str, StreamEntry]
    model: str = ""
    class_id: int = -1


@dataclass(frozen=True)
class Report:
    """One diagnostics array; `level` 0 OK, 1 WARN, 2 ERROR."""

    received_ns: int
    level: int
    message: str
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
    def available(self) -> tuple[str, ...]:
        """The modalities that sent good new data."""
        return tuple(m for m, fault in self.ticks[0].faults.items() if fault == "none")


@dataclass(frozen=True, eq=False)
class Run:
    """A whole recorded demo, in order of time."""

    session: dict[str, Any]
    ticks: tuple[Tick, ...]
    skeletons: tuple[SkeletonEntry, ...]
    reports: tuple[Report, ...]

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The script's phases as they ran; the last one ends a period after its last tick."""
        scripted = [tick for tick in self.ticks if tick.phase is not None]
        names = list(dict.fromkeys(tick.phase for tick in scripted))
        groups = [tuple(t for t in scripted if t.phase == name) for name in names]
        starts = [group[0].stamp_ns for group in groups]
        ends = starts[1:] + [scripted[-1].stamp_ns + round(1e9 / self.session["rate_hz"])] * bool(
            groups
        )
        return tuple(
            Span(str(group[0].phase), group, start, end)
            for group, start, end in zip(groups, starts, ends, strict=True)
        )

    @cached_property
    def truth(self) -> dict[int, Tick]:
        """The tick of every stamp."""
        return {tick.stamp_ns: tick for tick in self.ticks}

    @cached_property
    def states(self) -> tuple[tuple[int, dict[str, StreamEntry]], ...]:
        """Every account of the streams, from skeletons and reports, by time of receipt."""
        both = [(s.received_ns, s.streams) for s in self.skeletons]
        both += [(r.received_ns, r.streams) for r in self.reports]
        return tuple(sorted(both, key=lambda pair: pair[0]))

    def skeletons_in(self, span: Span) -> list[SkeletonEntry]:
        """The estimates whose stamp lies in the span."""
        return [s for s in self.skeletons if span.start_ns <= s.stamp_ns < span.end_ns]


def _stream(record: dict[str, Any]) -> StreamEntry:
    counters = {n: record[n] for n in ("received", "used", "dropped", "corrupt", "lost")}
    weight = record.get("weight") or 0.0
    return StreamEntry(record["state"], weight, record.get("stamp_ns", 0), counters)


def _streams(record: dict[str, Any]) -> dict[str, StreamEntry]:
    return {name: _stream(entry) for name, entry in record["streams"].items()}


def _tick(record: dict[str, Any]) -> Tick:
    joints = np.asarray(record["joints"], dtype=np.float64)
    timing = record["render_ms"], record["late_ms"]
    place = record["index"], record["stamp_ns"], record["phase"], record["faults"]
    return Tick(*place, joints, *timing, record.get("activity", -1))


def _skeleton(record: dict[str, Any]) -> SkeletonEntry:
    return SkeletonEntry(
        record["stamp_ns"],
        record["received_ns"],
        record["latency_ms"],
        np.asarray(record.get("joints", []), dtype=np.float64).reshape(-1, 3),
        np.asarray(record.get("std", []), dtype=np.float64),
        _streams(record),
        record.get("model", ""),
        record.get("class_id", -1),
    )


def _report(record: dict[str, Any]) -> Report:
    place = record["received_ns"], record["level"], record["message"]
    return Report(*place, _streams(record), record.get("device", ""))


def _lines(path: Path) -> Iterable[dict[str, Any]]:
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


def load_run(folder: Path) -> Run:
    """Read the two recordings of a demo in `folder`; raises DatasetError when they are unusable."""
    told = list(_lines(folder / TICKS_FILE))
    heard = list(_lines(folder / MONITOR_FILE))
    session = next((r for r in told if r["type"] == "session"), None)
    if session is None:
        raise DatasetError(f"{folder / TICKS_FILE} has no session line; run pta_demo again")
    return Run(
        session,
        tuple(_tick(r) for r in told if r["type"] == "tick"),
        tuple(_skeleton(r) for r in heard if r["type"] == session.get("estimates", "skeleton")),
        tuple(_report(r) for r in heard if r["type"] == "diagnostics"),
    )
