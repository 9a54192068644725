"""What following people over time shows in a replay: predictions, jumps, identities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.replay.record import People, Replayed
from pta_ros.evaluation.report.people import begins
from pta_ros.evaluation.report.scores import Scored, gap_s
from pta_ros.frames import FloatArray
from pta_ros.people.centred import trunk
from pta_ros.people.pairs import near_pairs

Ints = NDArray[np.int64]

#: Nobody moves farther than this and so much a second: then they are two people.
_APART_M, _FAST_M_PER_S = 0.5, 3.0


@dataclass(frozen=True)
class FollowedSeen:
    """People over time in one replay.

    `predicted` estimates came from the tracks alone, in `stretches` of which the longest reaches
    `longest_s` beyond the last estimate; `corrected` were told again after a late frame. `step_mm`
    is the largest step of any joint from one estimate to the next, at `step_at_s`; `true_step_mm`
    the largest true one at the same moments. `left_out_s`: how long each sensor was left out
    because it contradicted the others. Of people: how many `numbers` were given, to so many
    `true_people`, and how often somebody's changed (`exchanges`). None: not known, or not one.
    """

    predicted: int
    stretches: int
    longest_s: float
    corrected: int
    step_mm: float | None
    step_at_s: float | None
    true_step_mm: float | None
    left_out_s: dict[str, float]
    numbers: int | None
    true_people: int | None
    exchanges: int | None


def followed(scored: Scored) -> FollowedSeen | None:
    """Figures of a replay; None of activities."""
    run = scored.run
    if run.task == "activity":
        return None
    stretches = _stretches(run)
    told, true = _walks(scored)
    step_mm, row = _largest_step(told, scored)
    people = run.people if scored.has_truth else None
    mine = None if people is None else identities(people, scored.seconds)
    return FollowedSeen(
        predicted=len(run.predicted_ns),
        stretches=len(stretches),
        longest_s=max(stretches, default=0.0),
        corrected=len(run.corrected_ns),
        step_mm=step_mm,
        step_at_s=None if row is None else float(scored.seconds[row]),
        true_step_mm=_largest_step(true, scored)[0],
        left_out_s=_left_out(run),
        numbers=_numbers(run),
        true_people=None if mine is None else len(set(mine.tolist())),
        exchanges=None if people is None or mine is None else _exchanges(people, mine, scored),
    )


def _numbers(run: Replayed) -> int | None:
    """How many numbers were given; None where nobody is followed."""
    ids = set() if run.people is None else set(run.people.ids.tolist())
    return None if run.people is None or ids == {0} else len(ids - {0})


def _left_out(run: Replayed) -> dict[str, float]:
    total: dict[str, float] = {}
    for out in run.left_out:
        total[out.modality] = total.get(out.modality, 0.0) + (out.end_ns - out.begin_ns) / 1e9
    return total


def _stretches(run: Replayed) -> list[float]:
    """How far beyond the last estimate each stretch of predictions reaches, seconds."""
    found: dict[int, float] = {}
    for stamp in run.predicted_ns.tolist():
        row = int(np.searchsorted(run.stamp_ns, stamp, side="right")) - 1
        since = run.stamp_ns[row] if row >= 0 else run.begin_ns
        found[row] = max(found.get(row, 0.0), (stamp - since) / 1e9)
    return list(found.values())


#: Somebody's way: rows of estimates (K,), and joints there (K, J, 3).
_Walk = tuple[NDArray[np.integer], FloatArray]


def _walks(scored: Scored) -> tuple[list[_Walk], list[_Walk]]:
    """Everybody's way as it was told, and as it was."""
    run, people = scored.run, scored.run.people
    if people is None:
        known = np.flatnonzero(scored.known)
        return [(np.arange(len(run.stamp_ns)), run.joints_m)], [(known, run.truth_m[known])]
    rows = np.repeat(np.arange(len(people.counts)), people.counts)
    true_rows = np.repeat(np.arange(len(people.counts)), np.maximum(people.true_counts, 0))
    told, mine = people.ids, identities(people, scored.seconds)
    return (
        [(rows[told == n], people.joints_m[told == n]) for n in set(told.tolist()) - {0}],
        [(true_rows[mine == n], people.true_m[mine == n]) for n in set(mine.tolist())],
    )


def _largest_step(walks: list[_Walk], scored: Scored) -> tuple[float | None, int | None]:
    """The largest step (mm) of any joint between two estimates, none of them missing in between,
    and the row where it ends."""
    found: list[tuple[float, int]] = []
    for rows, joints in walks:
        times = scored.seconds[rows]
        steady = (np.diff(times) < gap_s(scored.seconds)) & (np.diff(rows) == 1)
        next_to = np.flatnonzero(steady)
        steps = np.linalg.norm(joints[next_to + 1] - joints[next_to], axis=-1)
        if steps.size:
            worst = int(steps.max(axis=1).argmax())
            found.append((1e3 * float(steps.max()), int(rows[next_to[worst] + 1])))
    return max(found, default=(None, None))


def identities(people: People, times_s: NDArray[np.floating]) -> Ints:
    """Who each true row is, (T,), from 0 on: people keep their number while their ways are steady.

    `times_s` (N,) of the estimates; those at which the truth is not known are passed over.
    """
    first, out = begins(np.maximum(people.true_counts, 0)), []
    before, own, then, count = np.zeros((0, 3)), np.zeros(0, np.int64), 0.0, 0
    for begin, there, now in zip(
        first.tolist(), people.true_counts.tolist(), times_s.tolist(), strict=True
    ):
        if there < 0:
            continue
        places = trunk(people.true_m[begin : begin + there])
        mine = np.full(len(places), -1, np.int64)
        away = np.linalg.norm(before[:, None] - places[None], axis=-1)
        farthest = _APART_M + _FAST_M_PER_S * (now - then)
        for a, b in near_pairs(away, farthest).items():
            mine[b] = own[a]
        new = np.flatnonzero(mine < 0)
        mine[new] = count + np.arange(len(new))
        count += len(new)
        before, own, then = places, mine, now
        out.append(mine)
    return np.concatenate([np.zeros(0, np.int64), *out])


def _exchanges(people: People, mine: Ints, scored: Scored) -> int:
    """How often a true person is found under another number than the last time."""
    found = scored.people
    assert found is not None
    last: dict[int, int] = {}
    changed = 0
    for person, true in zip(found.person.tolist(), found.true.tolist(), strict=True):
        who, number = int(mine[true]), int(people.ids[person])
        changed += last.get(who, number) != number
        last[who] = number
    return changed
