"""Reading a message's attributes without trusting any: every surprise becomes a DecodeError."""

from __future__ import annotations

import copy
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray


def read(msg: Any, name: str, source: str) -> Any:
    """Return the attribute `name` of a message; DecodeError when the message has none."""
    try:
        return getattr(msg, name)
    except AttributeError:
        kind = type(msg).__name__
        raise DecodeError(source, f"{kind} without '{name}'", "the topic's message type") from None


def read_size(msg: Any, name: str, source: str) -> int:
    """Return a non-negative integer attribute (a width, a step, an offset)."""
    value = read(msg, name, source)
    try:
        number = operator.index(value)
    except TypeError:
        raise DecodeError(source, f"{name} = {value!r}", "a whole number") from None
    if number < 0:
        raise DecodeError(source, f"{name} = {number}", "zero or more")
    return number


def read_bytes(msg: Any, name: str, source: str) -> NDArray[np.uint8]:
    """View an attribute's raw bytes without copying.

    Accepts what ROS stacks put there: array.array (rclpy), ndarray (rosbags), bytes, memoryview.
    """
    value = read(msg, name, source)
    try:
        view = memoryview(value)
        if view.format in ("O", "P"):
            raise TypeError("holds references, not bytes")
        # numpy before 2.0 refuses an empty buffer.
        return np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        reason = f"{name} is {type(value).__name__} ({error})"
        raise DecodeError(source, reason, "a contiguous buffer of bytes") from None


def grid(
    data: NDArray[np.uint8],
    shape: tuple[int, int],
    strides: tuple[int, int],
    dtype: np.dtype[Any],
    offset: int,
) -> NDArray[Any]:
    """View one value per cell of a row-and-step layout, without copying.

    The caller has checked that the last cell ends inside `data`.
    """
    return np.ndarray(shape, dtype, buffer=data, offset=offset, strides=strides)


def image_to_array(msg: Any, known: tuple[str, ...], source: str) -> NDArray[Any]:
    """An Image of an encoding beyond the `known` ones, by cv_bridge: (height, width), one channel.

    uint16 millimetres or float metres. cv_bridge comes with a ROS distribution and not from PyPI,
    so it is imported late, and here only. Raises DecodeError, also where it is missing.
    """
    form = getattr(msg, "encoding", None)
    try:
        from cv_bridge import CvBridge
    except ImportError:
        expected = f"one of {', '.join(known)} (others need cv_bridge from a ROS distribution)"
        raise DecodeError(source, f"encoding {form!r}", expected) from None
    try:
        pixels = np.asarray(CvBridge().imgmsg_to_cv2(msg, desired_encoding="passthrough"))
    except Exception as error:  # its errors are OpenCV's, numpy's and its own
        raise DecodeError(source, f"cv_bridge: {error}", "a readable image") from error
    if pixels.ndim != 2 or (pixels.dtype != np.uint16 and pixels.dtype.kind != "f"):
        reason = f"encoding {form!r} is {pixels.dtype} of shape {pixels.shape}"
        raise DecodeError(source, reason, "one channel, uint16 millimetres or float metres")
    return pixels


def changed(msg: Any, **values: Any) -> Any:
    """A shallow copy of any message with other values."""
    other = copy.copy(msg)
    for name, value in values.items():
        setattr(other, name, value)
    return other


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of a contiguous array, flat, without copying."""
    return array.reshape(-1).view(np.uint8)


def as_floats(value: Any, name: str, source: str) -> FloatArray:
    """A float sequence attribute of a message as one flat float32 array; raises DecodeError."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(value, dtype=np.float32).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise DecodeError(source, f"{name}: {error}", "a sequence of floats") from None
