"""What a model makes of marked frames: errors per joint, whether deviations hold, who is found.

Error: distance of an estimated joint from its mark in space, in the camera's frame; the estimated
person who is nearest to the marks is the marked one, however far. Where nobody is found, the errors
are None: they have no part in mean and median and count as beyond every limit.
Within k sigma: error <= k sqrt(3 (deviation² + 30²)) mm, where `deviation` is the joint's own per
axis, 30 mm is the marking's per axis (marks.MARK_M), and there are three axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.frames.marks import MARK_M, as_marked, marked_joints
from pta_ros.evaluation.frames.read import Frame, find_frames, read_frame
from pta_ros.fusion.people import PeopleEstimator, Person
from pta_ros.skeleton import JOINT_NAMES

Array = NDArray[np.float64]

LIMITS_MM = (100, 150)
SIGMAS = (1, 2, 3)


@dataclass(frozen=True, eq=False)
class Measured:
    """One frame: everybody found; the marked person's number among them (None: nobody found, or
    nobody marked), errors in mm and in sigmas by marked joint, and the marks without any depth."""

    frame: Frame
    found: tuple[Person, ...]
    marked: int | None
    errors_mm: dict[str, float | None]
    sigmas: dict[str, float | None]
    no_depth: tuple[str, ...]

    @property
    def mean_mm(self) -> float | None:
        """Mean error of the frame's joints, None where there is none."""
        return mean([e for e in self.errors_mm.values() if e is not None])


def measure_folder(
    folder: Path, estimator: PeopleEstimator, progress: Callable[[int, int], None]
) -> Iterator[Measured]:
    """Measure every frame below `folder`, one after the other. Raises DatasetError."""
    pictures = find_frames(folder)
    frames = [read_frame(png, folder) for png in pictures[:1]]  # complain before long work
    for done, png in enumerate(pictures, start=1):
        frame = frames.pop() if frames else read_frame(png, folder)
        yield measure(frame, estimator(frame.readings))
        progress(done, len(pictures))


def measure(frame: Frame, found: tuple[Person, ...]) -> Measured:
    """One frame's marks against the people found in it."""
    truth = marked_joints(frame)
    none = tuple(joint for joint in frame.marks if joint not in truth)
    if not found or not truth:
        empty: dict[str, float | None] = dict.fromkeys(truth)
        return Measured(frame, found, None, empty, dict(empty), none)
    away = [_distances(frame, person, truth) for person in found]
    marked = int(np.argmin([np.mean(list(one.values())) for one in away]))
    sigmas: dict[str, float | None] = {}
    for joint, metres in away[marked].items():
        own = float(as_marked(joint, found[marked].deviation_m))
        sigmas[joint] = metres / float(np.sqrt(3.0 * (own**2 + MARK_M**2)))
    errors: dict[str, float | None] = {joint: 1000.0 * m for joint, m in away[marked].items()}
    return Measured(frame, found, marked, errors, sigmas, none)


def _distances(frame: Frame, person: Person, truth: dict[str, Array]) -> dict[str, float]:
    """Metres between the person's joints and the marked ones, in the camera's frame."""
    local = (person.joints - frame.depth.place) @ frame.depth.rotation
    return {
        joint: float(np.linalg.norm(as_marked(joint, local) - place))
        for joint, place in truth.items()
    }


def mean(values: Sequence[float]) -> float | None:
    """The mean, None of nothing."""
    return float(np.mean(values)) if values else None


def summary(errors: Sequence[float | None], sigmas: Sequence[float | None]) -> dict[str, Any]:
    """Figures of a set of marked joints: mean and median (mm), and shares, 0 to 1."""
    known = [error for error in errors if error is not None]
    shares = {
        f"within_{limit}": mean([float(e is not None and e <= limit) for e in errors])
        for limit in LIMITS_MM
    } | {
        f"within_{k}_sigma": mean([float(s is not None and s <= k) for s in sigmas])
        for k in SIGMAS
    }  # fmt: skip
    middle = float(np.median(known)) if known else None
    counts = {"joints": len(errors), "joints_not_found": len(errors) - len(known)}
    return {"mean_mm": mean(known), "median_mm": middle, **shares, **counts}


def figures(measured: Sequence[Measured]) -> dict[str, Any]:
    """Everything that `--json` holds; None where nothing was there to measure."""
    errors = [pair for one in measured for pair in one.errors_mm.items()]
    sigmas = [pair for one in measured for pair in one.sigmas.items()]
    joints = [joint for joint in JOINT_NAMES if any(name == joint for name, _ in errors)]
    counted = [one for one in measured if one.frame.people is not None]
    nobody = [one for one in counted if one.frame.people == 0]
    return {
        "frames": [_row(one) for one in measured],
        **summary([e for _, e in errors], [s for _, s in sigmas]),
        "per_joint": {
            joint: summary(
                [e for name, e in errors if name == joint],
                [s for name, s in sigmas if name == joint],
            )
            for joint in joints
        },
        "counted_frames": len(counted),
        "people": sum(one.frame.people or 0 for one in counted),
        "people_found": sum(len(one.found) for one in counted),
        "frames_with_right_count": sum(len(one.found) == one.frame.people for one in counted),
        "nobody_frames": len(nobody),
        "nobody_frames_with_somebody": sum(bool(one.found) for one in nobody),
        "marked_frames": sum(bool(one.frame.marks) for one in measured),
        "marked_frames_with_nobody_found": sum(
            bool(one.frame.marks) and not one.found for one in measured
        ),
    }


def _row(one: Measured) -> dict[str, Any]:
    stance = one.frame.stance
    return {
        "name": one.frame.name,
        "people": one.frame.people,
        "people_found": len(one.found),
        "errors_mm": {joint: _rounded(error, 1) for joint, error in one.errors_mm.items()},
        "sigmas": {joint: _rounded(sigma, 3) for joint, sigma in one.sigmas.items()},
        "marks_without_depth": list(one.no_depth),
        "camera": {
            "known_by": one.frame.source,
            "height_m": round(stance.height_m, 3),
            "pitch_deg": round(stance.pitch_deg, 2),
            "roll_deg": round(stance.roll_deg, 2),
        },
        "found": [
            {"presence": round(p.presence, 4), "centre_m": [round(x, 3) for x in p.centre.tolist()]}
            for p in one.found
        ],
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
