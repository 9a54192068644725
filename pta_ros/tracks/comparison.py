"""What one modality says alone against the tracks, frame by frame: how far off, how it jumps.

Numbers of one frame, and what is usual for the modality; pairs.py sets two modalities side by side,
consistency.py draws the conclusions.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import NamedTuple

import numpy as np

from pta_ros.clock import NS, to_ns
from pta_ros.frames import Person, Track
from pta_ros.people.pairs import assigned
from pta_ros.tracks.filter import Array

#: Nobody is compared with somebody farther away than this, metres.
_FARTHEST_M = 5.0
#: What is usual is learned over so long, seconds: differences from the track, deviations.
_USUAL_S, _DEVIATION_S = 2.0, 5.0
#: A pose that differs from the last by less in every coordinate (metres) repeats it: that is what
#: rounding does. Any noise of a sensor moves more, though not by a known share of the deviation.
_SAME_M = 1e-6
#: A modality may have shown a pose before, so long ago and up to such a share of its jump.
_BEFORE_S, _BEFORE = 1.05, 0.15
#: Models err more while people move: by so much of their motion.
BLUR_S = 0.05
#: Such a share of a model's variance is common to all joints.
_COMMON = 0.4
#: A modality that was silent so long (seconds), and for so many of its periods, begins anew.
_SILENCE_S, _PERIODS = 0.3, 2.5


@dataclass(frozen=True, eq=False)
class Look:
    """One person in one frame of a modality, beside the track; (17, 3) in metres and m/s.

    `change`: how far off the track, beyond what is usual; `jump`: the step since its last frame
    that neither the track's velocity, nor its own last step, nor rest explains; `own` and
    `velocity`: its own velocity and the track's. `deviation` (17,) is the usual one: a sensor that
    breaks often tells a larger one, which is no excuse. `same`: its last pose again; `before`: it
    jumped to a pose that it had shown. `off_m`: mean distance of its joints from the track.

    What is asked of one more than once is computed once.
    """

    change: Array
    jump: Array
    own: Array
    velocity: Array
    deviation: Array
    same: bool
    before: bool
    off_m: float

    @cached_property
    def variance(self) -> Array:
        """Square of the deviation (17,)."""
        return self.deviation * self.deviation

    @cached_property
    def deviation_m(self) -> float:
        """Mean deviation."""
        return float(self.deviation.sum()) / len(self.deviation)

    @cached_property
    def jump_square(self) -> float:
        """Sum of the jump's squares."""
        return float(np.vdot(self.jump, self.jump))

    @cached_property
    def jump_size(self) -> float:
        """Square of the jump, 1 being what its deviations promise."""
        return self.jump_square / (3.0 * float(self.variance.sum()))

    @cached_property
    def far(self) -> float:
        """How far it jumped, metres times deviations: no calm sensor's tremor and no swift arm."""
        return _mean_length(self.jump) * math.sqrt(self.jump_size)

    @cached_property
    def blurred_jump_size(self) -> float:
        """As `jump_size`, of joints or of the whole body, in the light of how the person moves."""
        return size(self.jump, self.variance, self.motion, BLUR_S)

    @cached_property
    def motion(self) -> Motion:
        """How the person moves by the track."""
        middle = self.velocity.sum(axis=0) / len(self.velocity)
        return Motion(np.einsum("ij,ij->i", self.velocity, self.velocity), float(middle @ middle))


class Motion(NamedTuple):
    """Squares of velocities: of the joints (17,), and of all of them together."""

    joints: Array
    whole: float


Looks = Mapping[int, Look]  # by track id


def size(off: Array, variance: Array, motion: Motion, blur_s: float) -> float:
    """Square of (17, 3) metres, 1 being what variances (17,) and `blur_s` of the motion allow: of
    the joints, or of all of them together if that is more."""
    count, blur = len(off), blur_s**2
    joints = np.einsum("ij,ij->i", off, off) / (3.0 * variance + blur * motion.joints)
    middle = off.sum(axis=0) / count
    usual = 3.0 * _COMMON * float(variance.sum()) / count + blur * motion.whole
    return max(float(joints.sum()) / count, float(middle @ middle) / usual)


def over_people(measure: Callable[..., float], *looks: Looks) -> float:
    """The median of a measure over the people whom all show; 0 where there is nobody."""
    first, *others = looks
    shared = [i for i in first if all(i in one for one in others)]
    told = [measure(*(one[i] for one in looks)) for i in shared]
    return float(median(told)) if told else 0.0


def _mean_length(vectors: Array) -> float:
    """Mean length of vectors (17, 3)."""
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)).sum()) / len(vectors)


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of one person as a modality shows them."""

    usual: Array
    deviation: Array
    for_s: float = 0.0


class Comparison:
    """Compares one modality's people with the tracks."""

    def __init__(self) -> None:
        self.since_s = 0.0  # between its last two frames
        self._known: dict[int, _Known] = {}  # all by track id
        self._poses: dict[int, deque[tuple[int, Array]]] = {}
        self._steps: dict[int, Array] = {}
        self._now: dict[int, tuple[Array, Array]] = {}  # difference from the track, deviation
        self._stamp_ns: int | None = None

    def looks(self, stamp_ns: int, people: Sequence[Person], tracks: Sequence[Track]) -> Looks:
        """Compare one frame; without anybody when it shows nobody who is tracked."""
        before_ns = stamp_ns if self._stamp_ns is None else self._stamp_ns
        usual_s, self.since_s = self.since_s, max(0.0, (stamp_ns - before_ns) / NS)
        self._stamp_ns = stamp_ns
        if self.since_s > max(
            _SILENCE_S, _PERIODS * usual_s
        ):  # what was walked meanwhile is no jump
            self._poses, self._steps = {}, {}
        pairs = _pairs(people, tracks)
        numbers = {track.id for _, track in pairs}
        self._poses = {i: poses for i, poses in self._poses.items() if i in numbers}
        self._steps = {i: step for i, step in self._steps.items() if i in numbers}
        self._now = {}
        return {track.id: self._one(person, track) for person, track in pairs}

    def learn(self) -> None:
        """Take the last frame for usual."""
        known, self._known = self._known, {}
        slow = 1.0 - math.exp(-self.since_s / _DEVIATION_S)
        for number, (away, told) in self._now.items():
            one = known.get(number) or _Known(away, told)
            one.for_s += self.since_s
            share = self.since_s / min(one.for_s, _USUAL_S) if one.for_s > 0.0 else 1.0
            usual = one.usual + min(share, 1.0) * (away - one.usual)
            most = 2.0 * told[:, None]
            one.usual = np.minimum(np.maximum(usual, -most), most)
            ratio = np.minimum(np.maximum(told / one.deviation, 1.0 / 3.0), 3.0)
            one.deviation = one.deviation * ratio**slow
            self._known[number] = one

    def _one(self, person: Person, track: Track) -> Look:
        away, told = person.joints - track.joints, person.deviation_m
        known = self._known.get(track.id)
        poses = self._poses.setdefault(track.id, deque())
        step = person.joints - poses[-1][1] if poses else np.zeros_like(away)
        jump = self._jump(track, step) if poses else step
        nearest = min((_square(person.joints - pose) for _, pose in poses), default=math.inf)
        look = Look(
            change=away - (0.0 if known is None else known.usual),
            jump=jump,
            own=step / self.since_s if self.since_s > 0.0 else np.zeros_like(step),
            velocity=track.velocities,
            deviation=told if known is None else known.deviation,
            same=bool(poses) and float(np.abs(step).max()) < _SAME_M,
            before=nearest < _BEFORE * _square(jump),
            off_m=_mean_length(away),
        )
        assert self._stamp_ns is not None
        self._now[track.id], self._steps[track.id] = (away, told), step
        poses.append((self._stamp_ns, person.joints))
        while self._stamp_ns - poses[0][0] > to_ns(_BEFORE_S):
            poses.popleft()
        return look

    def _jump(self, track: Track, step: Array) -> Array:
        """What is left of a step after the motion that explains it best."""
        last = self._steps.get(track.id, np.zeros_like(step))
        left = (step, step - self.since_s * track.velocities, step - last)
        return min(left, key=_square)


def _square(vectors: Array) -> float:
    """Sum of squares."""
    return float(np.vdot(vectors, vectors))


def _pairs(people: Sequence[Person], tracks: Sequence[Track]) -> list[tuple[Person, Track]]:
    """Who is whom, the least sum of mean distances of joints, with no gate but 5 m."""
    if not people or not tracks:
        return []
    ours = np.stack([person.joints for person in people])
    theirs = np.stack([track.joints for track in tracks])
    away = np.linalg.norm(ours[:, None] - theirs[None], axis=-1).mean(axis=-1)
    near = [(r, c) for r, c in assigned(away) if away[r, c] < _FARTHEST_M]
    return [(people[r], tracks[c]) for r, c in near]
