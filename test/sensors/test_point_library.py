"""Whole-number coordinates and sensor_msgs_py: read where it is there, named where it is not."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import DecodeError
from pta_ros.sensors.pointcloud import read_xyz


def whole_numbers(points, kind, big=False, padding=0, rows=1):
    """A cloud whose x, y, z are whole numbers of a PointField datatype, behind a byte of gap."""
    code = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"}[kind]
    wire = np.asarray(points).astype(np.dtype(code).newbyteorder(">" if big else "<"))
    size = wire.itemsize
    lines = [
        b"".join(b"\xee" + point.tobytes() for point in line) + b"\xdd" * padding
        for line in wire.reshape(rows, -1, 3)
    ]
    return SimpleNamespace(
        height=rows,
        width=len(wire) // rows,
        fields=[
            SimpleNamespace(name=n, offset=1 + i * size, datatype=kind, count=1)
            for i, n in enumerate("xyz")
        ],
        is_bigendian=big,
        point_step=1 + 3 * size,
        row_step=len(lines[0]),
        data=b"".join(lines),
    )


HAS_READER = importlib.util.find_spec("sensor_msgs_py") is not None
needs_reader = pytest.mark.skipif(
    not HAS_READER, reason="needs sensor_msgs_py from a ROS distribution"
)


@pytest.mark.skipif(HAS_READER, reason="sensor_msgs_py is installed")
def test_without_sensor_msgs_py_whole_numbers_are_refused_with_what_would_help():
    with pytest.raises(DecodeError, match="y of datatype 5") as caught:
        read_xyz(whole_numbers([[1, 2, 3]], 5), "lidar/points")
    assert "sensor_msgs_py" in caught.value.expected


@needs_reader
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", range(1, 7))
def test_with_sensor_msgs_py_whole_numbers_are_read(kind, big):
    points = np.random.default_rng(kind).integers(1, 100, (12, 3))
    msg = whole_numbers(points, kind, big, padding=3, rows=4)
    before = bytes(msg.data)
    np.testing.assert_allclose(read_xyz(msg, "t", 0.01), points / 100, rtol=1e-6)
    assert bytes(msg.data) == before


@needs_reader
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), skip=st.integers(0, 9))
def test_both_ways_agree_on_floats(cloud_message, seed, skip):
    from sensor_msgs.msg import PointCloud2, PointField
    from sensor_msgs_py.point_cloud2 import read_points_numpy

    points = np.random.default_rng(seed).normal(0, 3, (20, 3)).astype(np.float32)
    points[:skip, 1] = np.nan
    plain, msg = cloud_message(points), PointCloud2()
    for name in ("height", "width", "is_bigendian", "point_step", "row_step", "data"):
        setattr(msg, name, getattr(plain, name))
    msg.fields = [PointField(**vars(field)) for field in plain.fields]
    expected = read_points_numpy(msg, ["x", "y", "z"], skip_nans=True)
    np.testing.assert_array_equal(read_xyz(msg, "t"), expected)
