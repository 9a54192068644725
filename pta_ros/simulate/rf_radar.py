"""Heat maps of a 62 GHz radar: range over radial speed beside range over angle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.csi import body_points
from pta_ros.simulate.kinematics import Array

RADAR = np.array([0.0, -0.15, 0.0])  # beside the camera, looking along z


@dataclass(frozen=True)
class RadarModel:
    """Bins and resolutions; the two maps stand side by side, `columns` wide each.

    `speckle`: exponential fading of every body point from frame to frame. `floor` and `span_db`
    set the 0 and 255 of the logarithmic counts.
    """

    rows: int = 256
    columns: int = 64
    range_step_m: float = 0.02
    speed_max: float = 3.2
    angle_max_deg: float = 60.0
    range_spread_m: float = 0.045
    speed_spread: float = 0.13
    angle_spread_deg: float = 7.0
    noise: float = 0.02
    floor: float = 1e-3
    span_db: float = 40.0


class Radar:
    """The radar in one scene: its clutter is the scene's."""

    def __init__(self, scene: int, model: RadarModel | None = None) -> None:
        self.model = model or RadarModel()
        self._weights, _, self._echo = body_points()
        rng = np.random.default_rng([62, scene])
        where = rng.uniform([0.6, -50.0, 0.5], [5.0, 50.0, 4.0], (7, 3))
        self._clutter = self._draw(where[:, 0], np.zeros(7), where[:, 1], where[:, 2])

    def maps(self, joints: Array, step_s: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Counts (N, 256, 128) of N instants; `joints` (N, 2, 17, 3) are `step_s` apart each."""
        seen = np.einsum("sj,ntjc->ntsc", self._weights, joints) - RADAR
        distance = np.linalg.norm(seen, axis=-1)
        speed = (distance[:, 1] - distance[:, 0]) / step_s
        angle = np.rad2deg(np.arctan2(seen[:, 0, :, 0], seen[:, 0, :, 2]))
        power = 60.0 * self._echo**2 * (3.0 / distance[:, 0]) ** 4
        power = power * rng.standard_exponential(power.shape)
        out = np.empty((len(joints), self.model.rows, 2 * self.model.columns), np.float32)
        for k in range(len(joints)):
            out[k] = self._draw(distance[k, 0], speed[k], angle[k], power[k])
        out += self._clutter * rng.uniform(0.9, 1.1)
        out *= rng.standard_exponential(out.shape, np.float32) * 0.3 + 0.7
        out += self.model.noise * rng.standard_exponential(out.shape, np.float32)
        decibels = 10.0 * np.log10(np.maximum(out, self.model.floor) / self.model.floor)
        return np.clip(decibels * (255.0 / self.model.span_db), 0, 255).astype(np.uint8)

    def _draw(
        self, distance: Array, speed: Array, angle: Array, power: Array
    ) -> NDArray[np.float32]:
        """Power (256, 128) of points: both maps."""
        m = self.model
        rows = np.arange(m.rows) * m.range_step_m
        speeds = np.linspace(-m.speed_max, m.speed_max, m.columns)
        angles = np.linspace(-m.angle_max_deg, m.angle_max_deg, m.columns)
        along = _bumps(rows, distance, m.range_spread_m) * power[:, None].astype(np.float32)
        across = [_bumps(speeds, speed, m.speed_spread), _bumps(angles, angle, m.angle_spread_deg)]
        return np.concatenate([along.T @ part for part in across], axis=1)


def _bumps(axis: NDArray[np.floating], at: Array, spread: float) -> NDArray[np.float32]:
    """One bump per point over the bins: (points, bins)."""
    away = ((axis - at[:, None]) / spread).astype(np.float32)
    return np.exp(-0.5 * away * away)
