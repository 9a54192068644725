"""The door of this room: estimates of people in, people with a number and a velocity out.

    tracker = Tracker(TrackerConfig(), ("depth", "lidar"))
    tracks = tracker.update(stamp_ns, people)      # a tuple of frames.Person, empty: nobody
    ahead = tracker.at(stamp_ns + to_ns(0.2))      # predicted

The same inputs give the same tracks, live or replayed, and inputs that come late, within the
history, give what they would have given in order. Not thread-safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pta_ros.clock import NS, to_ns
from pta_ros.frames import Person, Track
from pta_ros.settings import Group, param
from pta_ros.tracks.association import AssociationConfig, Associator, Bodies, Body
from pta_ros.tracks.filter import CENTRE, Array, MotionConfig, Seen
from pta_ros.tracks.history import History

Key = tuple[int, int]


@dataclass(frozen=True)
class TrackerConfig(Group):
    """Everything that a tracker can be told."""

    history_s: float = param(
        0.5, "a frame so late is still taken in at its stamp", unit="s", low=0.0, high=5.0
    )
    association: AssociationConfig = field(default_factory=AssociationConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)


class Tracker:
    """Tracks everybody; `modalities` are those that the people's weights name."""

    def __init__(self, config: TrackerConfig | None = None, modalities: Sequence[str] = ()) -> None:
        self.config = config or TrackerConfig()
        self._associator = Associator(self.config.association, self.config.motion, modalities)
        self._history: History[Bodies, tuple[Seen, ...]] = History(
            (), self._associator.step, to_ns(self.config.history_s)
        )
        #: Frames that were older than the history, and were left out.
        self.too_late = 0
        #: Steps that were done again for late frames.
        self.repeated = 0
        self._next = 1
        self._names: dict[Key, int] = {}

    @property
    def newest_ns(self) -> int | None:
        """The newest stamp that was taken in; None before the first."""
        return self._history.newest_ns

    def update(self, stamp_ns: int, people: Sequence[Person]) -> tuple[Track, ...]:
        """Take in who was seen at one stamp; gives everybody at the newest stamp.

        Raises ConfigError for a person of other modalities than the tracker's, or with numbers
        that are not finite.
        """
        seen = tuple(self._associator.seen(person) for person in people)
        before = self._history.newest
        steps = self._history.add(stamp_ns, seen)
        if steps is None:
            self.too_late += 1
        else:
            self.repeated += steps - 1
            self._name(before)
        newest = self.newest_ns
        return self.at(stamp_ns if newest is None else newest)

    def at(self, stamp_ns: int, ahead_ns: int = 0) -> tuple[Track, ...]:
        """Everybody at `stamp_ns`, oldest first: predicted where nothing was measured.

        Nobody at a stamp that is older than the history. With `ahead_ns` they are where those who
        are there at `stamp_ns` are expected so much later.
        """
        bodies = self._history.at(stamp_ns) or ()
        there = self._associator.alive(bodies, stamp_ns)
        sure = [body for body in there if body.sure and body.key in self._names]
        return tuple(self._track(body, stamp_ns, stamp_ns + ahead_ns) for body in sure)

    def reset(self) -> None:
        """Forget everybody, as after a jump of the clock; numbers are not given again."""
        self._history.clear()
        self._names = {}

    def _name(self, before: Bodies) -> None:
        """Number who is new. Who came out of a repeated history under another key keeps theirs."""
        sure = [body for body in self._history.newest if body.sure]
        keys = {body.key for body in sure}
        lost = {b.key: b for b in before if b.key in self._names and b.key not in keys}
        for body in sure:
            if body.key in self._names:
                continue
            heir = self._nearest(body, lost)
            if heir is None:
                self._names[body.key], self._next = self._next, self._next + 1
            else:
                self._names[body.key] = self._names.pop(heir)
                del lost[heir]
        kept = keys | {b.key for b in before}
        self._names = {key: name for key, name in self._names.items() if key in kept}

    def _nearest(self, body: Body, lost: dict[Key, Body]) -> Key | None:
        """Who of those whom the repeated history no longer knows was there, if anybody."""
        away = {
            key: float(np.linalg.norm(_place(body) - _place(other))) for key, other in lost.items()
        }
        nearest = min(away, key=away.__getitem__, default=None)
        near = nearest is not None and away[nearest] <= self.config.association.gate_m
        return nearest if near else None

    def _track(self, body: Body, asked_ns: int, stamp_ns: int) -> Track:
        mean, cov = self._associator.filter.predict(body.state, stamp_ns).mixed()
        deviation = self.config.motion.spread * np.sqrt(cov[:, 0, 0])
        return Track(
            id=self._names[body.key],
            stamp_ns=stamp_ns,
            age_s=(stamp_ns - body.key[0]) / NS,
            unseen_s=(stamp_ns - body.seen_ns) / NS,
            predicted=body.seen_ns != asked_ns,
            centre=mean[CENTRE, 0],
            velocity=mean[CENTRE, 1],
            joints=mean[:CENTRE, 0],
            velocities=mean[:CENTRE, 1],
            deviation_m=deviation[:CENTRE],
            centre_deviation_m=float(deviation[CENTRE]),
            presence=body.presence,
            weights=body.weights,
        )


def _place(body: Body) -> Array:
    return body.state.mixed()[0][CENTRE, 0]
