import struct
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import DecodeError
from pta_ros.sensors.pointcloud import MAX_POINTS, read_layout, read_xyz

KINDS = {n + 1: (code, struct.calcsize(code)) for n, code in enumerate("bBhHiIfd")}


def reference(msg):
    """Read every coordinate on its own; raises where the message contradicts itself."""
    order, fields = ">" if msg.is_bigendian else "<", {f.name: f for f in reversed(msg.fields)}
    least = msg.point_step * msg.width
    fits = msg.row_step >= least and msg.row_step * msg.height <= len(msg.data)
    row_step = msg.row_step if fits else least  # what is left where the data settle it
    points = []
    for row in range(msg.height):
        for column in range(msg.width):
            start = row * row_step + column * msg.point_step
            point = [
                struct.unpack_from(
                    order + KINDS[fields[n].datatype][0], bytes(msg.data), start + fields[n].offset
                )[0]
                for n in "xyz"
            ]
            points.append(point)
    with np.errstate(over="ignore"):
        array = np.array(points, np.float64).reshape(-1, 3).astype(np.float32)
    return array[np.isfinite(array).all(axis=1) & array.any(axis=1)]


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
        points = read_xyz(msg, "t")
        assert points.dtype == np.float32
        np.testing.assert_array_equal(points, expected)
    else:
        with pytest.raises(DecodeError, match="none of"):
            read_xyz(msg, "t")


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
        points = read_xyz(msg, "t")
    except DecodeError:
        return
    np.testing.assert_array_equal(points, reference(msg))


def test_what_is_not_finite_and_zeros_are_no_return(cloud_message):
    rows = [
        [1, 2, 3],
        [0, 0, 0],
        [-0.0, 0, 0],
        [np.nan, 0, 0],
        [0, np.inf, 0],
        [0, 0, -np.inf],
        [4, 5, 0],
    ]
    np.testing.assert_array_equal(read_xyz(cloud_message(rows), "t"), [[1, 2, 3], [4, 5, 0]])


def test_float64_beyond_float32_counts_as_not_finite(cloud_message):
    msg = cloud_message(np.zeros((2, 3)))
    for i, field in enumerate(msg.fields):
        field.datatype, field.offset = 8, 8 * i
    msg.point_step, msg.row_step = 24, 48
    msg.data = np.array([[1, 2, 3], [1e300, 0, 0]], "<f8").tobytes()
    np.testing.assert_array_equal(read_xyz(msg, "t"), [[1, 2, 3]])


def test_a_million_points_are_read_and_more_are_refused_unread(cloud_message):
    msg = cloud_message(np.ones((MAX_POINTS, 3)))
    assert read_xyz(msg, "t").shape == (MAX_POINTS, 3)
    msg.height = 2
    with pytest.raises(DecodeError, match=r"2,000,000 points.*at most 1,000,000"):
        read_xyz(msg, "t")


def test_a_cloud_of_no_points_is_no_fault(cloud_message):
    assert read_xyz(cloud_message(np.zeros((0, 3))), "t").shape == (0, 3)


def test_nothing_but_no_return_is_a_fault(cloud_message):
    with pytest.raises(DecodeError, match="none of 30 points"):
        read_xyz(cloud_message(np.zeros((30, 3))), "t")


@pytest.mark.parametrize("row_step", [0, 7, 10**6, 2**32 - 1])
def test_a_row_step_that_cannot_be_is_settled_by_the_data_with_a_remark(cloud_message, row_step):
    points = np.arange(36, dtype=np.float32).reshape(12, 3) + 1
    msg = cloud_message(points)
    assert read_layout(msg, "t").remark == ""
    msg.height, msg.width, msg.row_step = 3, 4, row_step
    np.testing.assert_array_equal(read_xyz(msg, "t"), points)
    assert f"row_step is {row_step}" in read_layout(msg, "t").remark
    msg.data = msg.data[:-1]
    with pytest.raises(DecodeError):
        read_xyz(msg, "t")


def test_coordinates_that_share_bytes_are_refused(cloud_message):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[2].offset = 6
    with pytest.raises(DecodeError, match="overlap"):
        read_xyz(msg, "t")


def test_a_unit_is_turned_into_metres(cloud_message):
    msg = cloud_message([[1500, -20, 300]])
    np.testing.assert_allclose(read_xyz(msg, "t", 0.001), [[1.5, -0.02, 0.3]], rtol=1e-6)


def test_a_cloud_without_z_names_what_it_has(cloud_message):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[2].name = "height"
    with pytest.raises(DecodeError, match=r"\['height', 'x', 'y'\]"):
        read_xyz(msg, "lidar/points")


def test_a_datatype_that_does_not_exist_is_refused(cloud_message):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[1].datatype = 9
    with pytest.raises(DecodeError, match="y of datatype 9"):
        read_xyz(msg, "t")


@pytest.mark.parametrize("offset", [9, 12, 2**32 - 1])
def test_a_field_that_leaves_its_point_is_refused(cloud_message, offset):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[2].offset = offset
    with pytest.raises(DecodeError, match=f"z at offset {offset}.*point_step 12"):
        read_xyz(msg, "lidar/points")


def test_a_coordinate_with_several_values_is_refused(cloud_message):
    msg = cloud_message(np.ones((2, 3)))
    msg.fields[0].count = 2
    with pytest.raises(DecodeError, match="x with count 2"):
        read_xyz(msg, "lidar/points")


def test_the_first_of_a_repeated_field_counts(cloud_message):
    msg = cloud_message([[1, 2, 3]])
    msg.fields.append(SimpleNamespace(name="x", offset=8, datatype=7, count=1))
    np.testing.assert_array_equal(read_xyz(msg, "t"), [[1, 2, 3]])
