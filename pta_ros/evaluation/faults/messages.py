"""Copies of sensor messages whose values may be changed: the copy owns its bytes, all else is kept.

Byte order, steps, padding and other fields stay as they are. Raises DecodeError for messages that
the sensors' decoders would reject too.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.depth import ENCODINGS
from pta_ros.sensors.pointcloud import FLOAT_TYPES
from pta_ros.sensors.wire import grid, read, read_bytes, read_size

_SOURCE = "faults"
#: The sizes of a pta_msgs/CsiFrame, in the order of its values.
CSI_AXES = ("antennas", "subcarriers", "packets")
Message = Any


@dataclass
class DepthImage:
    """What sensor_msgs/Image holds, for a depth image that came in another form."""

    header: Any
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: NDArray[np.uint8]


def changed(msg: Message, **values: Any) -> Message:
    """A shallow copy of any message with other values."""
    other = copy.copy(msg)
    for name, value in values.items():
        setattr(other, name, value)
    return other


def depth_copy(msg: Message) -> tuple[Message, NDArray[Any]]:
    """A copy and its pixels (height, width): uint16 millimetres or float32 metres."""
    encoding = getattr(msg, "encoding", None)
    if encoding not in ENCODINGS:
        msg, encoding = _plain_depth(msg), "32FC1"
    height, width, step = (read_size(msg, n, _SOURCE) for n in ("height", "width", "step"))
    dtype = _ordered(ENCODINGS[encoding], msg)
    data = read_bytes(msg, "data", _SOURCE).copy()
    pixels = cells(data, (height, width), (step, dtype.itemsize), dtype, 0)
    return changed(msg, data=data), pixels


def _plain_depth(msg: Message) -> DepthImage:
    """Compressed and other depth images as float32 metres."""
    metres = np.ascontiguousarray(DepthSensor().decode(msg, _SOURCE), "<f4")
    height, width = metres.shape
    data = metres.view(np.uint8).reshape(-1)
    return DepthImage(read(msg, "header", _SOURCE), height, width, "32FC1", 0, 4 * width, data)


def cloud_copy(msg: Message) -> tuple[Message, tuple[NDArray[Any], ...]]:
    """A copy and its x, y and z, (height, width) each, in metres."""
    names = ("height", "width", "row_step", "point_step")
    height, width, row_step, point_step = (read_size(msg, name, _SOURCE) for name in names)
    data = read_bytes(msg, "data", _SOURCE).copy()
    listed = reversed(list(read(msg, "fields", _SOURCE)))
    fields = {str(read(field, "name", _SOURCE)): field for field in listed}
    columns = []
    for name in "xyz":
        kind = FLOAT_TYPES.get(getattr(fields.get(name), "datatype", 0))
        if kind is None:
            raise DecodeError(_SOURCE, f"fields {sorted(fields)}", "float x, y and z")
        offset = read_size(fields[name], "offset", _SOURCE)
        strides = (row_step, point_step)
        columns.append(cells(data, (height, width), strides, _ordered(kind, msg), offset))
    return changed(msg, data=data), tuple(columns)


def csi_copy(msg: Message) -> tuple[Message, FloatArray]:
    """A copy and its amplitudes (antennas, subcarriers, packets)."""
    shape = tuple(read_size(msg, name, _SOURCE) for name in CSI_AXES)
    amplitude = np.array(read(msg, "amplitude", _SOURCE), np.float32).reshape(-1)
    if not amplitude.size or amplitude.size != math.prod(shape):
        raise DecodeError(_SOURCE, f"{amplitude.size} amplitudes", f"{shape}")
    return changed(msg, amplitude=amplitude), amplitude.reshape(shape)


def power_copy(msg: Message) -> tuple[Message, FloatArray]:
    """A copy of a radar's heat maps and their values (n,)."""
    return _values_copy(msg, "power")


def phase_copy(msg: Message) -> tuple[Message, FloatArray]:
    """A copy of a round of an RFID reader and its phases (n,)."""
    return _values_copy(msg, "phase")


def _values_copy(msg: Message, name: str) -> tuple[Message, FloatArray]:
    values = np.array(read(msg, name, _SOURCE), np.float32).reshape(-1)
    return changed(msg, **{name: values}), values


def _ordered(kind: str, msg: Message) -> np.dtype[Any]:
    return np.dtype(kind).newbyteorder(">" if read_size(msg, "is_bigendian", _SOURCE) else "<")


def cells(
    data: NDArray[np.uint8],
    shape: tuple[int, int],
    strides: tuple[int, int],
    dtype: np.dtype[Any],
    offset: int,
) -> NDArray[Any]:
    """`grid`, when every value lies inside its own row and cell, as the decoders demand."""
    height, width = shape
    fits = offset + dtype.itemsize <= strides[1] and strides[1] * width <= strides[0]
    if not (min(shape) > 0 and fits and strides[0] * height <= data.size):
        raise DecodeError(_SOURCE, f"{data.size} bytes", f"{shape} values at steps of {strides}")
    return grid(data, shape, strides, dtype, offset)
