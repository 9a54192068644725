"""Is a depth image upside down? Where its floor is tells, in an image that shows one.

On a horizontal plane the inverse depth grows linearly with the row's distance from the horizon, by
1 / (focal length * height of the camera above the plane), whatever the camera's pitch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.frames import FloatArray

#: Heights of a camera above a floor, metres.
_HEIGHTS_M = (0.2, 2.5)
#: What is looked at for returns, metres, and how many of a column's pixels must be some.
_NEAR_M, _FAR_M, _FILLED = 0.4, 12.0, 0.6
#: Least squared correlation of a column with a line.
_STRAIGHT = 0.9
#: Shares of columns: so many are a floor, so few are none.
_FLOOR, _NONE = 0.1, 0.02


def upside_down(metres: FloatArray, focal_px: float) -> bool:
    """Whether a floor fills a tenth of an image's upper third (height, width), and not its lower.

    `focal_px` is the focal length down, in rows of this image; values that are not returns may be
    0 or NaN. A camera that looks up at a low ceiling, and sees no floor, looks the same.
    """
    third = len(metres) // 3
    above = _floor_share(metres[:third][::-1], focal_px)
    return above >= _FLOOR and _floor_share(metres[-third:], focal_px) <= _NONE


def _floor_share(metres: FloatArray, focal_px: float) -> float:
    """The share of columns that look like a floor which comes nearer from row to row."""
    with np.errstate(invalid="ignore"):
        seen = (metres > _NEAR_M) & (metres < _FAR_M)
    count = seen.sum(axis=0)
    usable = count >= max(3, _FILLED * len(metres))
    if not usable.any():
        return 0.0
    inverse = np.divide(1, metres, out=np.zeros(metres.shape), where=seen)
    row = np.where(seen, np.arange(len(metres))[:, None], 0)
    slope, straight = _line(row, inverse, seen, np.maximum(count, 1))
    low, high = (1 / (focal_px * height) for height in reversed(_HEIGHTS_M))
    return float((usable & (straight > _STRAIGHT) & (slope > low) & (slope < high)).mean())


def _line(
    x: NDArray[np.intp], y: NDArray[np.float64], seen: NDArray[np.bool_], count: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope and squared correlation of each column's points; both are 0 outside of `seen`."""
    dx = np.where(seen, x - x.sum(axis=0) / count, 0)
    dy = np.where(seen, y - y.sum(axis=0) / count, 0)
    xx, xy, yy = (dx * dx).sum(axis=0), (dx * dy).sum(axis=0), (dy * dy).sum(axis=0)
    return xy / np.maximum(xx, 1e-12), xy**2 / np.maximum(xx * yy, 1e-12)
