"""When each sensor was in which state, from the changes that a replay noted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.replay.record import Replayed
from pta_ros.frames import StreamState

LIVE, MISSING = StreamState.LIVE.name, StreamState.MISSING.name
NS = 1e9

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """One state of a stream, from `begin_s` to `end_s` after the bag's begin."""

    begin_s: float
    end_s: float
    state: str
    reason: str


def seconds(run: Replayed, times_ns: NDArray[np.int64] | int) -> Seconds:
    """Times in seconds after the bag's begin."""
    return (np.asarray(times_ns, np.int64) - run.begin_ns) / NS


def duration_s(run: Replayed) -> float:
    """Length of the replay in seconds."""
    return (run.end_ns - run.begin_ns) / NS


def spans(run: Replayed, modality: str) -> list[Span]:
    """The states of a stream one after the other, from the bag's begin to its end.

    Before its first change a stream is MISSING; a repeat of the same state is no change.
    """
    told = [(run.begin_ns, MISSING, "")]
    for change in run.changes:
        if change.modality == modality and change.time_ns < run.end_ns:
            entry = (max(change.time_ns, run.begin_ns), change.state, change.reason)
            if entry[0] == told[-1][0]:
                told[-1] = entry
            elif entry[1] != told[-1][1]:
                told.append(entry)
    ends = [time for time, _, _ in told[1:]] + [run.end_ns]
    return [
        Span(float(seconds(run, begin)), float(seconds(run, end)), state, reason)
        for (begin, state, reason), end in zip(told, ends, strict=True)
    ]


def seconds_in(listed: Iterable[Span]) -> dict[str, float]:
    """Seconds spent in each state that occurs, LIVE first."""
    total: dict[str, float] = {LIVE: 0.0}
    for span in listed:
        total[span.state] = total.get(span.state, 0.0) + span.end_s - span.begin_s
    return total


def states_at(run: Replayed, modality: str, times_s: Seconds) -> list[str]:
    """The state of a stream at each time."""
    listed = spans(run, modality)
    begins = np.array([span.begin_s for span in listed])
    rows = np.clip(np.searchsorted(begins, times_s, side="right") - 1, 0, None)
    return [listed[row].state for row in rows]


def window(run: Replayed, fault: Fault) -> tuple[float, float]:
    """A fault's begin and end in seconds, cut to the replay."""
    end = duration_s(run)
    return min(max(fault.start_s, 0.0), end), min(max(fault.end_s, 0.0), end)


def inside(run: Replayed, faults: Iterable[Fault], times_s: Seconds) -> NDArray[np.bool_]:
    """Which estimates, made at these times, look into the window of any of the faults."""
    found = np.zeros(len(times_s), np.bool_)
    for fault in faults:
        begin, end = window(run, fault)
        found |= (times_s >= begin) & (times_s < end + run.window_s * (begin < end))
    return found
