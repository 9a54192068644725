"""One-Euro filter on joints (Casiez, Roussel, Vogel: 1 Euro Filter, CHI 2012).

A low-pass filter whose cut-off rises with speed: steady joints are calmed, fast ones hardly lag.
It departs from the paper in one thing: the speed is that of the joint in space (m/s), not of each
coordinate, so the result does not depend on the axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import NS
from pta_ros.errors import ConfigError
from pta_ros.frames import FloatArray

Numbers = NDArray[np.float64] | float


@dataclass(frozen=True)
class SmoothingConfig:
    """Settings of the filter.

    Cut-off of a joint = `min_cutoff_hz` + `beta` · speed in m/s. `d_cutoff_hz` smooths the speed
    itself. A pause over `gap_s` starts the filter over. Raises ConfigError for other values than
    positive ones (`beta` may be 0).
    """

    min_cutoff_hz: float = 1.5
    beta: float = 4.0
    d_cutoff_hz: float = 2.0
    gap_s: float = 0.5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (value > 0 or (name == "beta" and value == 0)):
                raise ConfigError(
                    f"smoothing {name} is {value!r}; expected a positive number, or 0 for beta"
                )


class OneEuroFilter:
    """Smooths successive joints (17, 3) in metres, keyed on their stamps.

    While not `enabled` joints pass unchanged; switched on again, it starts over.
    """

    def __init__(self, config: SmoothingConfig | None = None, enabled: bool = True) -> None:
        self.config, self.enabled = config or SmoothingConfig(), enabled
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next joints pass unchanged."""
        self._stamp_ns: int | None = None

    def __call__(self, joints_m: FloatArray, stamp_ns: int) -> FloatArray:
        """Smoothed joints (17, 3); unchanged at the first call, after a gap or a step back."""
        if not self.enabled:
            self.reset()
            return joints_m
        dt_s = math.inf if self._stamp_ns is None else (stamp_ns - self._stamp_ns) / NS
        self._stamp_ns = stamp_ns
        if not 0 < dt_s <= self.config.gap_s:
            self._smooth = joints_m.astype(np.float64)
            self._velocity = np.zeros_like(self._smooth)
            return joints_m
        step = joints_m - self._smooth
        self._velocity += _share(self.config.d_cutoff_hz, dt_s) * (step / dt_s - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        cutoff = self.config.min_cutoff_hz + self.config.beta * speed
        self._smooth = self._smooth + _share(cutoff, dt_s) * step
        return self._smooth.astype(np.float32)


def _share(cutoff_hz: Numbers, dt_s: float) -> Numbers:
    """How much of a new value a low-pass of this cut-off takes over."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * dt_s))
