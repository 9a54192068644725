"""A camera's intrinsics: what sensor_msgs/CameraInfo, parameters or a stated default say of it.

Pixel centres lie at whole numbers: the first pixel reaches from -0.5 to 0.5. Conventions of
CameraInfo, binning and region of interest are those of sensor_msgs and image_geometry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pta_ros.errors import DecodeError
from pta_ros.sensors.wire import read, read_size

CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
#: Distortion models that are understood, and how many coefficients each may have.
_MODELS = {"plumb_bob": (4, 5), "rational_polynomial": (8,)}
#: Endings that image_transport appends to the name of an image topic.
_TRANSPORTS = ("/compressed", "/compressedDepth", "/raw", "/reduced")
#: A larger image is no depth camera's.
_MOST_PIXELS = 1 << 14


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera: size of its image and focal lengths and principal point in its pixels.

    `distortion` is empty, or k1 k2 p1 p2 k3 (plumb_bob), or these and k4 k5 k6
    (rational_polynomial), as OpenCV orders them.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()

    def scaled(self, width: int, height: int) -> Intrinsics:
        """The same camera with its whole image resampled to another size."""
        if (width, height) == (self.width, self.height):
            return self
        x, y = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * x,
            fy=self.fy * y,
            cx=(self.cx + 0.5) * x - 0.5,
            cy=(self.cy + 0.5) * y - 0.5,
        )

    def every(self, step: int) -> Intrinsics:
        """The same camera of whose image every `step`-th row and column is kept, from the first."""
        if step == 1:
            return self
        return replace(
            self,
            width=-(-self.width // step),
            height=-(-self.height // step),
            fx=self.fx / step,
            fy=self.fy / step,
            cx=self.cx / step,
            cy=self.cy / step,
        )

    def fits(self, width: int, height: int) -> bool:
        """Whether an image of this size can be its own, perhaps resampled (1 % for odd pixels)."""
        return abs(width * self.height - height * self.width) <= 0.01 * width * self.height


def assumed(model: Intrinsics, width: int, height: int) -> Intrinsics:
    """What counts of a camera that nobody describes.

    The largest part around the image's middle that has the aspect of the `model` camera shows just
    what that camera sees.
    """
    scale = min(width / model.width, height / model.height)
    middle = (width - 1) / 2, (height - 1) / 2
    off = (model.cx - (model.width - 1) / 2) * scale, (model.cy - (model.height - 1) / 2) * scale
    return Intrinsics(
        width,
        height,
        model.fx * scale,
        model.fy * scale,
        middle[0] + off[0],
        middle[1] + off[1],
    )


def info_topic(image_topic: str) -> str:
    """The CameraInfo topic beside an image topic, as image_transport names it."""
    folder, slash, _ = image_name(image_topic).rpartition("/")
    return f"{folder}{slash}camera_info"


def image_name(topic: str) -> str:
    """An image topic without its transport's ending."""
    for ending in _TRANSPORTS:
        topic = topic.removesuffix(ending)
    return topic


def is_rectified(image_topic: str) -> bool:
    """Whether the topic's name says that its images are rectified (image_rect, image_rect_raw)."""
    return "rect" in image_name(image_topic).rpartition("/")[2]


def read_info(msg: Any, rectified: bool, source: str) -> Intrinsics:
    """The intrinsics of the images that a sensor_msgs/CameraInfo describes.

    Rectified images are described by P (by K where P is empty) and have no distortion, others by K
    and D. Binning and region of interest are taken into account. Raises DecodeError.
    """
    k = _numbers(msg, "k", 9, source)
    p = _numbers(msg, "p", 12, source)
    use_p = rectified and p[0] > 0 and p[5] > 0
    fx, fy, cx, cy = (p[0], p[5], p[2], p[6]) if use_p else (k[0], k[4], k[2], k[5])
    if not (fx > 0 and fy > 0):
        reason = f"focal lengths {fx:g} and {fy:g} pixels (not calibrated)"
        raise DecodeError(source, reason, "positive ones, or the parameters fx, fy, cx, cy")
    x, y, width, height = _region(msg, source)
    bins = [max(1, read_size(msg, name, source)) for name in ("binning_x", "binning_y")]
    sizes = width // bins[0], height // bins[1]
    if not all(0 < size <= _MOST_PIXELS for size in sizes):
        reason = f"an image of {width}x{height}, binned by {bins[0]}x{bins[1]}"
        raise DecodeError(source, reason, f"1 to {_MOST_PIXELS} pixels a side")
    distortion = () if rectified else _distortion(msg, source)
    seen = Intrinsics(width, height, fx, fy, cx - x, cy - y, distortion)
    return seen.scaled(*sizes)


def info_fields(camera: Intrinsics) -> dict[str, Any]:
    """A sensor_msgs/CameraInfo of a camera without distortion: its fields, without the header."""
    k = (camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0)
    return {
        "width": camera.width,
        "height": camera.height,
        "distortion_model": "plumb_bob",
        "d": np.zeros(5),
        "k": np.array(k),
        "r": np.eye(3).reshape(-1),
        "p": np.insert(np.array(k).reshape(3, 3), 3, 0.0, axis=1).reshape(-1),
    }


def _region(msg: Any, source: str) -> tuple[int, int, int, int]:
    """Offset and size, in pixels before binning, of the part of the sensor that is sent."""
    roi = read(msg, "roi", source)
    names = ("x_offset", "y_offset", "width", "height")
    x, y, width, height = (read_size(roi, name, source) for name in names)
    whole = [read_size(msg, name, source) for name in ("width", "height")]
    return x, y, width or max(0, whole[0] - x), height or max(0, whole[1] - y)


def _distortion(msg: Any, source: str) -> tuple[float, ...]:
    """The coefficients; empty where all are zero, whatever the model is called."""
    values = _numbers(msg, "d", None, source)
    if not any(values):
        return ()
    model = str(read(msg, "distortion_model", source))
    if len(values) not in _MODELS.get(model, ()):
        reason = f"distortion {model!r} with {len(values)} coefficients"
        known = " or ".join(f"{name} with {max(n)}" for name, n in _MODELS.items())
        raise DecodeError(source, reason, f"{known}; or use the rectified image's topic")
    return values + (0.0,) * (5 - len(values))


def _numbers(msg: Any, name: str, count: int | None, source: str) -> tuple[float, ...]:
    """An attribute (ROS 1 writes it in capitals) of `count` finite numbers."""
    value = getattr(msg, name.upper(), None)
    value = read(msg, name, source) if value is None else value
    try:
        size = len(value)
        if size > 14 if count is None else size != count:
            raise ValueError(f"{size} numbers")
        numbers = tuple(float(x) for x in np.asarray(value, np.float64).reshape(-1))
    except (TypeError, ValueError, OverflowError) as error:
        expected = f"{count} numbers" if count else "at most 14 numbers"
        raise DecodeError(source, f"{name}: {error}", expected) from None
    if not all(map(math.isfinite, numbers)):
        raise DecodeError(source, f"{name} = {numbers}", "finite numbers")
    return numbers
