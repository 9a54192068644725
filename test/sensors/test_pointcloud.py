import importlib.util
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import DecodeError
from pta_ros.sensors.pointcloud import read_xyz

MAX = 100
KINDS = {7: ("f", 4), 8: ("d", 8)}


def reference(msg):
    """Read every coordinate on its own; raises where the message contradicts itself."""
    order, fields = ">" if msg.is_bigendian else "<", {f.name: f for f in reversed(msg.fields)}
    points = []
    for row in range(msg.height):
        for column in range(msg.width):
            start = row * msg.row_step + column * msg.point_step
            point = [
                struct.unpack_from(
                    order + KINDS[fields[n].datatype][0], bytes(msg.data), start + fields[n].offset
                )[0]
                for n in "xyz"
            ]
            points.append(point)
    with np.errstate(over="ignore"):
        array = np.array(points, np.float64).reshape(-1, 3).astype(np.float32)
    return array[np.isfinite(array).all(axis=1)]


@st.composite
def clouds(draw):
    """Any cloud with float x, y, z: gaps, extra fields, padded rows, both byte orders."""
    order = draw(st.sampled_from("<>"))
    columns = draw(st.permutations(["x", "y", "z", "intensity", "ring"]))
    fields, offset = [], draw(st.integers(0, 5))
    for name in columns:
        datatype = draw(st.sampled_from([7, 8])) if name in "xyz" else 2
        count = draw(st.sampled_from([0, 1])) if name in "xyz" else draw(st.integers(1, 3))
        fields.append(SimpleNamespace(name=name, offset=offset, datatype=datatype, count=count))
        offset += KINDS.get(datatype, ("B", 1))[1] * max(count, 1) + draw(st.integers(0, 3))
    height, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    row_step = width * offset + draw(st.integers(0, 9))
    data = bytearray(b"\xbb" * (row_step * height + draw(st.integers(0, 9))))
    value = st.one_of(st.floats(width=32), st.floats(-50, 50, width=32))
    for cell in range(height * width):
        start = cell // width * row_step + cell % width * offset
        for field in fields:
            if field.name in "xyz":
                kind = KINDS[field.datatype][0]
                struct.pack_into(order + kind, data, start + field.offset, draw(value))
    return SimpleNamespace(
        height=height,
        width=width,
        fields=fields,
        is_bigendian=order == ">",
        point_step=offset,
        row_step=row_step,
        data=bytes(data),
    )


@given(msg=clouds())
def test_reads_every_layout_exactly(msg):
    expected = reference(msg)
    if len(expected):
        points = read_xyz(msg, MAX, "t")
        assert points.dtype == np.float32
        np.testing.assert_array_equal(points, expected)
    else:
        with pytest.raises(DecodeError, match="finite"):
            read_xyz(msg, MAX, "t")


@settings(max_examples=300)
@given(msg=clouds(), data=st.data())
def test_a_broken_cloud_is_right_or_a_decode_error(msg, data):
    odd = st.one_of(st.integers(-2, 60), st.integers(0, 2**33), st.none(), st.floats(), st.text())
    sizes = ["height", "width", "point_step", "row_step", "is_bigendian"]
    name = data.draw(st.sampled_from([*sizes, "data", "fields", "offset", "datatype", "count"]))
    if name == "data":
        msg.data = msg.data[: data.draw(st.integers(0, len(msg.data)))]
    elif name == "fields":
        msg.fields = data.draw(st.sampled_from([None, [], msg.fields[:2], [None], 3]))
    elif name in sizes:
        setattr(msg, name, data.draw(odd))
    else:
        setattr(data.draw(st.sampled_from(msg.fields)), name, data.draw(odd))
    try:
        points = read_xyz(msg, MAX, "t")
    except DecodeError:
        return
    np.testing.assert_array_equal(points, reference(msg))


def test_rows_that_are_not_finite_are_dropped(cloud_message):
    rows = [[1, 2, 3], [np.nan, 0, 0], [0, np.inf, 0], [0, 0, -np.inf], [4, 5, 6]]
    np.testing.assert_array_equal(read_xyz(cloud_message(rows), MAX, "t"), [[1, 2, 3], [4, 5, 6]])


def test_float64_beyond_float32_counts_as_not_finite(cloud_message):
    msg = cloud_message(np.zeros((2, 3)))
    for i, field in enumerate(msg.fields):
        field.datatype, field.offset = 8, 8 * i
    msg.point_step, msg.row_step = 24, 48
    msg.data = np.array([[1, 2, 3], [1e300, 0, 0]], "<f8").tobytes()
    np.testing.assert_array_equal(read_xyz(msg, MAX, "t"), [[1, 2, 3]])


@pytest.mark.parametrize("count", [0, MAX + 1])
def test_the_number_of_points_is_bounded(cloud_message, count):
    with pytest.raises(DecodeError, match=f"{count} points.*1 and {MAX}"):
        read_xyz(cloud_message(np.zeros((count, 3))), MAX, "lidar/points")


def test_a_cloud_without_z_names_what_it_has(cloud_message):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[2].name = "height"
    with pytest.raises(DecodeError, match=r"\['height', 'x', 'y'\]"):
        read_xyz(msg, MAX, "lidar/points")


def test_integer_coordinates_are_refused(cloud_message):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[1].datatype = 5
    with pytest.raises(DecodeError, match="y of datatype 5"):
        read_xyz(msg, MAX, "lidar/points")


@pytest.mark.parametrize("offset", [9, 12, 2**32 - 1])
def test_a_field_that_leaves_its_point_is_refused(cloud_message, offset):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[2].offset = offset
    with pytest.raises(DecodeError, match=f"z at offset {offset}.*point_step 12"):
        read_xyz(msg, MAX, "lidar/points")


def test_a_coordinate_with_several_values_is_refused(cloud_message):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[0].count = 2
    with pytest.raises(DecodeError, match="x with count 2"):
        read_xyz(msg, MAX, "lidar/points")


def test_the_first_of_a_repeated_field_counts(cloud_message):
    msg = cloud_message([[1, 2, 3]])
    msg.fields.append(SimpleNamespace(name="x", offset=8, datatype=7, count=1))
    np.testing.assert_array_equal(read_xyz(msg, MAX, "t"), [[1, 2, 3]])


HAS_READER = importlib.util.find_spec("sensor_msgs_py") is not None


@pytest.mark.skipif(not HAS_READER, reason="needs sensor_msgs_py from a ROS distribution")
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), skip=st.integers(0, 9))
def test_agrees_with_sensor_msgs_py(cloud_message, seed, skip):
    from sensor_msgs.msg import PointCloud2, PointField
    from sensor_msgs_py.point_cloud2 import read_points_numpy

    points = np.random.default_rng(seed).normal(0, 3, (20, 3)).astype(np.float32)
    points[:skip, 1] = np.nan
    plain, msg = cloud_message(points), PointCloud2()
    for name in ("height", "width", "is_bigendian", "point_step", "row_step", "data"):
        setattr(msg, name, getattr(plain, name))
    msg.fields = [PointField(**vars(field)) for field in plain.fields]
    expected = read_points_numpy(msg, ["x", "y", "z"], skip_nans=True)
    np.testing.assert_array_equal(read_xyz(msg, MAX, "t"), expected)
