"""Places in a frame of a wide tree where things are but nobody: what a search must not believe."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pta_ros.people import birdseye
from pta_ros.people.readings import Readings

Array = NDArray[np.float64]
Rng = np.random.Generator

#: Places of each frame.
PLACES = 2
#: No person's trunk is nearer to one than this, metres; their heights.
_AWAY_M, _UP_M = 0.45, (0.6, 1.4)
#: Slabs of a person's height; and cells across something of a person's size, and around it.
_TALL, _OWN, _AROUND = slice(4, 12), 7, 31


def empty_places(
    readings: Readings, index: NDArray[np.int32], trunks: Array, rng: Rng
) -> tuple[Array | None, Array | None]:
    """Two places (3,) in the level frame: at any thing, and at a lone one of a person's size.

    `index`: the filled voxels of birdseye.fill; `trunks` (P, 2): where people are, metres. None
    where there is no such thing.
    """
    return _any(readings, trunks, rng), _lone(index, trunks, rng)


def _any(readings: Readings, trunks: Array, rng: Rng) -> Array | None:
    points = _cloud(readings)
    points = points[:: max(1, len(points) // 2000)]
    points = points[(points[:, 2] > 0.3) & (points[:, 2] < 1.9) & (points[:, 0] > 0.6)]
    points = points[_nobody(points[:, :2].astype(np.float64), trunks)]
    points = points[np.hypot(points[:, 0], points[:, 1]) < 6.5]
    if not len(points):
        return None
    x, y, _ = points[rng.integers(len(points))]
    return np.array([x, y, rng.uniform(*_UP_M)])


def _cloud(readings: Readings) -> NDArray[np.float32]:
    """What the LiDAR returns, or without one the camera: (N, 3) in the level frame."""
    if readings.lidar is not None:
        return readings.lidar.cloud
    depth = readings.depth
    if depth is None:
        return np.zeros((0, 3), np.float32)
    metres = depth.depth[:: depth.step, :: depth.step]
    cloud = np.moveaxis(depth.rays(depth.step) * metres, 0, -1)[metres > 0]
    return np.asarray(cloud + depth.place.astype(np.float32), np.float32)


def _lone(index: NDArray[np.int32], trunks: Array, rng: Rng) -> Array | None:
    """Cells are drawn by how much of all that is around them is near."""
    filled = np.zeros(birdseye.CHANNELS * birdseye.SIZE**2, np.float32)
    filled[index] = 1.0
    slabs = filled.reshape(2, birdseye.SLABS, birdseye.SIZE, birdseye.SIZE)
    columns = slabs[:, _TALL].sum(axis=(0, 1))
    own, around = (
        cv2.boxFilter(columns, -1, (size, size), normalize=False) for size in (_OWN, _AROUND)
    )
    lone = np.maximum(own - 0.5 * (around - own), 0.0).reshape(-1)
    cells = np.stack(np.unravel_index(np.arange(lone.size), columns.shape), axis=1)
    places = birdseye.place_of(cells.astype(np.float64) + 0.5)
    chance = np.square(lone, dtype=np.float64) * _nobody(places, trunks)
    if not chance.any():
        return None
    number = rng.choice(len(chance), p=chance / chance.sum())
    return np.array([*places[number], rng.uniform(*_UP_M)])


def _nobody(places: Array, trunks: Array) -> NDArray[np.bool_]:
    """At which of the places (N, 2) nobody's trunk (P, 2) is."""
    if not len(trunks):
        return np.ones(len(places), bool)
    return np.asarray(cKDTree(trunks).query(places)[0] > _AWAY_M)
