"""LiDARs of the wide world: scan patterns of real products, and their noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Only what lies within this of straight ahead is cast, degrees: the scene is in front.
_AHEAD_DEG = 65.0
_GOLDEN = 2.399963


@dataclass(frozen=True)
class Lidar:
    """One product: `lines` over `elevation_deg` and `columns` per turn; or, without lines, a
    rosette of `columns` points within the first elevation, as scanners without rings have."""

    name: str
    lines: int
    elevation_deg: tuple[float, float]
    columns: int
    noise_m: float = 0.015
    far_m: float = 30.0

    def directions(self, rng: np.random.Generator) -> Array:
        """Unit vectors (N, 3) of one scan, x forward, y left, z up."""
        if self.lines:
            return self._rings(rng)
        n = np.arange(self.columns)
        turn = _GOLDEN * (n + float(rng.uniform(0, 1e4)))
        away = np.deg2rad(self.elevation_deg[1]) * np.sqrt((n + 0.5) / len(n))
        across, up = away * np.cos(turn), away * np.sin(turn)
        return _unit(np.stack([np.ones(len(n)), np.tan(across), np.tan(up)], axis=1))

    def _rings(self, rng: np.random.Generator) -> Array:
        step = 360.0 / self.columns
        start = float(rng.uniform(0, step))
        azimuth = np.deg2rad(np.arange(-_AHEAD_DEG + start, _AHEAD_DEG, step))
        elevation = np.deg2rad(np.linspace(*self.elevation_deg, self.lines))[:, None]
        flat = np.cos(elevation)
        up = np.broadcast_to(np.sin(elevation), (self.lines, len(azimuth)))
        return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), up], -1).reshape(-1, 3)


#: Products that training sees.
TRAINING = (
    Lidar("VLP-16", 16, (-15.0, 15.0), 1800, 0.02),
    Lidar("HDL-32", 32, (-30.67, 10.67), 1800, 0.02),
    Lidar("OS-0/1-32", 32, (-22.5, 22.5), 1024, 0.012),
    Lidar("OS-0-64", 64, (-45.0, 45.0), 1024, 0.012),
    Lidar("OS-1-128", 128, (-22.5, 22.5), 1024, 0.012),
    Lidar("XT-32", 32, (-16.0, 15.0), 2000, 0.01),
    Lidar("Avia", 0, (0.0, 35.0), 24_000, 0.02),
    Lidar("Mid-360", 0, (0.0, 55.0), 12_000, 0.02),
)
#: Products that only the test set shows.
TEST = (
    Lidar("QT64", 64, (-52.0, 52.0), 600, 0.02),
    Lidar("OS-1-64", 64, (-22.5, 22.5), 1024, 0.012),
    Lidar("Pandar-40", 40, (-16.0, 7.0), 1800, 0.015),
    Lidar("Horizon", 0, (0.0, 40.0), 24_000, 0.02),
)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
