"""Real message classes of both families decode like the plain attribute bags."""

import array
import struct

import cv2
import numpy as np
import pytest

from pta_ros.sensors import CsiSensor, DepthSensor, LidarSensor

IMAGE = ("height", "width", "encoding", "is_bigendian", "step", "data")
CLOUD = ("height", "width", "is_bigendian", "point_step", "row_step", "data", "is_dense")
FORM, DEEP = "16UC1; compressedDepth png", struct.pack("<iff", 0, 0, 0)
CSI = ("antennas", "subcarriers", "packets", "amplitude", "phase")


@pytest.fixture
def points():
    rng = np.random.default_rng(1)
    return rng.uniform((1.6, -1.4, -1.0), (4.4, 1.4, 1.2), (800, 3)).astype(np.float32)


def fill(msg, plain, names):
    for name in names:
        setattr(msg, name, getattr(plain, name))
    return msg


def agree(sensor, plain, msg):
    expected = sensor.process(plain, "t")
    np.testing.assert_array_equal(sensor.process(msg, "t"), expected)


@pytest.mark.ros
@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
def test_rclpy_image(encoding, image_message, room_mm):
    messages = pytest.importorskip("sensor_msgs.msg")
    plain = image_message(room_mm, encoding, padding=6)
    agree(DepthSensor(), plain, fill(messages.Image(), plain, IMAGE))


@pytest.mark.ros
def test_rclpy_cloud(cloud_message, points):
    messages = pytest.importorskip("sensor_msgs.msg")
    plain = cloud_message(points)
    msg = fill(messages.PointCloud2(), plain, CLOUD)
    msg.fields = [messages.PointField(**vars(field)) for field in plain.fields]
    agree(LidarSensor(), plain, msg)


@pytest.mark.ros
def test_rclpy_csi(csi_message, channel):
    messages = pytest.importorskip("pta_msgs.msg")
    if not hasattr(messages, "CsiFrame"):  # the source folder of this repository, not the package
        pytest.skip("pta_msgs is not built")
    plain = csi_message(channel, channel)
    agree(CsiSensor(), plain, fill(messages.CsiFrame(), plain, CSI))


@pytest.mark.ros
def test_rclpy_compressed_depth(image_message, room_mm):
    messages = pytest.importorskip("sensor_msgs.msg")
    data = array.array("B", DEEP + cv2.imencode(".png", room_mm)[1].tobytes())
    agree(DepthSensor(), image_message(room_mm), messages.CompressedImage(format=FORM, data=data))


@pytest.fixture(scope="module")
def bag_types():
    typesys = pytest.importorskip("rosbags.typesys")
    return typesys.get_typestore(typesys.Stores.ROS2_JAZZY)


def through_bag(store, kind, **values):
    """Serialise and deserialise, as a bag does: arrays come back as ndarrays."""
    types = store.types
    stamp = types["builtin_interfaces/msg/Time"](sec=1, nanosec=0)
    header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="frame")
    msg = types[kind](header=header, **values)
    return store.deserialize_cdr(store.serialize_cdr(msg, kind), kind)


def test_rosbags_image(bag_types, image_message, room_mm):
    plain = image_message(room_mm * np.float32(0.001), "32FC1", big=True)
    values = {name: getattr(plain, name) for name in IMAGE} | {"data": np.array(plain.data, "u1")}
    agree(DepthSensor(), plain, through_bag(bag_types, "sensor_msgs/msg/Image", **values))


def test_rosbags_cloud(bag_types, cloud_message, points):
    plain = cloud_message(points)
    values = {name: getattr(plain, name) for name in CLOUD} | {"data": np.array(plain.data, "u1")}
    field_type = bag_types.types["sensor_msgs/msg/PointField"]
    fields = [field_type(**vars(field)) for field in plain.fields]
    msg = through_bag(bag_types, "sensor_msgs/msg/PointCloud2", fields=fields, **values)
    agree(LidarSensor(), plain, msg)


def test_rosbags_compressed_depth(bag_types, image_message, room_mm):
    data = np.frombuffer(DEEP + cv2.imencode(".png", room_mm)[1].tobytes(), np.uint8)
    msg = through_bag(bag_types, "sensor_msgs/msg/CompressedImage", format=FORM, data=data)
    agree(DepthSensor(), image_message(room_mm), msg)


def test_rosbags_organised_big_endian_float64_cloud_with_more_fields(
    bag_types, cloud_message, points
):
    """40 rows of 20 points, padded, an intensity before and a ring number behind x, y, z."""
    spots = {"intensity": ("u1", 0), "x": (">f8", 3), "y": (">f8", 11), "z": (">f8", 19)}
    names, kinds = list(spots), [kind for kind, _ in spots.values()]
    offsets = [offset for _, offset in spots.values()]
    dtype = np.dtype({"names": names, "formats": kinds, "offsets": offsets, "itemsize": 30})
    grid = np.zeros((40, 20), dtype)
    for axis, name in enumerate("xyz"):
        grid[name] = points[:, axis].reshape(40, 20)
    rows = np.concatenate([grid.view(np.uint8), np.full((40, 7), 0xEE, np.uint8)], axis=1)
    field_type = bag_types.types["sensor_msgs/msg/PointField"]
    fields = [
        field_type(n, offset, 2 if n == "intensity" else 8, 1) for n, (_, offset) in spots.items()
    ]
    msg = through_bag(
        bag_types,
        "sensor_msgs/msg/PointCloud2",
        height=40,
        width=20,
        fields=[*fields, field_type("ring", 28, 4, 1)],
        is_bigendian=True,
        point_step=30,
        row_step=607,
        data=rows.ravel(),
        is_dense=False,
    )
    agree(LidarSensor(), cloud_message(points), msg)
