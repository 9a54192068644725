import json

import pytest
import yaml

from pta_ros.errors import ConfigError
from pta_ros.sensors import (
    SENSORS,
    DepthSensor,
    LidarSensor,
    sensors_from_config,
    sensors_to_config,
)


def test_every_sensor_is_listed_under_its_modality():
    assert list(SENSORS) == ["depth", "lidar", "csi", "radar", "wifi", "rfid"]
    assert all(kind.modality == name for name, kind in SENSORS.items())


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump])
def test_settings_survive_json_and_yaml(dump):
    sensors = {
        "depth": DepthSensor(max_m=6.0),
        "lidar": LidarSensor(points=256, x_m=(1.0, 5.0)),
        "csi": SENSORS["csi"](),
    }
    assert sensors_from_config(yaml.safe_load(dump(sensors_to_config(sensors)))) == sensors


def test_fields_left_out_keep_their_defaults():
    assert sensors_from_config({"lidar": {"x_m": [1, 5]}}) == {"lidar": LidarSensor(x_m=(1.0, 5.0))}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lidra": {}}, "unknown modality 'lidra'; did you mean lidar?"),
        ({"sonar": {}}, "unknown modality 'sonar'; expected one of depth, lidar, csi"),
        ({"depth": {"max": 4.0}}, "sensors.depth has no entry 'max'; did you mean max_m"),
        ({"depth": {"height": 96.5}}, "sensors.depth.height is 96.5"),
        ({"depth": {"height": True}}, "sensors.depth.height is True"),
        ({"depth": {"max_m": "4"}}, "sensors.depth.max_m is '4'"),
        ({"lidar": {"x_m": [1.0]}}, r"sensors.lidar.x_m is \[1.0\]"),
        ({"lidar": {"x_m": [1.0, None]}}, "sensors.lidar.x_m is None"),
        ({"lidar": {"x_m": [4.0, 1.0]}}, "low < high"),
        ({"lidar": None}, "sensors.lidar is None"),
        ([], r"sensors is \[\]"),
    ],
)
def test_a_wrong_config_names_the_place_and_the_choices(config, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        sensors_from_config(config)
