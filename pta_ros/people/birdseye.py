"""The bird's-eye grid in which people are searched: what every column of space holds, by height."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.people.readings import DepthReading, Float32, LidarReading, Readings

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
    """The filled voxels: flat indices into (CHANNELS, SIZE, SIZE), ascending, and their values."""
    values = grid(readings).reshape(-1)
    filled = np.flatnonzero(values).astype(np.int32)
    return filled, values[filled].astype(np.float16)


def empty() -> Float32:
    """A grid (CHANNELS, SIZE, SIZE) that holds nothing; in memory a column's slabs lie together."""
    return np.zeros((SIZE, SIZE, CHANNELS), np.float32).transpose(2, 0, 1)


def grid(readings: Readings) -> Float32:
    """The grid (CHANNELS, SIZE, SIZE); 0: nothing was seen there, or by an absent sensor."""
    out = empty()
    if readings.depth is not None:
        fill_depth(readings.depth, out[:SLABS])
    if readings.lidar is not None:
        fill_lidar(readings.lidar, out[SLABS:])
    return out


def fill_depth(reading: DepthReading, out: Float32) -> None:
    """Set the camera's slabs (SLABS, SIZE, SIZE): the surface seen in a voxel over the area of its
    face, so that every lens and distance give the same."""
    step = reading.step
    z = np.ascontiguousarray(reading.depth[::step, ::step])
    x_m, y_m, z_m = ((z * ray).reshape(-1) for ray in reading.rays(step))
    z = z.reshape(-1)
    index, kept = _cells(x_m, y_m, z_m, reading.place, z > 0)
    z = z[kept]
    lens = reading.lens
    area = z * z * np.float32(step * step / (lens.fx * lens.fy * _FACE))
    sums = np.bincount(index, area, out.size).reshape(SIZE, SIZE, SLABS)
    np.minimum(sums, _MOST, out=out.transpose(1, 2, 0), casting="same_kind")


def fill_lidar(reading: LidarReading, out: Float32) -> None:
    """Set the LiDAR's slabs (SLABS, SIZE, SIZE): half the log of one more than a voxel's points."""
    x_m, y_m, z_m = reading.cloud.T
    index, _ = _cells(x_m, y_m, z_m, np.zeros(3), np.True_)
    count = np.bincount(index, minlength=out.size)
    filled = np.flatnonzero(count)
    column, slab = np.divmod(filled, SLABS)
    out.fill(0.0)
    values = np.float32(0.5) * np.log1p(count[filled].astype(np.float32))
    out[slab, column // SIZE, column % SIZE] = values


def _cells(
    x_m: Float32,
    y_m: Float32,
    z_m: Float32,
    place: NDArray[np.float64],
    among: NDArray[np.bool_] | np.bool_,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Voxels of the points (N,), from `place`, that lie in the grid; which points they are.

    A voxel is its place in (SIZE, SIZE, SLABS): points of a column are near in memory.
    """
    inside = np.array(np.broadcast_to(among, x_m.shape))
    cells = []
    for metres, origin, low_m, size_m, count in (
        (x_m, place[0], 0.0, CELL_M, SIZE),
        (y_m, place[1], -_LEFT_M, CELL_M, SIZE),
        (z_m, place[2], _LOWEST_M, SLAB_M, SLABS),
    ):
        cell = metres + np.float32(origin - low_m)
        cell *= np.float32(1 / size_m)
        inside &= cell >= 0
        inside &= cell < count
        cells.append(cell)
    kept = np.flatnonzero(inside)
    x, y, z = (cell[kept].astype(np.int32) for cell in cells)
    return ((x * SIZE + y) * SLABS + z).astype(np.intp), kept


def cell_of(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Continuous cells (..., 2) of places (..., 2) x, y metres; a cell's centre is at a half."""
    return np.asarray((place + np.array([0.0, _LEFT_M])) / CELL_M)


def place_of(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places (..., 2) x, y metres of continuous cells (..., 2)."""
    return np.asarray(cell * CELL_M - np.array([0.0, _LEFT_M]))
