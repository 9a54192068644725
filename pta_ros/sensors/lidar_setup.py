"""What an operator says of a LiDAR, and what to do where its driver sends something else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pta_ros.settings import Group, param

Range = tuple[float, float]

_LIVOX = "set the driver's xfer_format to 0 (PointCloud2)"
_PACKETS = "these are raw packets: take the PointCloud2 of "
#: Types that LiDAR drivers publish, and what to do about each.
OTHER_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "livox_ros_driver2/msg/CustomMsg": _LIVOX,
        "livox_ros_driver/msg/CustomMsg": _LIVOX,
        "livox_interfaces/msg/CustomMsg": _LIVOX,
        "sensor_msgs/msg/LaserScan": "a planar scan shows no body: use a 3-D LiDAR",
        "sensor_msgs/msg/MultiEchoLaserScan": "a planar scan shows no body: use a 3-D LiDAR",
        "sensor_msgs/msg/PointCloud": "an old type: have its driver publish PointCloud2",
        "velodyne_msgs/msg/VelodyneScan": _PACKETS + "velodyne_pointcloud's transform node",
        "ouster_sensor_msgs/msg/PacketMsg": _PACKETS + "ouster_ros's os_cloud",
        "ouster_ros/msg/PacketMsg": _PACKETS + "ouster_ros's os_cloud",
        "hesai_ros_driver/msg/UdpFrame": _PACKETS + "the driver (send_point_cloud_ros: true)",
        "nebula_msgs/msg/NebulaPackets": _PACKETS + "nebula's decoder",
        "rslidar_msg/msg/RslidarPacket": _PACKETS + "rslidar_sdk (send_point_cloud_ros: true)",
    }
)

REGION = "six numbers: x_low x_high y_low y_high z_low z_high (m), each low below its high"


def region(text: str) -> tuple[Range, Range, Range] | None:
    """The ranges of x, y and z that a text gives; None for one that is no region."""
    try:
        n = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        return None
    if len(n) != 6 or not all(map(math.isfinite, n)) or not all(n[i] < n[i + 1] for i in (0, 2, 4)):
        return None
    return (n[0], n[1]), (n[2], n[3]), (n[4], n[5])


@dataclass(frozen=True)
class LidarInstallation(Group):
    """What an operator says of the LiDAR at hand."""

    region: str = param(
        "",
        "where persons are looked for, in the model's LiDAR frame: x_low x_high y_low y_high z_low "
        "z_high (m); empty takes the model's",
        form=lambda text: REGION if text and region(text) is None else "",
    )
    min_points: int = param(
        0, "with fewer points in the region nobody is seen; 0 takes the model's", low=0, high=100000
    )
    scale_m: float = param(
        1.0,
        "one unit of the coordinates; 0.001 for a driver that sends millimetres",
        unit="m",
        low=1e-6,
        high=1000.0,
    )
