"""sensor_msgs/PointCloud2 to (N, 3) metres, for any layout that has numbers x, y and z.

Float coordinates, which every known driver sends, are viewed in place; whole numbers are read by
sensor_msgs_py, where a ROS distribution has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.wire import grid, read, read_bytes, read_size

#: sensor_msgs/PointField datatype numbers.
FLOAT32, FLOAT64, INT32 = 7, 8, 5
FLOAT_TYPES = {FLOAT32: "f4", FLOAT64: "f8"}
#: Of INT8, UINT8, INT16, UINT16, INT32, UINT32: size in bytes.
_WHOLE_NUMBERS = {1: 1, 2: 1, 3: 2, 4: 2, INT32: 4, 6: 4}
#: More than any scanner puts into one message: damaged sizes must not cost gigabytes.
MAX_POINTS = 1_000_000


@dataclass(frozen=True)
class Layout:
    """A cloud's checked geometry: points per row and rows, and the steps in bytes.

    `remark` says in words what the message tells wrongly and its data settle; else it is empty.
    """

    height: int
    width: int
    point_step: int
    row_step: int
    big_endian: bool
    remark: str = ""

    @property
    def count(self) -> int:
        """Points in all."""
        return self.height * self.width


def read_xyz(msg: Any, source: str, scale_m: float = 1.0) -> FloatArray:
    """Read the returns of a PointCloud2 as float32 (N, 3) metres, in the message's order.

    A point that is not finite, or exactly zero, is no return. Each coordinate lies contiguous in
    memory. `scale_m` is one unit of the message in metres. An empty cloud gives (0, 3). Raises
    DecodeError for a cloud that is larger than MAX_POINTS, shorter than its layout says, without
    numbers x, y, z, or without a single return among its points.
    """
    layout = read_layout(msg, source)
    columns = _columns(msg, layout, source)
    planes = np.empty((3, layout.height, layout.width), np.float32)
    # float64 beyond float32 becomes infinite and is dropped with what else is not finite.
    with np.errstate(over="ignore", invalid="ignore"):
        for plane, column in zip(planes, columns, strict=True):
            plane[:] = column
        if scale_m != 1:
            planes *= np.float32(scale_m)
    points: FloatArray = planes.reshape(3, -1)
    x, y, z = points
    seen = np.isfinite(x) & np.isfinite(y) & np.isfinite(z) & ((x != 0) | (y != 0) | (z != 0))
    if seen.all():
        return points.T
    if not seen.any():
        reason = f"none of {layout.count:,} points is a return (all are NaN, infinite or zero)"
        raise DecodeError(source, reason, "points in metres")
    kept: FloatArray = np.compress(seen, points, axis=1).T
    return kept


def xyz_views(msg: Any, source: str) -> tuple[NDArray[Any], ...]:
    """x, y and z of a PointCloud2, (height, width) each, as views of its data.

    Raises DecodeError as `read_xyz`, for an empty cloud, and for coordinates that are not float.
    """
    layout = read_layout(msg, source)
    if not layout.count:
        raise DecodeError(source, "0 points", "1 or more")
    return _views(msg, layout, _coordinates(msg, layout, source), source)


def read_layout(msg: Any, source: str) -> Layout:
    """Read the sizes; DecodeError for those that contradict each other or the data.

    A `row_step` that cannot be is replaced where the data leave one answer, with a remark.
    """
    names = ("height", "width", "point_step", "row_step", "is_bigendian")
    height, width, point_step, row_step, big = (read_size(msg, name, source) for name in names)
    if height * width > MAX_POINTS:
        raise DecodeError(source, f"{height * width:,} points", f"at most {MAX_POINTS:,}")
    size, least = read_bytes(msg, "data", source).size, point_step * width
    if row_step >= least and row_step * height <= size:
        return Layout(height, width, point_step, row_step, bool(big))
    if size == least * height or (height == 1 and size >= least):
        remark = f"row_step is {row_step}; read as point_step x width, {least}, which the data fit"
        return Layout(height, width, point_step, least, bool(big), remark)
    if row_step < least:
        raise DecodeError(source, f"row_step {row_step}", f"at least {least} (point_step x width)")
    expected = f"{row_step * height} (row_step x height)"
    raise DecodeError(source, f"{size} bytes of points", expected)


def _columns(msg: Any, layout: Layout, source: str) -> tuple[NDArray[Any], ...]:
    """The coordinates, (height, width) each, of any type of numbers."""
    fields = _coordinates(msg, layout, source)
    if all(field.datatype in FLOAT_TYPES for field in fields):
        return _views(msg, layout, fields, source)
    return _by_library(msg, layout, fields, source)


def _coordinates(msg: Any, layout: Layout, source: str) -> list[Any]:
    """The fields x, y and z; the first of a repeated name wins."""
    try:
        listed = list(read(msg, "fields", source))
    except TypeError as error:
        raise DecodeError(source, f"fields: {error}", "a list of PointField") from None
    fields = {str(read(field, "name", source)): field for field in reversed(listed)}
    if not fields.keys() >= set("xyz"):
        raise DecodeError(source, f"fields {sorted(fields)}", "x, y and z among them")
    found = [fields[name] for name in "xyz"]
    spans = sorted(_span(field, layout, source) for field in found)
    if any(end > begin for (_, end), (begin, _) in pairwise(spans)):
        reason = f"x, y and z in bytes {spans} of a point"
        raise DecodeError(source, reason, "coordinates that do not overlap")
    return found


def _span(field: Any, layout: Layout, source: str) -> tuple[int, int]:
    """Where one coordinate begins and ends inside a point."""
    names = ("datatype", "offset", "count")
    datatype, offset, count = (read_size(field, name, source) for name in names)
    sizes = {FLOAT32: 4, FLOAT64: 8, **_WHOLE_NUMBERS}
    if datatype not in sizes:
        expected = "FLOAT32 (7), FLOAT64 (8) or a whole number (1 to 6)"
        raise DecodeError(source, f"{field.name} of datatype {datatype}", expected)
    if count > 1:  # 0 is what some old drivers write for a single value
        raise DecodeError(source, f"{field.name} with count {count}", "one value per point")
    if offset + sizes[datatype] > layout.point_step:
        expected = f"the value to end within point_step {layout.point_step}"
        raise DecodeError(source, f"{field.name} at offset {offset}", expected)
    return offset, offset + sizes[datatype]


def _views(msg: Any, layout: Layout, fields: list[Any], source: str) -> tuple[NDArray[Any], ...]:
    data = read_bytes(msg, "data", source)
    shape, strides = (layout.height, layout.width), (layout.row_step, layout.point_step)
    order = ">" if layout.big_endian else "<"
    kinds = [FLOAT_TYPES.get(field.datatype) for field in fields]
    if None in kinds:
        named = ", ".join(f"{field.name} of datatype {field.datatype}" for field in fields)
        raise DecodeError(source, named, "FLOAT32 (7) or FLOAT64 (8)")
    if not data.size:  # an empty buffer has no place to view
        return (np.empty(shape, np.float32),) * 3
    return tuple(
        grid(data, shape, strides, np.dtype(f"{order}{kind}"), field.offset)
        for kind, field in zip(kinds, fields, strict=True)
    )


def _by_library(
    msg: Any, layout: Layout, fields: list[Any], source: str
) -> tuple[NDArray[Any], ...]:
    """Coordinates of a type beyond float, by sensor_msgs_py.

    It comes with a ROS distribution and not from PyPI, so it is imported late, and here only. It
    knows neither padded rows nor other message classes than its own, and swaps the bytes of the
    message that it is given: so it gets a plain copy.
    """
    try:
        from sensor_msgs_py import point_cloud2
    except ImportError:
        reason = ", ".join(f"{field.name} of datatype {field.datatype}" for field in fields)
        expected = "FLOAT32 (7) or FLOAT64 (8) (others need sensor_msgs_py from a ROS distribution)"
        raise DecodeError(source, reason, expected) from None
    rows = grid(
        read_bytes(msg, "data", source),
        (layout.height, layout.width * layout.point_step),
        (layout.row_step, 1),
        np.dtype(np.uint8),
        0,
    )
    plain = point_cloud2.PointCloud2(
        height=1,
        width=layout.count,
        fields=[
            point_cloud2.PointField(name=n, offset=f.offset, datatype=f.datatype, count=1)
            for n, f in zip("xyz", fields, strict=True)
        ],
        is_bigendian=layout.big_endian,
        point_step=layout.point_step,
        row_step=layout.point_step * layout.count,
    )
    plain.data = rows.tobytes()
    points = point_cloud2.read_points(plain, ["x", "y", "z"])
    shape = (layout.height, layout.width)
    return tuple(points[name].reshape(shape) for name in "xyz")
