"""What one modality says alone against the tracks: how far off, how rough, how late, how stiff.

Numbers of one frame, and what is usual for the modality; consistency.py draws the conclusions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pta_ros.clock import NS
from pta_ros.frames import Person, Track
from pta_ros.tracks.filter import Array

#: Nobody is compared with somebody farther away than this, metres.
_FARTHEST_M = 5.0
#: What is usual is learned over so long, seconds: differences, their size; lags are told over.
_USUAL_S, _SIZE_S, _LAG_S = 2.0, 15.0, 1.5
#: Usual variances before any is known, as shares of the deviations' squares: of the joints' mean,
#: and of the difference of two frames.
_FIRST_SHIFT, _FIRST_STEP = 0.3, 0.3
#: A pose that differs from the last by less than this share of the deviation repeats it.
_SAME = 0.01
_LEAST_SPEED_M_S = 0.1  # of a joint that can tell how late it is
#: So much motion, in squares of deviations per second, tells a lag to some 30 ms, as errors of
#: joints and frames go together.
_ENOUGH = 1.5e4


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """One modality in one frame, the median over the people that it shows and that are tracked.

    `off_m`: mean distance of its joints from the tracks. Squares, 1 being what its deviations
    promise or what is usual: `pose` of the joints' differences from where it usually has them,
    `shift` of their mean, `step` of the differences' change since its last frame. `change` (17, 3)
    are the differences, metres. `lag_s`: how late its motion is, NaN without motion. `same`: the
    poses are those of its last frame. `track_m`: mean deviation of the tracks.
    """

    off_m: float
    pose: float
    shift: float
    step: float
    change: Array
    lag_s: float
    same: bool
    track_m: float


class Comparison:
    """Compares one modality's people with the tracks, frame by frame."""

    def __init__(self) -> None:
        self._usual: dict[int, tuple[Array, float]] = {}  # its difference (17, 3), known for
        self._last: dict[int, tuple[Array, Array]] = {}  # joints, difference; all by track id
        self._now: dict[int, tuple[Array, Array]] = {}  # difference, deviation
        self._stamp_ns: int | None = None
        self._since_s = 0.0
        self._sizes = np.array([1.0, 1.0, 1.0])  # usual pose, shift and step, of the promised
        self._late = np.zeros(2)  # sums of difference times velocity, of velocity squared

    def gap(
        self,
        stamp_ns: int,
        people: Sequence[Person],
        tracks: Sequence[Track],
        most_m: float = np.inf,
    ) -> Gap | None:
        """Compare one frame; None when it shows nobody who is tracked.

        The tracks count as no less certain than `most_m`.
        """
        pairs = _pairs(people, tracks)
        if not pairs:
            return None
        if self._stamp_ns is not None:
            self._since_s = max(0.0, (stamp_ns - self._stamp_ns) / NS)
        self._stamp_ns = stamp_ns
        self._late *= np.exp(-self._since_s / _LAG_S)
        self._now = {}
        rows = [self._one(person, track, most_m) for person, track in pairs]
        sizes = np.median([row[0] for row in rows], axis=0) / self._sizes
        behind, motion = self._late
        return Gap(
            off_m=float(np.median([row[1] for row in rows])),
            pose=float(sizes[0]),
            shift=float(sizes[1]),
            step=float(sizes[2]),
            change=np.median([row[2] for row in rows], axis=0),
            lag_s=float(-behind / motion) if motion > _ENOUGH else float("nan"),
            same=all(row[3] for row in rows),
            track_m=float(np.median([track.deviation_m.mean() for _, track in pairs])),
        )

    def forget_lag(self) -> None:
        """Start over with how late it is: what it said was not its motion."""
        self._late[:] = 0.0

    def learn(self, gap: Gap) -> None:
        """Take the last frame for usual."""
        known, self._usual = self._usual, {}
        for number, (away, deviation) in self._now.items():
            usual, for_s = known.get(number, (away, 0.0))
            for_s += self._since_s
            share = self._since_s / min(for_s, _USUAL_S) if for_s > 0.0 else 1.0
            usual = usual + min(share, 1.0) * (away - usual)
            self._usual[number] = np.clip(usual, -2.0 * deviation, 2.0 * deviation), for_s
        slow = 1.0 - np.exp(-self._since_s / _SIZE_S)
        found = np.minimum([gap.pose, gap.shift, gap.step], 4.0)
        self._sizes = np.maximum(self._sizes * (1.0 + slow * (found - 1.0)), 0.2)

    def _one(self, person: Person, track: Track, most_m: float) -> tuple[Array, float, Array, bool]:
        """Sizes (3,), mean distance, differences (17, 3), whether it is the last pose again."""
        away = person.joints - track.joints
        deviation = person.deviation_m[:, None]
        self._now[track.id] = away, deviation
        variance = deviation**2 + np.minimum(track.deviation_m, most_m)[:, None] ** 2
        self._add_late(away, track, variance)
        change = away - self._usual_of(track.id)
        centre = min(track.centre_deviation_m, most_m)
        promised = _FIRST_SHIFT * (deviation**2).mean() + centre**2
        last_joints, last_away = self._last.get(track.id, (None, away))
        self._last[track.id] = person.joints, away
        sizes = (
            (change**2 / variance).mean(),
            (change.mean(axis=0) ** 2).mean() / promised,
            ((away - last_away) ** 2 / (_FIRST_STEP * variance)).mean(),
        )
        same = last_joints is not None and bool(
            (np.abs(person.joints - last_joints) < _SAME * deviation).all()
        )
        return np.array(sizes), float(np.linalg.norm(away, axis=1).mean()), away, same

    def _usual_of(self, number: int) -> Array:
        return self._usual[number][0] if number in self._usual else np.zeros(3)

    def _add_late(self, away: Array, track: Track, variance: Array) -> None:
        """A joint that is late by t is t times its velocity behind."""
        moving = np.linalg.norm(track.velocities, axis=1, keepdims=True) > _LEAST_SPEED_M_S
        speeds = track.velocities * moving
        behind, motion = (away - self._usual_of(track.id)) * speeds / variance, speeds**2 / variance
        self._late += (behind.sum(), motion.sum())


def _pairs(people: Sequence[Person], tracks: Sequence[Track]) -> list[tuple[Person, Track]]:
    """Who is whom, the least sum of mean distances of joints, with no gate but 5 m."""
    if not people or not tracks:
        return []
    ours = np.stack([person.joints for person in people])
    theirs = np.stack([track.joints for track in tracks])
    away = np.linalg.norm(ours[:, None] - theirs[None], axis=-1).mean(axis=-1)
    rows, columns = linear_sum_assignment(away)
    near = [(r, c) for r, c in zip(rows, columns, strict=True) if away[r, c] < _FARTHEST_M]
    return [(people[r], tracks[c]) for r, c in near]
