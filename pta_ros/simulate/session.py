"""The endless sequence of actions behind a live session, as channels and places at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pta_ros.simulate import motion
from pta_ros.simulate.actions import ACTIONS, action
from pta_ros.simulate.body import Subject
from pta_ros.simulate.kinematics import CHANNELS, INDEX, Array
from pta_ros.simulate.motion import Variation
from pta_ros.simulate.room import Placement

SESSION_CLIP = 100_000  # clip numbers from here on belong to sessions
_STREAM = 404
#: How long the way from one action to the next takes, from the segment's start on.
BLEND_S = 1.6
_LIFT = 0.1  # height of a step, in leg lengths
_FULL_STEP_M = 0.3


@dataclass(frozen=True, eq=False)
class Segment:
    """One action of a session, from `start_s` to `stop_s`; the blend from the last comes first."""

    start_s: float
    stop_s: float
    action: int
    variation: Variation
    placement: Placement


class Segments:
    """The session's actions, made as they are needed; the same for any order of questions."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._made: list[Segment] = []

    def segment(self, time_s: float) -> Segment:
        """The segment at a time; times before 0 belong to the first."""
        return self._made[self._index(time_s)]

    def at(self, time_s: Array) -> tuple[Array, Array]:
        """Motion channels (T, C) and place (T, 3: x, z metres, yaw degrees) at times (T,)."""
        index = np.array([self._index(float(t)) for t in time_s])
        channels, place = np.empty((len(time_s), len(CHANNELS))), np.empty((len(time_s), 3))
        for k in np.unique(index):
            rows = index == k
            channels[rows], place[rows] = self._within(int(k), time_s[rows])
        return channels, place

    def _within(self, k: int, time_s: Array) -> tuple[Array, Array]:
        channels, place = self._pure(k, time_s)
        if k == 0:
            return channels, place
        u = np.clip((time_s - self._made[k].start_s) / BLEND_S, 0.0, 1.0)
        ease = (u**3 * (10.0 - 15.0 * u + 6.0 * u**2))[:, None]
        old_channels, old_place = self._pure(k - 1, time_s)
        channels = old_channels + ease * (channels - old_channels)
        distance = np.linalg.norm((place - old_place)[:, :2], axis=1)
        lift = _LIFT * np.minimum(distance / _FULL_STEP_M, 1.0)
        for name, phase in (("l_fy", 0.0), ("r_fy", 0.5)):
            step = np.clip(2.0 * (u - phase), 0.0, 1.0)
            channels[:, INDEX[name]] += lift * np.sin(np.pi * step) ** 2
        return channels, old_place + ease * (place - old_place)

    def _pure(self, k: int, time_s: Array) -> tuple[Array, Array]:
        made = self._made[k]
        channels = motion.channels(self._subject, action(made.action), time_s, made.variation)
        return channels, made.placement.at(time_s)

    def _index(self, time_s: float) -> int:
        while not self._made or self._made[-1].stop_s <= time_s:
            self._made.append(self._make(len(self._made)))
        low, high = 0, len(self._made) - 1
        while low < high:
            middle = (low + high) // 2
            if self._made[middle].stop_s <= time_s:
                low = middle + 1
            else:
                high = middle
        return low

    def _make(self, k: int) -> Segment:
        who = (self._subject.seed, self._subject.index)
        rng = np.random.default_rng([*who, _STREAM, k])
        start = self._made[-1].stop_s if self._made else 0.0
        cycle, place = divmod(k, len(ACTIONS))
        order = np.random.default_rng([*who, _STREAM, cycle, 1]).permutation(len(ACTIONS))
        return Segment(
            start_s=start,
            stop_s=start + float(rng.uniform(5.0, 7.0)),
            action=int(order[place]) + 1,
            variation=Variation.draw(*who, SESSION_CLIP + k),
            placement=Placement.draw(rng),
        )
