"""sensor_msgs/PointCloud2 to (N, 3) metres, for any layout that has float x, y and z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.wire import grid, read, read_bytes, read_size

#: sensor_msgs/PointField datatype numbers of the coordinates read here.
FLOAT32, FLOAT64, INT32 = 7, 8, 5
FLOAT_TYPES = {FLOAT32: "f4", FLOAT64: "f8"}


@dataclass(frozen=True)
class Layout:
    """A cloud's checked geometry: points per row and rows, and the steps in bytes."""

    height: int
    width: int
    point_step: int
    row_step: int
    big_endian: bool


def read_xyz(msg: Any, max_points: int, source: str) -> FloatArray:
    """Read the finite points of a PointCloud2 as float32 (N, 3), in the message's order.

    Raises DecodeError for a cloud that is empty, larger than `max_points`, shorter than its layout
    says, without float x, y, z, or without a single finite point.
    """
    layout = _layout(msg, source)
    count = layout.height * layout.width
    if not 0 < count <= max_points:
        raise DecodeError(source, f"{count} points", f"between 1 and {max_points}")
    cells = np.empty((layout.height, layout.width, 3), np.float32)
    for axis, column in enumerate(_views(msg, layout, source)):
        # float64 beyond float32 becomes infinite and is dropped with the other non-finite points.
        with np.errstate(over="ignore", invalid="ignore"):
            cells[:, :, axis] = column
    points = cells.reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    if not finite.any():
        raise DecodeError(source, f"none of {count} points is finite", "points in metres")
    return points if finite.all() else points[finite]


def xyz_views(msg: Any, source: str) -> tuple[NDArray[Any], ...]:
    """x, y and z of a PointCloud2, (height, width) each, as views of its data.

    Raises DecodeError as `read_xyz`.
    """
    layout = _layout(msg, source)
    if not layout.height * layout.width:
        raise DecodeError(source, "0 points", "1 or more")
    return _views(msg, layout, source)


def _layout(msg: Any, source: str) -> Layout:
    """Read the sizes and reject those that contradict each other."""
    names = ("height", "width", "point_step", "row_step", "is_bigendian")
    height, width, point_step, row_step, big = (read_size(msg, name, source) for name in names)
    if row_step < point_step * width:
        expected = f"at least {point_step * width} (point_step x width)"
        raise DecodeError(source, f"row_step {row_step}", expected)
    return Layout(height, width, point_step, row_step, bool(big))


def _fields(msg: Any, source: str) -> dict[str, Any]:
    """Return the message's fields by name; the first of a repeated name wins."""
    try:
        fields = list(read(msg, "fields", source))
    except TypeError as error:
        raise DecodeError(source, f"fields: {error}", "a list of PointField") from None
    return {str(read(field, "name", source)): field for field in reversed(fields)}


def _views(msg: Any, layout: Layout, source: str) -> tuple[NDArray[Any], ...]:
    data = read_bytes(msg, "data", source)
    if data.size < layout.row_step * layout.height:
        expected = f"{layout.row_step * layout.height} (row_step x height)"
        raise DecodeError(source, f"{data.size} bytes of points", expected)
    fields = _fields(msg, source)
    if not fields.keys() >= set("xyz"):
        raise DecodeError(source, f"fields {sorted(fields)}", "x, y and z among them")
    shape, strides = (layout.height, layout.width), (layout.row_step, layout.point_step)
    columns = (_column(fields[name], layout, source) for name in "xyz")
    return tuple(grid(data, shape, strides, dtype, offset) for dtype, offset in columns)


def _column(field: Any, layout: Layout, source: str) -> tuple[np.dtype[Any], int]:
    """Return one coordinate's type and byte offset inside a point."""
    names = ("datatype", "offset", "count")
    datatype, offset, count = (read_size(field, name, source) for name in names)
    if datatype not in FLOAT_TYPES:
        raise DecodeError(
            source, f"{field.name} of datatype {datatype}", "FLOAT32 (7) or FLOAT64 (8)"
        )
    if count > 1:  # 0 is what some old drivers write for a single value
        raise DecodeError(source, f"{field.name} with count {count}", "one value per point")
    dtype = np.dtype(FLOAT_TYPES[datatype]).newbyteorder(">" if layout.big_endian else "<")
    if offset + dtype.itemsize > layout.point_step:
        expected = f"the value to end within point_step {layout.point_step}"
        raise DecodeError(source, f"{field.name} at offset {offset}", expected)
    return dtype, offset
