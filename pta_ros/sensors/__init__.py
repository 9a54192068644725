"""One file per sensor: units, decoding, validity check and reduction to the model's input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pta_ros.errors import ConfigError, did_you_mean
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.csi import CsiSensor
from pta_ros.sensors.depth import DepthSensor
from pta_ros.sensors.lidar import LidarSensor
from pta_ros.sensors.radar import RadarSensor
from pta_ros.sensors.rfid import RfidSensor
from pta_ros.sensors.wifi import WifiSensor
from pta_ros.sensors.window import WindowSensor
from pta_ros.settings import build, mapping, plain

__all__ = [
    "SENSORS",
    "CsiSensor",
    "DepthSensor",
    "LidarSensor",
    "RadarSensor",
    "RfidSensor",
    "Sensor",
    "WifiSensor",
    "WindowSensor",
    "sensor_sets",
    "sensors_from_config",
    "sensors_of",
    "sensors_to_config",
    "type_advice",
]

SENSORS: dict[str, type[Sensor]] = {
    "depth": DepthSensor,
    "lidar": LidarSensor,
    "csi": CsiSensor,
    "radar": RadarSensor,
    "wifi": WifiSensor,
    "rfid": RfidSensor,
}


def sensors_to_config(sensors: Mapping[str, Sensor]) -> dict[str, dict[str, Any]]:
    """Describe sensors by modality and field in plain types, to travel with the weights."""
    return {modality: plain(sensor) for modality, sensor in sensors.items()}


def sensors_from_config(config: object) -> dict[str, Sensor]:
    """Build the sensors that `sensors_to_config` described; fields left out keep their defaults.

    Raises ConfigError for an unknown modality or field and for a value that it cannot have.
    """
    sensors: dict[str, Sensor] = {}
    for modality, values in mapping(config, "sensors").items():
        if modality not in SENSORS:
            raise ConfigError(
                f"sensors: unknown modality {modality!r}; {did_you_mean(modality, SENSORS)}"
            )
        sensors[modality] = build(SENSORS[modality], values, f"sensors.{modality}")
    return sensors


def sensor_sets() -> tuple[str, ...]:
    """The names of all sets of sensors, in the order of SENSORS."""
    return tuple(dict.fromkeys(kind.sensor_set for kind in SENSORS.values()))


def sensors_of(sensor_set: str) -> dict[str, type[Sensor]]:
    """The sensors of one set by modality; empty for an unknown set."""
    return {name: kind for name, kind in SENSORS.items() if kind.sensor_set == sensor_set}


def type_advice(expected: str, found: str) -> str:
    """What to do about messages of a type where a sensor's type is expected; empty: not known."""
    kinds = [kind for kind in SENSORS.values() if kind.message_type == expected]
    return next((kind.other_types[found] for kind in kinds if found in kind.other_types), "")
