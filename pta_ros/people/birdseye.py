"""The bird's-eye grid in which people are searched: what every column of space holds, by height."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.people.readings import Float32, Readings

CELL_M = 0.05
#: Cells along x (from 0) and y (from -4 m): 8 by 8 metres.
SIZE = 160
_LEFT_M = 4.0
SLAB_M, SLABS, _LOWEST_M = 0.2, 14, -0.4
#: Slabs of the depth camera, then those of the LiDAR.
CHANNELS = 2 * SLABS
#: Area that fills a cell's face in one slab, m².
_FACE = CELL_M * SLAB_M
_MOST = 3.0

Sparse = tuple[NDArray[np.int32], NDArray[np.float16]]


def fill(readings: Readings) -> Sparse:
    """The filled voxels: flat indices into (CHANNELS, SIZE, SIZE), ascending, and their values.

    Depth: the surface seen in the voxel over the area of its face, so that every lens and distance
    give the same; LiDAR: half the log of one more than its points. Absent sensors fill nothing.
    """
    parts: list[Sparse] = []
    if readings.depth is not None:
        points, area = readings.depth.points()
        parts.append(_voxels(points, area / np.float32(_FACE), 0))
    if readings.lidar is not None:
        cloud = readings.lidar.cloud
        index, count = _voxels(cloud, np.ones(len(cloud), np.float32), SLABS)
        parts.append((index, (0.5 * np.log1p(count.astype(np.float32))).astype(np.float16)))
    if not parts:
        return np.zeros(0, np.int32), np.zeros(0, np.float16)
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def dense(sparse: Sparse) -> Float32:
    """The grid (CHANNELS, SIZE, SIZE); 0 is a voxel in which nothing was seen."""
    out = np.zeros(CHANNELS * SIZE * SIZE, np.float32)
    out[sparse[0]] = sparse[1]
    return out.reshape(CHANNELS, SIZE, SIZE)


def _voxels(points: Float32, weight: Float32, first: int) -> Sparse:
    cell = np.float32(1 / CELL_M)
    x = (points[:, 0] * cell).astype(np.int32)
    y = np.floor((points[:, 1] + np.float32(_LEFT_M)) * cell).astype(np.int32)
    z = np.floor((points[:, 2] - np.float32(_LOWEST_M)) * np.float32(1 / SLAB_M)).astype(np.int32)
    inside = (points[:, 0] >= 0) & (x < SIZE) & (y >= 0) & (y < SIZE) & (z >= 0) & (z < SLABS)
    index = ((z * SIZE + x) * SIZE + y)[inside]
    sums = np.bincount(index, weight[inside], SLABS * SIZE * SIZE)
    filled = np.flatnonzero(sums).astype(np.int32)
    value = sums[filled]
    if first == 0:
        value = np.minimum(value, _MOST)
    return filled + np.int32(first * SIZE * SIZE), value.astype(np.float16)


def cell_of(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Continuous cells (..., 2) of places (..., 2) x, y metres; a cell's centre is at a half."""
    return np.asarray((place + np.array([0.0, _LEFT_M])) / CELL_M)


def place_of(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places (..., 2) x, y metres of continuous cells (..., 2)."""
    return np.asarray(cell * CELL_M - np.array([0.0, _LEFT_M]))
