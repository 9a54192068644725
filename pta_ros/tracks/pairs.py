"""Two modalities side by side: how far apart they are, which one jumped and which one is late.

Both are seen from the same track, so that its own error, which a broken sensor may have caused,
cancels out. Squares are in the light of both modalities' deviations, 1 being what these promise: a
poor sensor can hardly contradict a good one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pta_ros.clock import to_ns
from pta_ros.settings import Group, param
from pta_ros.tracks.comparison import BLUR_S, Look, Looks, over_people, size
from pta_ros.tracks.filter import Array

#: Distances are smoothed over so long, lags told over, and over so long at the start of a motion.
_SMOOTH_S, _LAG_S, _START_S = 0.3, 1.0, 0.4
#: So much motion, in squares of deviations per second, tells a lag to some 30 ms, as errors of
#: joints and frames go together; and so much at the start of a motion.
ENOUGH, _ENOUGH_START = 1.5e4, 3e3
#: A shift by the lag takes away so much of the distance, in squares, at least: where one shows a
#: pose that has nothing to do with the other's, what goes with the motion is chance.
_EXPLAINED = 0.1
#: To overturn a verdict the start of a motion must explain so much.
_OVERTURNS = 0.33
#: One that goes on by so much of its step in the next frame did not jump: it began to move.
_GOES_ON = 0.3


@dataclass(frozen=True)
class PairConfig(Group):
    """When one of two contradicts the other; squares, 1 being what deviations promise."""

    jump: float = param(4.0, "a jump is suspected", low=1.0, high=1e3)
    ratio: float = param(5.0, "and so many times the other's", low=1.0, high=1e3)
    apart: float = param(4.4, "so far apart, a large jump is to blame at once", low=0.5, high=1e3)
    large: float = param(9.0, "a large jump", low=1.0, high=1e3)
    stays: float = param(1.1, "so far apart later, any is", low=0.1, high=1e3)
    later_s: float = param(0.55, "for so long", unit="s", low=0.0, high=10.0)
    lag_s: float = param(0.12, "one is late by so much", unit="s", low=0.01, high=5.0)
    lagging: float = param(3.0, "and the two so far apart", low=0.1, high=1e3)
    starting: float = param(6.0, "so far at the start of a motion", low=0.1, high=1e3)


class Guilt(NamedTuple):
    """Which of the two, 0 or 1, and whether it is late; otherwise it jumped."""

    which: int
    late: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Suspect:
    since_ns: int
    late: bool
    own: dict[int, Array]  # how it moved, by track id


def apart(a: Look, b: Look, blur_s: float = BLUR_S) -> float:
    """Square of two modalities' distance beyond the usual; motion excuses `blur_s` of itself."""
    return size(a.change - b.change, a.variance + b.variance, a.motion, 2**0.5 * blur_s)


class Pair:
    """Two modalities, frame by frame."""

    def __init__(self, config: PairConfig) -> None:
        self.config = config
        self.apart, self.lag_s, self.motion = 0.0, 0.0, 0.0
        self._explained = 0.0  # share of the distance that a shift by the lag takes away
        self._now_ns, self._since_s = 0, 0.0
        self._slow = [0.0, 0.0]  # smoothed squares, with and without blur
        self._plain, self._worse = 0.0, False
        self._sums: dict[int, Array] = {}  # of weights, w c, w v, w c v, w v v, w c c (6, 17, 3)
        self._start = [0.0, 0.0, 0.0]  # what is behind, motion and distance when one began
        self._jumps = [0.0, 0.0]
        self._suspects: list[_Suspect | None] = [None, None]

    def update(self, now_ns: int, since_s: float, a: Looks, b: Looks) -> None:
        """Take one frame of both; `since_s` after the last."""
        self._now_ns, self._since_s = now_ns, since_s
        before, self.apart = self.apart, over_people(apart, a, b)
        self._worse = self.apart > before
        self._plain = over_people(lambda x, y: apart(x, y, 0.0), a, b)
        found = (
            min(self.apart, 2.0 * self.config.apart),
            min(self._plain, 2.0 * self.config.starting),
        )
        share = 1.0 - math.exp(-since_s / _SMOOTH_S)
        self._slow = [
            slow + share * (new - slow) for slow, new in zip(self._slow, found, strict=True)
        ]
        self._jumps = [over_people(lambda look: look.blurred_jump_size, one) for one in (a, b)]
        low, high = sorted(self._jumps)
        if high > max(self.config.large, self.config.ratio * low):
            self._sums, self._start = {}, [0.0, 0.0, 0.0]  # a distance that jumps is no lag
        else:
            self._add_lag(a, b)
        self._suspects = [self._suspect(0, a), self._suspect(1, b)]

    def guilty(self) -> Guilt | None:
        """Which of two that are trusted is to blame now, if any."""
        config = self.config
        for which, suspect in enumerate(self._suspects):
            if suspect is None:
                continue
            if suspect.since_ns == self._now_ns:
                sure = self.apart > config.apart and self._jumps[which] > config.large
            else:
                sure = min(self.apart, self._slow[0]) > config.stays
            if sure:
                return Guilt(which, suspect.late)
        late = self.late()
        if late is None:
            late = self._late_at_start(_EXPLAINED)
        return None if late is None else Guilt(late, True)

    def late(self) -> int | None:
        """Which of the two is late, as long as it matters: a sensor cannot be early."""
        told = self.motion > ENOUGH and abs(self.lag_s) > self.config.lag_s
        told = told and self._explained > _EXPLAINED
        return int(self.lag_s > 0.0) if told and self._slow[1] > self.config.lagging else None

    def overturned(self) -> int | None:
        """Which of the two is late though the other one was blamed for that.

        As soon as a motion begins; one that goes on may have turned back by more than the lag.
        """
        late = self.late()
        new = late is None and self.motion <= ENOUGH
        return self._late_at_start(_OVERTURNS) if new else late

    def _late_at_start(self, explained: float) -> int | None:
        """Which of the two did not begin to move with the other, if that explains so much."""
        behind, motion, distance = self._start
        if self._plain <= self.config.starting or motion <= _ENOUGH_START:
            return None
        lag_s = behind / motion
        told = abs(lag_s) > self.config.lag_s and lag_s * behind > explained * distance
        return int(behind > 0.0) if told else None

    def _suspect(self, which: int, own: Looks) -> _Suspect | None:
        """Who jumped away from the other one, until it goes on moving or time is over."""
        config, known, jump = self.config, self._suspects[which], self._jumps[which]
        if jump > config.jump and jump > config.ratio * self._jumps[1 - which] and self._worse:
            late = all(look.before for look in own.values())
            return _Suspect(self._now_ns, late, {i: look.own for i, look in own.items()})
        if known is None or self._now_ns - known.since_ns > to_ns(config.later_s):
            return None
        return None if _goes_on(known, own) else known

    def _add_lag(self, a: Looks, b: Looks) -> None:
        """One that is late by t is t times its velocity behind, beside what it is always off."""
        shared = [(i, a[i], b[i]) for i in a if i in b]
        known, self._sums = self._sums, {}
        fade = math.exp(-self._since_s / _LAG_S)
        start = math.exp(-self._since_s / _START_S)
        self._start = [start * part for part in self._start]
        for number, x, y in shared:
            weight = (1.0 / (x.variance + y.variance))[:, None]
            off, velocity, own = x.change - y.change, x.velocity, 0.5 * (x.own + y.own)
            told, moved, by_own = weight * off, weight * velocity, weight * own
            parts = np.empty((6, *off.shape))
            parts[0], parts[1], parts[2] = weight, told, moved
            np.multiply(told, velocity, out=parts[3])
            np.multiply(moved, velocity, out=parts[4])
            np.multiply(told, off, out=parts[5])
            if (before := known.get(number)) is not None:
                parts += fade * before
            self._sums[number] = parts
            for part, (one, other) in enumerate(((off, by_own), (own, by_own), (off, told))):
                self._start[part] += float(np.vdot(one, other))
        self._tell_lag()

    def _tell_lag(self) -> None:
        """The lag by how the distance changes, and what a shift by it would leave of all of it."""
        behind = self.motion = 0.0
        whole = np.zeros(3)  # of w c v, w v v, w c c
        for total, off, velocity, *squares in self._sums.values():
            usual = velocity / total
            behind += float((squares[0] - off * usual).sum())
            self.motion += float((squares[1] - velocity * usual).sum())
            whole += [part.sum() for part in squares]
        self.lag_s = lag_s = behind / self.motion if self.motion > 0.0 else 0.0
        nearer = lag_s * (2.0 * whole[0] - lag_s * whole[1])
        self._explained = float(nearer / whole[2]) if whole[2] > 0.0 else 0.0


def _goes_on(suspect: _Suspect, looks: Looks) -> bool:
    """Whether those who jumped move on in the same direction."""
    shares = [
        float((looks[i].own * own).sum() / max(np.square(own).sum(), 1e-9))
        for i, own in suspect.own.items()
        if i in looks
    ]
    return bool(shares) and float(np.median(shares)) > _GOES_ON
