"""The doctor for a model that finds people: poses out of /tf_static, people as no sensor."""

from dataclasses import replace

import pytest
import yaml

pytest.importorskip("torch")

from pta_ros.bags.messages import TRUE_PEOPLE, transforms, true_people
from pta_ros.checkpoint import load
from pta_ros.doctor.findings import settings_of
from pta_ros.doctor.recording import examine
from pta_ros.doctor.text import table
from pta_ros.fusion.params import read_params
from pta_ros.fusion.transforms import from_pose, to_pose

#: Cameras look 10 degrees down, 0.9 m up; the LiDAR is turned by 90 degrees.
TILTED = [-0.5416752, 0.5416752, -0.4545195, 0.4545195]
QUARTER = [0.0, 0.0, 0.7071068, 0.7071068]


@pytest.fixture
def found(robot, record, people_model, as_people):
    places = {
        "camera_depth_optical_frame": ([0.1, 0.0, 0.9], TILTED),
        "lidar_frame": ([0.0, 0.2, 1.3], QUARTER),
    }
    return examine(
        [
            record(
                {
                    "/camera/depth/image": robot.depth,
                    "/camera/depth/camera_info": lambda n, now: robot.info(now),
                    "/velodyne/points": robot.lidar,
                    "/tf_static": lambda n, now: transforms("base_link", places, now),
                    TRUE_PEOPLE[0]: as_people,
                }
            )
        ],
        load(people_model).live_sensors,
    )


@pytest.fixture
def as_people():
    import numpy as np

    return lambda n, now: true_people(np.zeros((1, 17, 3), np.float32), now, "base_link")


def test_poses_are_proposed_where_they_are_known(found, tmp_path):
    assert found.delivers
    file = tmp_path / "robot.yaml"
    file.write_text(found.parameters())
    nested = yaml.safe_load(found.parameters())["/**/fusion"]["ros__parameters"]
    assert nested["depth"]["extrinsic"] == "0.1 0 0.9 0 10 0"
    assert nested["lidar"]["extrinsic"] == "0 0.2 1.3 0 0 90"
    params, streams = read_params(file)
    assert params.tracks.consistency
    assert streams["lidar"].extrinsic == "0 0.2 1.3 0 0 90"


def test_a_model_that_is_named_is_written_and_its_sensors_are_not_judged(found, tmp_path):
    file = tmp_path / "robot.yaml"
    file.write_text(replace(found, settings=settings_of("people_lite", True)).parameters())
    params, streams = read_params(file)
    assert (params.model, params.tracks.consistency) == ("people_lite", False)
    assert streams["lidar"].extrinsic == "0 0.2 1.3 0 0 90"
    assert settings_of("", False) == {}
    assert settings_of(str(tmp_path), False) == {"model": str(tmp_path)}


def test_people_are_known_as_no_sensor(found):
    assert "unused  /truth/people" in table(found)
    assert "no sensor, and nothing to set" in table(found)


def test_a_pose_is_written_as_it_is_read():
    for text in ("0.1 -0.2 1.25 5 -10 170", "0 0 0 0 0 0"):
        assert to_pose(from_pose(text)) == text
