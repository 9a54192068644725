"""The CSV files of a report: every estimate, everybody in it, errors."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pta_ros.evaluation.report.scores import Scored, states_at
from pta_ros.frames import FloatArray
from pta_ros.metrics.subsets import subset_name
from pta_ros.skeleton import JOINT_NAMES

_JOINTS = [f"{joint}_{axis}" for joint in JOINT_NAMES for axis in "xyz"]
_JOINTS += [f"std_{joint}_mm" for joint in JOINT_NAMES]


def write_tables(scored: Scored, folder: Path, name: str) -> list[str]:
    """The files of one replay; gives their names."""
    written = [f"estimates_{name}.csv"]
    write_estimates(scored, folder / written[0])
    if scored.people is not None:
        written.append(f"people_{name}.csv")
        write_people(scored, folder / written[1])
    return written


def write_estimates(scored: Scored, path: Path) -> None:
    """One row per estimate: answer, weights, states; empty weight: not used.

    The answer is the joints (metres) and their standard deviations (mm), or the activity: class,
    its probability, the true class (-1: none that the whole window lies in), or how many people
    there are: in the estimate, in truth (-1: not known), found, and the mean error of those.
    """
    run = scored.run
    head = ["time_s", "stamp_ns"]
    head += [f"weight_{name}" for name in run.modalities]
    head += [f"state_{name}" for name in run.modalities]
    head += {
        "pose": _JOINTS,
        "activity": ["class_id", "label", "confidence", "true_class_id"],
        "people": ["people", "true_people", "found", "mpjpe_mm"],
    }[run.task]
    states = [states_at(run, name, scored.seconds) for name in run.modalities]
    _write_csv(path, head, (_estimate(scored, row, states) for row in range(len(run.stamp_ns))))


def _estimate(scored: Scored, row: int, states: Sequence[Sequence[str]]) -> list[str]:
    run = scored.run
    shares = zip(run.weights[row].tolist(), run.used[row].tolist(), strict=True)
    weights = [f"{weight:.4f}" if used else "" for weight, used in shares]
    told = [state[row] for state in states]
    when = [f"{scored.seconds[row]:.4f}", str(run.stamp_ns[row])]
    return [*when, *weights, *told, *_answer(scored, row)]


def _answer(scored: Scored, row: int) -> list[str]:
    run = scored.run
    if scored.people is not None:
        people = scored.people
        counts = [str(column[row]) for column in (people.told, people.there, people.found)]
        return [*counts, f"{scored.error_mm[row]:.2f}" if people.found[row] else ""]
    if run.classes:
        said, true = int(run.class_id[row]), int(run.true_class[row])
        return [str(said), run.classes[said], f"{run.confidence[row]:.4f}", str(true)]
    return _pose(run.joints_m[row], run.std_m[row])


def _pose(joints_m: FloatArray, std_m: FloatArray) -> list[str]:
    """Values of _JOINTS."""
    places = [f"{value:.4f}" for value in joints_m.flatten().tolist()]
    return [*places, *(f"{1e3 * value:.1f}" for value in std_m.tolist())]


def write_people(scored: Scored, path: Path) -> None:
    """One row per person of every estimate, in the level frame; an empty error: not found.

    `track` is the person's number, 0 where nobody is followed.
    """
    run, people = scored.run, scored.run.people
    assert people is not None
    assert scored.people is not None
    rows = np.repeat(np.arange(len(people.counts)), people.counts)
    errors = {
        int(person): [f"{centre:.2f}", f"{joints.mean():.2f}"]
        for person, centre, joints in zip(
            scored.people.person, scored.people.centre_mm, scored.people.joint_mm, strict=True
        )
    }
    head = ["time_s", "stamp_ns", "track", "presence", "centre_x", "centre_y", "centre_z"]
    head += ["centre_mm", "mpjpe_mm", *_JOINTS]
    written = (
        [
            f"{scored.seconds[row]:.4f}", str(run.stamp_ns[row]), str(people.ids[person]),
            f"{people.presence[person]:.4f}",
            *(f"{value:.4f}" for value in people.centres_m[person].tolist()),
            *errors.get(person, ["", ""]),
            *_pose(people.joints_m[person], people.std_m[person]),
        ]
        for person, row in enumerate(rows.tolist())
    )  # fmt: skip
    _write_csv(path, head, written)


def write_errors(replays: Iterable[Scored], path: Path) -> None:
    """One row per estimate with ground truth, of all replays: errors in mm."""
    head = ["replay", "time_s", "stamp_ns", "used", "mpjpe_mm", "pa_mpjpe_mm"]
    head += [f"{joint}_mm" for joint in JOINT_NAMES]
    known = ((s, row) for s in replays for row in np.flatnonzero(np.isfinite(s.error_mm)))
    _write_csv(path, head, (_error_row(scored, row) for scored, row in known))


def _error_row(scored: Scored, row: np.intp) -> list[str]:
    run = scored.run
    names = [name for name, used in zip(run.modalities, run.used[row], strict=True) if used]
    mm = [scored.error_mm[row], scored.pa_mm[row], *scored.joint_mm[row]]
    start = [run.name, f"{scored.seconds[row]:.4f}", str(run.stamp_ns[row])]
    return [*start, subset_name(tuple(names)), *(f"{value:.2f}" for value in mm)]


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
