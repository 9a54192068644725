"""Phases of 23 passive RFID tags behind and beside a person, read by one antenna."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.csi import body_points
from pta_ros.simulate.kinematics import Array


@dataclass(frozen=True)
class RfidModel:
    """922.38 MHz; `noise_rad` of one phase reading, `miss` the share of readings that fail.

    A reading that fails repeats the tag's last one, as the data set's resampling does.
    """

    wavelength_m: float = 0.325
    tags: int = 23
    echo: float = 0.3
    noise_rad: float = 0.4
    miss: float = 0.3


class Rfid:
    """Antenna and tags in one scene."""

    def __init__(self, scene: int, model: RfidModel | None = None) -> None:
        self.model = m = model or RfidModel()
        rng = np.random.default_rng([92, scene])
        self._antenna = np.array([0.3, -0.4, 0.9]) + rng.uniform(-0.1, 0.1, 3)
        along = np.linspace(-1.3, 1.3, m.tags)
        rows = np.array([-0.5, 0.0, 0.5])[np.arange(m.tags) % 3]
        self._tags = np.stack([along, rows, 4.2 - 0.3 * along**2], axis=1)
        self._tags += rng.uniform(-0.05, 0.05, self._tags.shape)
        self._offsets = 2 * np.pi * rng.random(m.tags)
        self._weights, _, self._echo = body_points(1)

    def phase(self, joints: Array, rng: np.random.Generator) -> NDArray[np.float32]:
        """Phases (T, 23) in [0, 2 pi) with the body at (T, 17, 3)."""
        m = self.model
        points = np.einsum("sj,tjc->tsc", self._weights, joints)
        out = np.linalg.norm(points - self._antenna, axis=-1)
        back = np.linalg.norm(points[:, :, None] - self._tags, axis=-1)
        direct = np.linalg.norm(self._tags - self._antenna, axis=-1)
        size = m.echo * direct * self._echo[:, None] / (out[..., None] * back)
        turns = (out[..., None] + back - direct) / m.wavelength_m
        one_way = 1.0 + np.sum(3.0 * size * np.exp(-2j * np.pi * turns), axis=1)  # (T, tags)
        phase = np.angle(one_way * one_way) + self._offsets - 4 * np.pi * direct / m.wavelength_m
        phase = phase + m.noise_rad * rng.standard_normal(phase.shape)
        return np.mod(_held(phase, rng.random(phase.shape) < m.miss), 2 * np.pi).astype(np.float32)


def _held(values: Array, missed: NDArray[np.bool_]) -> Array:
    """Values (T, tags) with each missed one replaced by the last that was not."""
    missed[0] = False
    rows = np.where(missed, 0, np.arange(len(values))[:, None])
    return np.asarray(np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), axis=0))
