"""Depth images as arrays: numbers to metres, what surfaces look like, and the vote of a cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.frames import FloatArray
from pta_ros.sensors.wire import as_bytes

#: What whole numbers and floats count in, by REP 118.
MM_TO_M, METRE = np.float32(0.001), np.float32(1.0)

#: Pixels of a 5x5 cell that vote (row, column): its centre and the four diagonal neighbours.
_VOTERS = ((2, 2), (1, 1), (1, 3), (3, 1), (3, 3))
CELL = 5
#: Fewer pairs of returns than this say nothing about noise.
_MIN_PAIRS = 32
#: Compare-exchange steps that sort five values.
_SORT_FIVE = ((0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2))
#: Units that 16-bit depth cameras count in, metres: millimetres, L515's, and factor 5000's.
_UNITS = (0.001, 0.00025, 0.0002)
#: Median depths, metres: no unit is doubted within the first, and one is proposed for the second.
_LIKELY_M, _ROOM_M = (0.3, 5.0), (0.8, 5.0)


def to_metres(pixels: NDArray[Any], unit_m: np.float32 | None = None) -> FloatArray:
    """Whole numbers (millimetres) or floats (metres) as float32 metres, 0 for what is not finite.

    `unit_m` is another unit than those.
    """
    metres: FloatArray
    if pixels.dtype.kind in "ui":
        metres = pixels.astype(np.float32)
        metres *= MM_TO_M if unit_m is None else unit_m
        return metres
    with np.errstate(over="ignore", invalid="ignore"):
        metres = pixels.astype(np.float32, copy=False)
        if unit_m is not None and unit_m != METRE:
            metres = metres * unit_m
    finite = np.isfinite(metres)
    return metres if finite.all() else np.where(finite, metres, np.float32(0))


def returns(pixels: NDArray[Any], unit_m: np.float32 | None = None) -> FloatArray:
    """A message's numbers as metres; 0 where nothing returned.

    Besides 0 that is what is not finite, negative or the type's largest number.
    """
    metres = to_metres(pixels, unit_m)
    whole = pixels.dtype.kind in "ui"
    top = np.iinfo(pixels.dtype).max if whole else np.finfo(np.float32).max
    high = pixels.max() == top if whole else metres.max() >= top * (unit_m or METRE)
    low = pixels.dtype.kind != "u" and metres.min() < 0
    if high:
        metres = np.where(pixels == top if whole else pixels >= top, np.float32(0), metres)
    if low:
        metres = np.where(metres < 0, np.float32(0), metres)
    return metres


def image_fields(array: NDArray[Any]) -> dict[str, Any]:
    """A sensor_msgs/Image of (height, width), without its header: 16UC1 of uint16, else 32FC1."""
    encoding, kind = ("16UC1", "<u2") if array.dtype.kind == "u" else ("32FC1", "<f4")
    pixels = np.ascontiguousarray(array, kind)
    height, width = pixels.shape
    return {
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": 0,
        "step": width * pixels.itemsize,
        "data": as_bytes(pixels),
    }


def unit_hint(metres: FloatArray, unit_m: float = 0.001, float_unit_m: float = 1.0) -> str:
    """What to try where the returns look like another unit, in words; empty otherwise.

    `unit_m` is that of whole numbers, `float_unit_m` that of floats.
    """
    back = metres[metres > 0]
    median = float(np.median(back)) if back.size else 1.0
    if _LIKELY_M[0] <= median <= _LIKELY_M[1]:
        return ""
    # Whole numbers of 16 bits reach no farther.
    whole = median <= 65535 * unit_m
    name, used = ("scale_m", unit_m) if whole else ("float_scale_m", float_unit_m)
    likely = [f"{u:g}" for u in _UNITS if _ROOM_M[0] <= median / used * u <= _ROOM_M[1]]
    if not likely:
        return ""
    return f" (half of the returns beyond {median:.3g} m: try depth.{name} {' or '.join(likely)})"


def share_within(metres: FloatArray, low: float, high: float, enough: float) -> float:
    """The share of values in low..high; less than that, but `enough`, where a few rows show it."""
    for part in (metres[::8], metres):
        share = np.count_nonzero((part >= low) & (part <= high)) / metres.size
        if share >= enough:
            break
    return share


def step_of(metres: FloatArray) -> float:
    """Return the median difference (m) of horizontal neighbours, on every eighth row and column.

    Only pairs with two returns count; 0 when there are too few of them to say.
    """
    left, right = metres[::8, :-1:8], metres[::8, 1::8]
    both = (left > 0) & (right > 0)
    if np.count_nonzero(both) < _MIN_PAIRS:
        return 0.0
    return float(np.median(np.abs(left - right)[both]))


def shrunk(native: FloatArray, cell: int, min_m: float, max_m: float) -> FloatArray:
    """One reading per cell of 5x5 pixels, or of one: 0 where none lies within the range.

    NaN is what was not seen: such a cell takes its neighbour's reading.
    """
    if cell == 1:
        within = (native >= min_m) & (native <= max_m)
        reduced, unseen = np.where(within, native, np.float32(0)), np.isnan(native)
    else:
        reduced, unseen = vote(native, min_m, max_m), np.isnan(native[2::CELL, 2::CELL])
    return extended(reduced, unseen) if unseen.any() else reduced


def vote(native: FloatArray, min_m: float, max_m: float) -> FloatArray:
    """Each 5x5 cell's lower median of five of its pixels within the range; 0 without any."""
    votes = [np.ascontiguousarray(native[row::CELL, column::CELL]) for row, column in _VOTERS]
    for pixels in votes:
        np.copyto(pixels, np.float32(np.inf), where=~((pixels >= min_m) & (pixels <= max_m)))
    for low, high in _SORT_FIVE:
        a, b = votes[low], votes[high]
        votes[low], votes[high] = np.minimum(a, b), np.maximum(a, b)
    # Sorted, absentees last: five votes -> third, three or four -> second, fewer -> first.
    median = votes[0]
    np.copyto(median, votes[1], where=votes[2] < np.inf)
    np.copyto(median, votes[2], where=votes[4] < np.inf)
    np.copyto(median, np.float32(0), where=median == np.inf)
    return median


def extended(reduced: FloatArray, unseen: NDArray[np.bool_]) -> FloatArray:
    """The map with each cell that was not seen like the nearest one beside it, or below or above.

    That one may hold 0: a wall beyond the sensing volume goes on beyond the picture, too.
    """
    for axis in (1, 0):
        count = reduced.shape[axis]
        at = np.arange(count).reshape((1, -1) if axis else (-1, 1))
        before = np.maximum.accumulate(np.where(unseen, -count, at), axis)
        after = np.flip(
            np.minimum.accumulate(np.flip(np.where(unseen, 2 * count, at), axis), axis), axis
        )
        near = np.where(at - before <= after - at, before, after)
        found = (near >= 0) & (near < count)
        there = np.take_along_axis(reduced, np.clip(near, 0, count - 1), axis)
        reduced, unseen = np.where(found, there, reduced), unseen & ~found
    return reduced


def nearest(array: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Resample to `shape` by nearest pixel; the usual 480x640 passes through untouched."""
    if array.shape == shape:
        return array
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, array.shape, strict=True)
    )
    resampled: FloatArray = array[np.ix_(rows, columns)]
    return resampled


def noisy(pixels: NDArray[Any], sigma_m: float, rng: np.random.Generator) -> NDArray[Any]:
    """Millimetres (whole numbers) or metres, each off by `sigma_m` (one sigma) and still a return.

    The largest whole number would be no return.
    """
    whole = pixels.dtype.kind in "ui"
    top = np.iinfo(pixels.dtype).max - 1 if whole else None
    sigma, low, high = (sigma_m * 1e3, 1, top) if whole else (sigma_m, 1e-3, None)
    moved = pixels + rng.standard_normal(pixels.shape, np.float32) * np.float32(sigma)
    return np.clip(np.rint(moved) if whole else moved, low, high)
