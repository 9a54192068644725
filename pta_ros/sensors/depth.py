"""Depth camera: images in millimetres or metres, plain or compressed, to a small metric map."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.compressed import read_compressed
from pta_ros.sensors.wire import (
    as_bytes,
    changed,
    grid,
    image_to_array,
    read,
    read_bytes,
    read_size,
)

#: Encodings read here: dtype without byte order.
ENCODINGS = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}
MM_TO_M = np.float32(0.001)

#: Pixels of a 5x5 cell that vote (row, column): its centre and the four diagonal neighbours.
_VOTERS = ((2, 2), (1, 1), (1, 3), (3, 1), (3, 3))
_CELL = 5
#: Fewer pairs of returns than this say nothing about noise.
_MIN_PAIRS = 32
#: Compare-exchange steps that sort five values.
_SORT_FIVE = ((0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2))


@dataclass(frozen=True)
class DepthSensor(Sensor):
    """Physical array: float32 (480, 640) metres along the optical axis, 0 = no return.

    Any image of the model's aspect (4:3) is accepted; `fx fy cx cy` are pixels of a 640x480 image.
    `min_m..max_m` is the sensing volume: nearer and farther readings reduce to 0.
    """

    modality: ClassVar[str] = "depth"
    sensor_set: ClassVar[str] = "mmfi"
    topic: ClassVar[str] = "depth/image"
    message_type: ClassVar[str] = "sensor_msgs/msg/Image"
    frame_id: ClassVar[str] = "depth_optical_frame"
    colour: ClassVar[str] = "#0072B2"
    letter: ClassVar[str] = "D"
    values_field: ClassVar[str] = "data"
    picture: ClassVar[str] = "image"

    height: int = 96
    width: int = 128
    #: Pixels per side of what becomes one reading: 5 (see `reduce`), or 1, which keeps every pixel.
    cell: int = _CELL
    min_m: float = 0.5
    max_m: float = 4.5
    fx: float = 570.0
    fy: float = 570.0
    cx: float = 319.5
    cy: float = 239.5
    #: Least share of pixels inside the sensing volume; below it the image counts as empty.
    min_valid: float = 0.02
    #: Just above the largest 16-bit millimetre value: farther can only be a wrong unit.
    plausible_m: float = 65.6
    max_implausible: float = 0.01
    #: Largest median step between neighbouring pixels; surfaces are smooth, noise is not.
    max_step_m: float = 0.1

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or not 0 <= self.min_m < self.max_m:
            raise ConfigError(
                f"depth: size {self.height}x{self.width}, range {self.min_m}..{self.max_m} m; "
                "expected a positive size and 0 <= min_m < max_m"
            )
        if self.cell not in (1, _CELL):
            raise ConfigError(f"depth: cell {self.cell}; expected 1 or {_CELL} pixels")

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width) of the reduced map."""
        return (self.height, self.width)

    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read a sensor_msgs/Image (16UC1, mono16, 32FC1; others where cv_bridge exists).

        Or a sensor_msgs/CompressedImage, which has a `format` and no `encoding`.
        """
        encoding = getattr(msg, "encoding", None)
        if encoding is None and hasattr(msg, "format"):
            return to_metres(read_compressed(msg, source))
        if isinstance(encoding, str) and encoding in ENCODINGS:
            return to_metres(_pixels(msg, ENCODINGS[encoding], source))
        return to_metres(image_to_array(msg, tuple(ENCODINGS), source))

    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """A sensor_msgs/Image (height, width): 16UC1 of uint16 millimetres, 32FC1 of metres."""
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

    def compact(self, array: FloatArray) -> NDArray[Any]:
        """Whole millimetres, uint16."""
        return np.rint(array * 1e3).astype(np.uint16)

    def check(self, array: FloatArray, source: str) -> None:
        """Reject wrong shapes, wrong units, NaN, noise and images that show nothing."""
        self._check_shape(array, source)
        low, high = float(array.min()), float(array.max())
        if not np.isfinite(low + high):
            raise DecodeError(source, "NaN or infinite depth", "metres, 0 where nothing returned")
        if low < 0 or high > self.plausible_m:
            self._check_plausible(array, low, high, source)
        valid = np.count_nonzero((array >= self.min_m) & (array <= self.max_m)) / array.size
        if valid < self.min_valid:
            reason = f"only {valid:.1%} of the pixels lie in {self.min_m}..{self.max_m} m"
            raise DecodeError(source, reason, f"at least {self.min_valid:.0%}")
        step = step_of(array)
        if step > self.max_step_m:
            reason = f"neighbouring pixels differ by {step:.2f} m (noise)"
            raise DecodeError(source, reason, f"at most {self.max_step_m:g} m for most of them")

    def reduce(self, array: FloatArray) -> FloatArray:
        """Shrink to (height, width) metres; every value is one pixel's own reading, never a mean.

        Each cell takes the median of five of its pixels that lie in the sensing volume (the nearer
        middle one of an even count), so an edge stays an edge; a cell without any becomes 0.
        """
        native = _nearest(array, (self.height * self.cell, self.width * self.cell))
        if self.cell == 1:
            within = (native >= self.min_m) & (native <= self.max_m)
            return np.where(within, native, np.float32(0))
        votes = []
        for row, column in _VOTERS:
            pixels = native[row::_CELL, column::_CELL]
            inside = (pixels >= self.min_m) & (pixels <= self.max_m)
            votes.append(np.where(inside, pixels, np.float32(np.inf)))
        for low, high in _SORT_FIVE:
            a, b = votes[low], votes[high]
            votes[low], votes[high] = np.minimum(a, b), np.maximum(a, b)
        # Sorted, absentees last: five votes -> third, three or four -> second, fewer -> first.
        fewer = np.where(votes[2] < np.inf, votes[1], votes[0])
        median = np.where(votes[4] < np.inf, votes[2], fewer)
        median[median == np.inf] = 0
        reduced: FloatArray = median.astype(np.float32, copy=False)
        return reduced

    def _check_shape(self, array: FloatArray, source: str) -> None:
        """Reject anything but a non-empty image of the model's aspect."""
        if array.ndim != 2 or array.size == 0:
            raise DecodeError(source, f"depth of shape {array.shape}", "a (height, width) image")
        height, width = array.shape
        if width * self.height != height * self.width:
            expected = f"an aspect of {self.width}:{self.height}, for example 640x480"
            raise DecodeError(source, f"image of {width}x{height}", expected)

    def _check_plausible(self, array: FloatArray, low: float, high: float, source: str) -> None:
        """Reject images where too many pixels cannot be a distance in metres."""
        share = np.count_nonzero((array < 0) | (array > self.plausible_m)) / array.size
        if share > self.max_implausible:
            reason = f"{share:.1%} of the depths are implausible ({low:.4g} to {high:.4g} m)"
            raise DecodeError(source, reason, f"metres in 0..{self.plausible_m:g} (wrong unit?)")

    # -- injected faults, see Sensor ------------------------------------------------------------

    own_faults: ClassVar[tuple[str, ...]] = ("noise", "dropout", "dead_rows", "wrong_encoding")
    noise_text: ClassVar[str] = "sigma {v:g} m"

    def editable(self, msg: Any, source: str) -> tuple[Any, tuple[NDArray[Any], ...]]:
        """A copy and its pixels: uint16 millimetres, or float32 metres for all other encodings."""
        encoding = getattr(msg, "encoding", None)
        if encoding not in ENCODINGS:
            metres = np.ascontiguousarray(self.decode(msg, source))
            msg = SimpleNamespace(header=read(msg, "header", source), **self.fields(metres))
            encoding = msg.encoding
        other = changed(msg, data=read_bytes(msg, "data", source).copy())
        return other, (_pixels(other, ENCODINGS[encoding], source),)

    def add_noise(self, values: NDArray[Any], strength: float, rng: np.random.Generator) -> None:
        """Every return is off by `strength` metres (one sigma) and stays a return."""
        whole = values.dtype.kind == "u"
        sigma, low, high = (strength * 1e3, 1, 65535) if whole else (strength, 1e-3, None)
        noisy = values + rng.standard_normal(values.shape, np.float32) * np.float32(sigma)
        noisy = np.clip(np.rint(noisy) if whole else noisy, low, high)
        values[...] = np.where(values > 0, noisy, values)

    def no_reading(self, values: NDArray[Any]) -> float:
        """No return: 0, or NaN in metres (ROS's REP 118)."""
        return 0.0 if values.dtype.kind == "u" else np.nan

    def wrongly_declared(self, msg: Any, source: str) -> Any:
        """A copy of a message that calls itself a colour image."""
        return changed(msg, **{"encoding" if hasattr(msg, "encoding") else "format": "rgb8"})


def to_metres(pixels: NDArray[Any]) -> FloatArray:
    """Turn unsigned millimetres or float metres into float32 metres with 0 for no return."""
    metres: FloatArray
    if pixels.dtype.kind == "u":
        metres = np.multiply(pixels, MM_TO_M, dtype=np.float32)
        return metres
    with np.errstate(over="ignore", invalid="ignore"):
        metres = pixels.astype(np.float32, copy=False)
    finite = np.isfinite(metres)
    return metres if finite.all() else np.where(finite, metres, np.float32(0))


def step_of(metres: FloatArray) -> float:
    """Return the median difference (m) of horizontal neighbours, on every eighth row and column.

    Only pairs with two returns count; 0 when there are too few of them to say.
    """
    left, right = metres[::8, :-1:8], metres[::8, 1::8]
    both = (left > 0) & (right > 0)
    if np.count_nonzero(both) < _MIN_PAIRS:
        return 0.0
    return float(np.median(np.abs(left[both] - right[both])))


def _pixels(msg: Any, kind: str, source: str) -> NDArray[Any]:
    """View the image's pixels as (height, width) in the message's own type and byte order."""
    height, width, step = (read_size(msg, name, source) for name in ("height", "width", "step"))
    big = bool(read_size(msg, "is_bigendian", source))
    dtype = np.dtype(kind).newbyteorder(">" if big else "<")
    data = read_bytes(msg, "data", source)
    if height == 0 or width == 0:
        raise DecodeError(source, f"image of {width}x{height}", "a non-empty image")
    if step < width * dtype.itemsize:
        expected = f"at least {width * dtype.itemsize} for {width} pixels"
        raise DecodeError(source, f"step {step}", expected)
    if data.size < step * height:
        expected = f"{step * height} (step {step} x height {height})"
        raise DecodeError(source, f"{data.size} bytes of pixels", expected)
    return grid(data, (height, width), (step, dtype.itemsize), dtype, 0)


def _nearest(array: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Resample to `shape` by nearest pixel; the usual 480x640 passes through untouched."""
    if array.shape == shape:
        return array
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, array.shape, strict=True)
    )
    resampled: FloatArray = array[np.ix_(rows, columns)]
    return resampled
