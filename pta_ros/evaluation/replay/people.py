"""Everybody over time: the people of all estimates as rows, and the true ones at their stamps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pta_ros.clock import stamp_ns
from pta_ros.errors import DecodeError
from pta_ros.evaluation.replay.record import Column, People
from pta_ros.evaluation.replay.truth import TRUTH_GAP_NS, TRUTH_NEAR_NS
from pta_ros.frames import Estimate, FloatArray, nothing
from pta_ros.fusion.transforms import Matrix, apply
from pta_ros.people.centred import trunk
from pta_ros.skeleton import NUM_JOINTS

#: Nobody moves so far between two messages of the truth; then they are two people.
_FARTHEST_M = 1.0


@dataclass(frozen=True, eq=False)
class TruePeople:
    """Everybody who is there at one moment: joints (P, 17, 3), metres in the frame `frame_id`.

    `deviation_m` (P, 17) per axis, one sigma: how sure it is; zero of what counts as true.
    """

    stamp_ns: int
    frame_id: str
    joints_m: FloatArray
    deviation_m: FloatArray = field(default_factory=nothing)


def people_of(msg: object, topic: str) -> TruePeople:
    """The people of a pta_msgs/People, or the one of a Skeleton; DecodeError for anything else."""
    try:
        header = msg.header  # type: ignore[attr-defined]
        when_ns, frame_id = stamp_ns(header.stamp), str(header.frame_id)
        skeletons = [p.skeleton for p in msg.people] if hasattr(msg, "people") else [msg]
        poses = [[(p.x, p.y, p.z) for p in s.positions] for s in skeletons]  # type: ignore[union-attr]
        joints = [np.array(pose, np.float32).reshape(-1, 3) for pose in poses]
        sigmas = [np.array(s.std_dev, np.float32).reshape(-1) for s in skeletons]  # type: ignore[union-attr]
    except (AttributeError, TypeError, ValueError) as error:
        raise DecodeError(topic, str(error), "a pta_msgs/msg/People or Skeleton") from error
    for own in joints:
        if own.shape != (NUM_JOINTS, 3) or not np.isfinite(own).all():
            raise DecodeError(topic, f"positions {own.shape}", f"{NUM_JOINTS} finite positions")
    deviation = np.zeros((len(joints), NUM_JOINTS), np.float32)
    for row, sigma in zip(deviation, sigmas, strict=True):
        if sigma.shape == row.shape and np.isfinite(sigma).all():
            row[:] = sigma
    empty = np.zeros((0, NUM_JOINTS, 3), np.float32)
    return TruePeople(when_ns, frame_id, np.stack(joints) if joints else empty, deviation)


class PeopleTruth:
    """Everybody over time, in the level frame; between two messages poses are interpolated.

    `place` gives the transform (4, 4) from a frame to the level one, None where none is known. It
    is asked at the end, when all transforms have come.
    """

    def __init__(self, place: Callable[[str], Matrix | None]) -> None:
        self._place = place
        self._told: list[TruePeople] = []
        #: Frames of whose people it is not known where they are.
        self.lost: list[str] = []

    def add(self, truth: TruePeople) -> None:
        """Note one message; one that does not advance time (a looped bag) is left out."""
        if not self._told or truth.stamp_ns > self._told[-1].stamp_ns:
            self._told.append(truth)

    def at(self, stamps_ns: NDArray[np.int64]) -> tuple[NDArray[np.int64], FloatArray]:
        """How many are there at each stamp (N,), -1: not known; all their joints (T, 17, 3)."""
        placed = self._placed()
        known = [stamp for stamp, _ in placed]
        found = [between(placed, known, stamp) for stamp in stamps_ns.tolist()]
        counts = [-1 if joints is None else len(joints) for joints in found]
        rows = [joints for joints in found if joints is not None]
        empty = np.zeros((0, NUM_JOINTS, 3), np.float32)
        return np.array(counts, np.int64), np.concatenate([empty, *rows])

    def _placed(self) -> list[tuple[int, FloatArray]]:
        """Stamp and joints (P, 17, 3) in the level frame of every message that can be placed."""
        frames = {truth.frame_id: self._place(truth.frame_id) for truth in self._told}
        self.lost = [frame for frame, matrix in frames.items() if matrix is None]
        found = []
        for truth in self._told:
            if (matrix := frames[truth.frame_id]) is not None:
                joints = apply(matrix, truth.joints_m.reshape(-1, 3))
                found.append((truth.stamp_ns, joints.reshape(-1, NUM_JOINTS, 3)))
        return found


def between(
    placed: list[tuple[int, FloatArray]], known: list[int], stamp: int
) -> FloatArray | None:
    """Everybody at one stamp, (P, 17, 3), from what is `placed` at the stamps `known`.

    As it is told at this stamp, or else between two messages; None where none is near. More numbers
    behind the three coordinates are treated as they are.
    """
    after = bisect_left(known, stamp)
    if after < len(known) and known[after] == stamp:
        return placed[after][1]
    around = [placed[i] for i in (after - 1, after) if 0 <= i < len(placed)]
    if len(around) == 2:
        (a, before), (b, behind) = around
        if b - a <= TRUTH_GAP_NS and (same := _same(before, behind)) is not None:
            share = np.float32((stamp - a) / (b - a))
            moved: FloatArray = before + share * (same - before)
            return moved
    near = min(around, key=lambda each: abs(each[0] - stamp), default=None)
    return near[1] if near is not None and abs(near[0] - stamp) <= TRUTH_NEAR_NS else None


def _same(before: FloatArray, behind: FloatArray) -> FloatArray | None:
    """The people `behind` in the order of those `before`; None where they are not the same."""
    if len(before) != len(behind):
        return None
    first, last = trunk(before[..., :3]), trunk(behind[..., :3])
    away = np.linalg.norm(first[:, None] - last[None], axis=-1)
    order = linear_sum_assignment(away)[1]
    far = len(away) and away[np.arange(len(away)), order].max() > _FARTHEST_M
    return None if far else behind[order]


class PeopleLog:
    """The people of all estimates; see `record.People` for the shapes."""

    def __init__(self) -> None:
        self._counts = Column((), np.int64)
        self._rows = {
            "presence": Column((), np.float32),
            "centres_m": Column((3,), np.float32),
            "joints_m": Column((NUM_JOINTS, 3), np.float32),
            "std_m": Column((NUM_JOINTS,), np.float32),
            "ids": Column((), np.int64),
        }

    def add(self, estimate: Estimate) -> None:
        """Note everybody of one estimate."""
        people = estimate.people or ()
        ids = [track.id for track in estimate.tracks] or [0] * len(people)
        self._counts.add(len(people))
        for number, person in zip(ids, people, strict=True):
            self._rows["ids"].add(number)
            self._rows["presence"].add(person.presence)
            self._rows["centres_m"].add(person.centre)
            self._rows["joints_m"].add(person.joints)
            self._rows["std_m"].add(person.deviation_m)

    def result(self, true_counts: NDArray[np.int64], true_joints_m: FloatArray) -> People:
        """All of them, beside the true ones."""
        rows = {name: column.rows for name, column in self._rows.items()}
        return People(self._counts.rows, **rows, true_counts=true_counts, true_m=true_joints_m)
