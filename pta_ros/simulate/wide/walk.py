"""Ways through a room: in by a door, around and around past waypoints, and out again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Array = NDArray[np.float64]

#: What people walk at, m/s; they walk a little slower or faster to be out in time.
USUAL_M_S = 0.85
_STEP_M = 0.02
#: Rounds that the curve of a walk without an end has: the second one is walked for ever.
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Route:
    """Waypoints (N, 2), metres in the level frame: from the door, of one round, to the door."""

    enter: Array
    round: Array
    leave: Array

    def points(self, rounds: int) -> Array:
        """All waypoints of a walk of so many rounds."""
        return np.concatenate([self.enter, *[self.round] * rounds, self.leave])

    def walk(self, duration_s: float) -> Walk:
        """As many rounds as fit into `duration_s` at a usual pace, one at least; inf: no end."""
        if np.isinf(duration_s):
            return Walk(self.points(_ROUNDS), USUAL_M_S, (len(self.enter), len(self.round)))
        lengths = [Walk(self.points(n), 1.0).length_m for n in (1, 2)]
        wanted_m = USUAL_M_S * duration_s - lengths[0]
        more = max(0, round(wanted_m / (lengths[1] - lengths[0])))
        one = Walk(self.points(1 + more), 1.0)
        return Walk(one.points, one.length_m / duration_s)


@dataclass(frozen=True, eq=False)
class Walk:
    """A smooth curve through `points` (N, 2) at `speed_m_s`.

    `again`: the number of points before the first round and of each round, of a walk that goes
    round for ever; None of one that ends.
    """

    points: Array
    speed_m_s: float
    again: tuple[int, int] | None = None

    @cached_property
    def _curve(self) -> tuple[Array, Array, Array]:
        """Lengths (L,), places (L, 2) there, and the length (N,) at each of the points."""
        chord = np.hypot(*np.diff(self.points, axis=0).T)
        knots = np.concatenate([[0.0], np.cumsum(chord)])
        dense = np.linspace(0.0, knots[-1], int(knots[-1] / _STEP_M) + 2)
        places = CubicSpline(knots, self.points)(dense)
        lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
        return lengths, places, np.interp(knots, dense, lengths)

    @property
    def length_m(self) -> float:
        """From the first point to the last."""
        return float(self._curve[0][-1])

    @property
    def places(self) -> Array:
        """The whole curve (L, 2), a place every few centimetres."""
        return self._curve[1]

    def at(self, time_s: float) -> tuple[Array, float] | None:
        """Place (2,) and heading (rad, 0 along x) so long after it began; None before and after."""
        lengths, places, marks = self._curve
        s = self.speed_m_s * time_s
        if self.again is not None:
            first, count = self.again
            begin, end = marks[first + count], marks[first + 2 * count]
            s = s if s < end else begin + (s - begin) % (end - begin)
        if not 0.0 <= s <= lengths[-1]:
            return None
        place = np.array([np.interp(s, lengths, places[:, k]) for k in (0, 1)])
        n = int(np.clip(np.searchsorted(lengths, s), 1, len(lengths) - 1))
        dx, dy = places[n] - places[n - 1]
        return place, float(np.arctan2(dy, dx))
