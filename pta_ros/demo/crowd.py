"""What estimates of people get right: how many, who, where, how they stand, how sure they are.

Somebody counts who is clearly visible to the sensors that were used; an estimate is of the person
whose centre is nearest, within 0.3 m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.demo.records import Estimate, Joints, Run, Span, Tick
from pta_ros.frames import Person
from pta_ros.metrics.presence import CLEAR_JOINTS, expected_count, match
from pta_ros.people.centred import trunk


@dataclass(frozen=True, eq=False)
class Found:
    """A person who was found: `error_mm` (17,), the centre's, and coordinates' errors over their
    deviation, `ratio` (17, 3)."""

    error_mm: NDArray[np.float64]
    centre_mm: float
    ratio: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """One list of people: how many it names, how many an honest count has (None: a matter of
    opinion), how many are clearly visible, and those of them who were found."""

    count: int
    expected: int | None
    visible: int
    found: tuple[Found, ...]


def judge(tick: Tick, estimate: Estimate) -> Judged:
    """An estimate beside the truth of its instant."""
    truth: Joints = np.array([p.joints_m for p in tick.people]).reshape(-1, 17, 3)
    sight, seen = np.zeros((len(truth), 17), bool), np.zeros(len(truth), np.int64)
    for n, person in enumerate(tick.people):
        for modality in estimate.used:
            sight[n, list(person.sight.get(modality, ()))] = True
            seen[n] += person.counts.get(modality, 0)
    clear = sight.sum(axis=1) >= CLEAR_JOINTS
    pairs = match(truth, estimate.people)
    found = tuple(_found(truth[n], one) for n, one in sorted(pairs.items()) if clear[n])
    expected = expected_count(truth, sight, seen)
    return Judged(len(estimate.people), expected, int(clear.sum()), found)


def _found(truth: Joints, person: Person) -> Found:
    away = person.joints - truth
    return Found(
        1e3 * np.linalg.norm(away, axis=1),
        1e3 * float(np.linalg.norm(person.centre - trunk(truth))),
        np.abs(away) / person.deviation_m[:, None],
    )


def of_people(run: Run, estimates: Sequence[Estimate]) -> dict[str, Any]:
    """Figures of some lists of people, ready for JSON; shares in percent, None where nothing is.

    `lists` have a count that is no matter of opinion, and `right` of them name so many. `found` of
    the `visible` people were; `within_1` and `within_2`: their coordinates within so many standard
    deviations.
    """
    pairs = [(e, run.truth[e.stamp_ns]) for e in estimates if e.stamp_ns in run.truth]
    judged = [judge(tick, estimate) for estimate, tick in pairs]
    known = [one for one in judged if one.expected is not None]
    found = [one for each in judged for one in each.found]
    visible = sum(one.visible for one in judged)
    ratio = np.array([one.ratio for one in found])
    return {
        "lists": len(known),
        "right": _percent([one.count == one.expected for one in known]),
        "naming_somebody": sum(one.count > 0 for one in judged),
        "visible": visible,
        "found": round(100.0 * len(found) / visible, 2) if visible else None,
        "centre_mm": round(float(np.mean([one.centre_mm for one in found])), 2) if found else None,
        "within_1": _percent(ratio <= 1.0),
        "within_2": _percent(ratio <= 2.0),
    }


def presence(run: Run, span: Span) -> dict[str, Any]:
    """Who is in the room during most of a phase, skeletons beside the lists of people, and whether
    diagnostics say, as OK, that nobody is seen."""
    inside = [r for r in run.reports if span.start_ns <= r.received_ns < span.end_ns]
    return {
        "in_room": int(np.median([len(tick.people) for tick in span.ticks])),
        "skeletons": sum(span.start_ns <= stamp < span.end_ns for stamp in run.skeletons),
        "told_nobody": any(r.level == 0 and "nobody is seen" in r.message for r in inside),
    }


def _percent(hits: Any) -> float | None:
    return round(100.0 * float(np.mean(hits)), 2) if np.size(hits) else None
