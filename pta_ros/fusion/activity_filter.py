"""Activities over time: a forward filter over the classes, so that labels do not flicker.

A hidden Markov model whose states are the model's K classes. Somebody keeps doing one thing for
`dwell_s` on average, and then turns to any class, each as likely:

    p_t  ~  e_t ** g · (A(dt)^T p_before),    A(dt) = s I + (1 - s) / K,    s = exp(-dt / dwell_s)

e_t are the probabilities that the model tells of one instant, over a prior that is the same for
all classes. Estimates that follow each other see nearly the same movement and share their errors:
multiplied as if they were independent they would be certain within half a second, and wrong. So
one that comes dt after the last counts as a part of a look,

    g = min(1, dt / `independent_s`) · (1 - H(e_t) / log K),

whatever the rate, and the less the nearer its entropy H is to that of knowing nothing: of sensors
that tell little, what they do tell is mostly an error that stays. `dwell_s` bounds how many looks
add up. Both numbers are chosen by log loss and calibration on validation people, and `dwell_s` is
shorter than people keep at one thing (docs/xrf55.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import NS
from pta_ros.frames import FloatArray
from pta_ros.settings import HIDDEN, Group, param

#: What is told as impossible counts as this improbable.
_LEAST = 1e-6


@dataclass(frozen=True)
class ActivityConfig(Group):
    """How activities are followed over time; raises ConfigError for a value out of its range."""

    dwell_s: float = param(
        1.5,
        "mean time until the filter expects another activity: longer flickers less and follows "
        "later; 0 tells each instant by itself",
        unit="s",
        low=0.0,
        high=3600.0,
    )
    independent_s: float = param(
        0.3,
        "so far apart two estimates count as one look each, nearer ones as a part of one",
        unit="s",
        low=0.01,
        high=60.0,
    )
    gap_s: float = param(
        5.0, "a longer pause starts over", unit="s", low=0.1, high=3600.0, change=HIDDEN
    )
    late_s: float = param(
        1.0, "a stamp farther back starts over", unit="s", low=0.0, high=60.0, change=HIDDEN
    )


#: Each instant by itself.
OFF = ActivityConfig(dwell_s=0.0)


class ActivityFilter:
    """Follows one person's activity; probabilities go in and come out, (K,) of any K."""

    def __init__(self, config: ActivityConfig | None = None) -> None:
        self.config = config or ActivityConfig()
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next probabilities pass unchanged."""
        self._stamp_ns = 0
        self._belief: NDArray[np.float64] | None = None

    def __call__(self, probabilities: FloatArray, stamp_ns: int) -> FloatArray:
        """The probabilities (K,) of `stamp_ns`, given all before.

        Unchanged at the first call, after a gap or a step back, and while `dwell_s` is 0. One that
        is a little late changes nothing: what is known by then is told again. Nothing told, (0,),
        changes nothing either.
        """
        if not self.config.dwell_s or len(probabilities) < 2:
            return probabilities
        told = _sound(probabilities)
        dt_s = (stamp_ns - self._stamp_ns) / NS
        before = self._belief
        fits = before is not None and len(before) == len(told)
        if before is None or not fits or not -self.config.late_s <= dt_s <= self.config.gap_s:
            self._stamp_ns, self._belief = stamp_ns, told
            return probabilities
        if dt_s > 0:
            self._stamp_ns, before = stamp_ns, self._followed(before, told, dt_s)
            self._belief = before
        return before.astype(np.float32)

    def _followed(
        self, before: NDArray[np.float64], told: NDArray[np.float64], dt_s: float
    ) -> NDArray[np.float64]:
        """The belief `dt_s` after `before`, with what is `told` by then."""
        stays = np.exp(-dt_s / self.config.dwell_s)
        expected = stays * before + (1.0 - stays) / len(before)
        look = min(1.0, dt_s / self.config.independent_s) * _information(told)
        return _sound(expected * told**look)


def _information(told: NDArray[np.float64]) -> float:
    """From 0, all classes alike, to 1, certain."""
    return 1.0 + float((told * np.log(told)).sum()) / math.log(len(told))


def _sound(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Positive values that add up to 1."""
    positive = np.maximum(np.asarray(values, np.float64), _LEAST * float(values.max()))
    return positive / positive.sum()
