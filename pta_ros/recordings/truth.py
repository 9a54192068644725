"""The truth of a recording over time: told by a topic, by motion capture or by a model, placed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pta_ros.clock import NS
from pta_ros.errors import DatasetError
from pta_ros.evaluation.replay.people import TruePeople, between
from pta_ros.frames import FloatArray
from pta_ros.fusion.transforms import apply
from pta_ros.recordings.places import Places
from pta_ros.skeleton import NUM_JOINTS

#: Columns of a row: metres in the level frame, metres in the reference sensor's, one sigma.
LEVEL, OWN, SIGMA = slice(0, 3), slice(3, 6), 6


@dataclass(frozen=True, eq=False)
class Timeline:
    """Everybody over time: `stamps` ascend, each with rows (P, 17, 7), see the columns above.

    `certain`: it counts as true, and no deviation is told.
    """

    stamps: list[int]
    rows: list[FloatArray]
    certain: bool

    def at(self, stamp: int) -> FloatArray | None:
        """Everybody at one stamp (P, 17, 7); None where nothing is told near to it."""
        after = bisect_left(self.stamps, stamp)
        near = slice(max(0, after - 1), after + 1)
        placed = list(zip(self.stamps[near], self.rows[near], strict=True))
        return between(placed, self.stamps[near], stamp)

    def part(self, begin_ns: int, end_ns: int) -> Timeline:
        """What is told from begin to end, and a second around it."""
        first, last = (
            bisect_left(self.stamps, t) for t in (begin_ns - NS, end_ns + NS)
        )  # fmt: skip
        return Timeline(self.stamps[first:last], self.rows[first:last], self.certain)


def timeline(told: Iterable[TruePeople], places: Places, source: str) -> tuple[Timeline, int]:
    """Everything told, placed, and how much of it no way leads from.

    Raises DatasetError where nothing can be placed.
    """
    stamps: list[int] = []
    rows: list[FloatArray] = []
    lost: dict[str, int] = {}
    for truth in told:
        if stamps and truth.stamp_ns <= stamps[-1]:
            continue  # a looped recording
        ways = places.ways(truth.frame_id, truth.stamp_ns)
        if ways is None:
            lost[truth.frame_id] = lost.get(truth.frame_id, 0) + 1
            continue
        points = truth.joints_m.reshape(-1, 3)
        own, level = (_moved(points, way).reshape(-1, NUM_JOINTS, 3) for way in ways)
        sigma = truth.deviation_m.reshape(-1, NUM_JOINTS, 1)
        sigma = sigma if sigma.size else np.zeros((len(own), NUM_JOINTS, 1), np.float32)
        stamps.append(truth.stamp_ns)
        rows.append(np.concatenate([level, own, sigma], axis=-1).astype(np.float32))
    if not stamps and lost:
        raise DatasetError(_unreachable(next(iter(lost)), places, source))
    certain = not any(row[..., SIGMA].any() for row in rows)
    return Timeline(stamps, rows, certain), sum(lost.values())


def _moved(points: FloatArray, way: np.ndarray) -> FloatArray:
    """Points (N, 3), the very same where the way leads nowhere."""
    return points if np.array_equal(way, np.eye(4)) else apply(way, points)


def _unreachable(frame: str, places: Places, source: str) -> str:
    reference = places.reference
    return (
        f"{source}: the truth is in frame {frame!r}, and nothing says where {reference} "
        f"({places.frames[reference]!r}) is in it; expected a chain of transforms on /tf_static or "
        f"/tf, or {reference}.extrinsic and the truth in {places.level!r}"
    )
