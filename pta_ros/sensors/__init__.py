"""One file per sensor: units, decoding, validity check and reduction to the model's input."""

from __future__ import annotations

from pta_ros.sensors.base import Sensor
from pta_ros.sensors.csi import CsiSensor
from pta_ros.sensors.depth import DepthSensor
from pta_ros.sensors.lidar import LidarSensor
from pta_ros.sensors.settings import from_config, to_config

__all__ = [
    "SENSORS",
    "CsiSensor",
    "DepthSensor",
    "LidarSensor",
    "Sensor",
    "sensors_from_config",
    "sensors_to_config",
]

SENSORS: dict[str, type[Sensor]] = {
    "depth": DepthSensor,
    "lidar": LidarSensor,
    "csi": CsiSensor,
}

sensors_to_config = to_config


def sensors_from_config(config: object) -> dict[str, Sensor]:
    """Build the sensors that `sensors_to_config` described; ConfigError names what is unknown."""
    return from_config(config, SENSORS)
