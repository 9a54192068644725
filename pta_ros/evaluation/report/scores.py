"""One replay over time: states of its sensors, errors of its estimates, means over some of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.report.people import PeopleFigures, PeopleScored, score_people
from pta_ros.frames import FloatArray, StreamState
from pta_ros.metrics.activities import changes_per_min
from pta_ros.metrics.pose import pa_mpjpe, usual_step_s

LIVE, MISSING, EMPTY = (s.name for s in (StreamState.LIVE, StreamState.MISSING, StreamState.EMPTY))

Seconds = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
#: Two replays' estimates of the same moment: their stamps differ by at most this.
_SAME_MOMENT_S = 0.02
#: A pause longer than this many usual steps, and than `_GAP_S`, is a gap.
_GAP_STEPS, _GAP_S = 3.0, 0.35


@dataclass(frozen=True)
class Span:
    """One state of a stream, from `begin_s` to `end_s` after the bag's begin."""

    begin_s: float
    end_s: float
    state: str
    reason: str


@dataclass(frozen=True)
class Errors:
    """Mean errors over `estimates` that have ground truth."""

    name: ClassVar[str] = "MPJPE"
    unit: ClassVar[str] = "mm"

    estimates: int
    mpjpe_mm: float
    pa_mpjpe_mm: float

    @property
    def value(self) -> float:
        """The figure that is judged."""
        return self.mpjpe_mm


@dataclass(frozen=True)
class Accuracy:
    """Share of right answers (percent) among `estimates` whose window lies in one activity."""

    name: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "%"

    estimates: int
    accuracy_percent: float

    @property
    def value(self) -> float:
        """The figure that is judged."""
        return self.accuracy_percent


Judged = Errors | Accuracy | PeopleFigures


@dataclass(frozen=True, eq=False)
class Scored:
    """A replay of N estimates: `seconds` (N,) after the begin, errors in mm, NaN without truth.

    `right` (N,) is 1 or 0 for an answer that can be judged, else NaN; of a pose all are NaN. Of
    `people`, who else is None, `error_mm` is the mean of all who are found.
    """

    run: Replayed
    seconds: Seconds
    joint_mm: FloatArray
    error_mm: FloatArray
    pa_mm: FloatArray
    right: FloatArray
    people: PeopleScored | None = None

    @property
    def known(self) -> Mask:
        """Which estimates have a ground truth (N,)."""
        if self.people is not None:
            return self.people.known
        return np.isfinite(self.right if self.run.classes else self.error_mm)

    @property
    def has_truth(self) -> bool:
        """Whether any estimate has a ground truth."""
        return bool(self.known.any())

    def errors(self, chosen: Mask | None = None) -> Judged | None:
        """Means over the chosen estimates; None when none of them has ground truth."""
        known = self.known if chosen is None else self.known & chosen
        if not known.any():
            return None
        if self.people is not None:
            return self.people.figures(known)
        if self.run.classes:
            return Accuracy(int(known.sum()), 100.0 * float(self.right[known].mean()))
        mean, pa_mean = self.error_mm[known].mean(), self.pa_mm[known].mean()
        return Errors(int(known.sum()), float(mean), float(pa_mean))

    def joint_errors_mm(self, chosen: Mask) -> FloatArray | None:
        """Mean error of every joint (J,) over the chosen estimates; None without truth."""
        if self.people is not None:
            return self.people.joints_mm(chosen)
        known = chosen & self.known
        mean: FloatArray | None = self.joint_mm[known].mean(axis=0) if known.any() else None
        return mean


def score(run: Replayed) -> Scored:
    """Work out the errors of a replay."""
    if run.people is not None:
        found = score_people(run.people)
        nothing = np.full(len(run.stamp_ns), np.nan, np.float32)
        times, errors = seconds(run, run.stamp_ns), found.error_mm
        return Scored(run, times, run.joint_error_mm, errors, nothing, run.right, found)
    mean = run.error_mm
    known = np.isfinite(mean)
    aligned = np.full(len(mean), np.nan, np.float32)
    if known.any():
        aligned[known] = 1e3 * pa_mpjpe(run.joints_m[known], run.truth_m[known])
    times = seconds(run, run.stamp_ns)
    return Scored(run, times, run.joint_error_mm, mean, aligned, run.right)


def same_moments(scored: Scored, other: Scored, chosen: Mask) -> tuple[Rows, Rows]:
    """The chosen estimates that another replay has too: rows of the one and of the other."""
    if len(other.seconds) == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    times, order = scored.seconds[chosen], np.argsort(other.seconds, kind="stable")
    right = np.searchsorted(other.seconds[order], times).clip(max=len(order) - 1)
    pair = order[np.stack([(right - 1).clip(min=0), right])]
    away = np.abs(other.seconds[pair] - times)
    rows = np.where(away[0] <= away[1], pair[0], pair[1])
    same = away.min(axis=0) <= _SAME_MOMENT_S
    return np.flatnonzero(chosen)[same], rows[same]


def seconds(run: Replayed, times_ns: NDArray[np.int64] | int) -> Seconds:
    """Times in seconds after the bag's begin."""
    return (np.asarray(times_ns, np.int64) - run.begin_ns) / 1e9


def duration_s(run: Replayed) -> float:
    """Length of the replay in seconds."""
    return (run.end_ns - run.begin_ns) / 1e9


def label_changes(scored: Scored) -> float | None:
    """How often the label of activities changes, per minute; None of anything else."""
    if not scored.run.classes:
        return None
    return changes_per_min(scored.seconds, scored.run.class_id)


def true_changes(run: Replayed) -> float | None:
    """How often the true activity changes, per minute; None where it is not known."""
    spans = run.true_spans
    return 60e9 * (len(spans) - 1) / (spans[-1][1] - spans[0][0]) if spans else None


def gap_s(times_s: Seconds) -> float:
    """From how many seconds on a pause between estimates is a gap."""
    return max(_GAP_S, _GAP_STEPS * usual_step_s(times_s))


def silent_s(times_s: Seconds, length_s: float) -> float:
    """Seconds without an estimate: all gaps, those at both ends included."""
    pauses = np.diff(np.concatenate([[0.0], times_s, [length_s]]))
    return float(pauses[pauses > gap_s(times_s)].sum())


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


def inside(run: Replayed, faults: Iterable[Fault], times_s: Seconds) -> Mask:
    """Which estimates, made at these times, look into the window of any of the faults."""
    found = np.zeros(len(times_s), np.bool_)
    for fault in faults:
        begin, end = window(run, fault)
        found |= (times_s >= begin) & (times_s < end + run.window_s * (begin < end))
    return found
