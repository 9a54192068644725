"""ROS messages of the simulated sensors; stamps are set when they are published."""

from __future__ import annotations

import array

from geometry_msgs.msg import Point
from pta_msgs.msg import CsiFrame, Skeleton
from sensor_msgs.msg import Image, PointCloud2, PointField

from pta_ros.sensors.mmfi import BANDWIDTH_HZ, CENTER_HZ, FRAMES
from pta_ros.simulate.garbage import RawCloud, RawCsi, RawDepth
from pta_ros.skeleton import CONVENTION, JOINT_NAMES


def _bytes(data: bytes) -> array.array:
    # An array.array is copied in 0.03 ms; a list or an ndarray takes 9 to 31 ms per image.
    filled = array.array("B")
    filled.frombytes(data)
    return filled


def image_message(raw: RawDepth) -> Image:
    """A depth image of millimetres, little-endian."""
    msg = Image(height=raw.height, width=raw.width, encoding=raw.encoding)
    msg.header.frame_id = FRAMES["depth"]
    msg.is_bigendian = 0
    msg.step = raw.width * 2
    msg.data = _bytes(raw.data)
    return msg


def cloud_message(raw: RawCloud) -> PointCloud2:
    """An unorganised cloud of float32 x, y, z."""
    msg = PointCloud2(height=1, width=raw.points, is_bigendian=False, is_dense=True)
    msg.header.frame_id = FRAMES["lidar"]
    msg.fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate("xyz")
    ]
    msg.point_step = 12
    msg.row_step = 12 * raw.points
    msg.data = _bytes(raw.data)
    return msg


def csi_message(raw: RawCsi) -> CsiFrame:
    """A CSI frame of amplitudes on the channel of MM-Fi's access points."""
    msg = CsiFrame()
    msg.header.frame_id = FRAMES["csi"]
    msg.antennas, msg.subcarriers, msg.packets = raw.shape
    msg.amplitude = array.array("f", raw.amplitude.tobytes())
    msg.center_frequency_hz = CENTER_HZ
    msg.bandwidth_hz = BANDWIDTH_HZ
    return msg


def truth_message(joints_m) -> Skeleton:
    """The true pose, (17, 3) metres in the camera frame."""
    msg = Skeleton(convention=CONVENTION, model="ground truth (synthetic)")
    msg.header.frame_id = FRAMES["depth"]
    msg.joint_names = list(JOINT_NAMES)
    msg.positions = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in joints_m]
    msg.std_dev = [0.0] * len(JOINT_NAMES)
    return msg
