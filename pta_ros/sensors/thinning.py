"""Clouds made smaller: exact repeats dropped, large ones thinned evenly. Numpy is enough.

open3d's voxel_down_sample averages the points of a cell and takes many times as long: see
`bench_clouds`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.frames import FloatArray

#: Edge of the smallest cells, a third of the distance between 512 points on a person and walls.
CELL_M = 0.05
_GROWTH = 1.4
#: Odd numbers that mix three coordinates' bits into one key.
_MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


def distinct(points: FloatArray) -> FloatArray:
    """Drop exact repeats of (N, 3) points, keeping the order of first occurrence."""
    points = np.ascontiguousarray(points)
    keys = np.zeros(len(points), np.uint64)
    for axis, factor in enumerate(_MIX):
        keys ^= points.view(np.uint32)[:, axis] * np.uint64(factor)
    keys.sort()
    if not (keys[1:] == keys[:-1]).any():  # the common case: equal points have equal keys
        return points
    rows = points.view(np.dtype((np.void, points.dtype.itemsize * 3)))
    kept: FloatArray = points[np.sort(np.unique(rows, return_index=True)[1])]
    return kept


def thinned(points: FloatArray, most: int) -> FloatArray:
    """At most `most` of (N, 3) points, evenly in space: the first one in each cell of a grid.

    Cells grow until so few are left. A cloud that is small enough comes back as it is.
    """
    cell, planes = CELL_M, points.T
    while planes.shape[1] > most:
        low = planes.min(axis=1)
        cells = np.floor((planes.max(axis=1) - low).astype(np.float64) / cell) + 1
        # The table of cells must not take more memory than the points.
        if cells.prod() <= 2 * planes.shape[1]:
            planes = planes.take(_firsts(planes, low, cell, cells.astype(np.int64)), axis=1)
        cell *= _GROWTH
    return points if planes.shape[1] == len(points) else planes.T


def _firsts(
    planes: FloatArray, low: FloatArray, cell: float, cells: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Index of the first of (3, N) points in each occupied cell, in the points' order."""
    count = planes.shape[1]
    keys = np.zeros(count, np.intp)  # as indices are, or numpy copies them
    for axis in range(3):
        places = ((planes[axis] - low[axis]) * np.float32(1 / cell)).astype(np.int32)
        keys *= cells[axis]
        keys += np.minimum(places, np.int32(cells[axis] - 1), out=places)
    first = np.full(int(cells.prod()), -1, np.int32)
    first[keys[::-1]] = np.arange(count - 1, -1, -1, dtype=np.int32)  # the last of several counts
    del keys, places  # memory
    return np.sort(first[first >= 0]).astype(np.int64)
