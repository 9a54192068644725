"""Where sensors stand: parameters, /tf_static, or an assumption that is told."""

import numpy as np
import pytest

from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.level import LevelIntake, intake_of
from pta_ros.fusion.transforms import Transforms, from_pose
from pta_ros.people.readings import OPTICAL
from pta_ros.sensors import DepthSensor, LidarSensor
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.whole import whole

DEPTH, LIDAR = whole(DepthSensor()), whole(LidarSensor())
WALL = np.full((480, 640), 3.0, np.float32)
CLOUD = np.random.default_rng(0).uniform(-3, 3, (400, 3)).astype(np.float32)
#: Of an optical frame: x right, y down, z ahead, in x ahead, y left, z up.
AHEAD = (-0.5, 0.5, -0.5, 0.5)


def level(sensor, transforms=None, rotation=0, **given):
    params = StreamParams(
        topic="t", frame="base_link", device=DepthDevice(rotation=rotation), **given
    )
    return intake_of(sensor, params, transforms)


def reading(intake, as_message, frame_id="camera"):
    array = WALL if intake.modality == "depth" else CLOUD
    return intake.frame(as_message(intake.sensor, array, 5, frame_id), 9).reading


def test_only_whole_sensors_are_placed():
    assert type(intake_of(LidarSensor(), StreamParams(topic="t"))) is Intake
    assert isinstance(level(LIDAR), LevelIntake)


def test_a_camera_of_which_nothing_is_known_is_level_and_one_metre_high(as_message):
    intake = level(DEPTH)
    found = reading(intake, as_message)
    np.testing.assert_allclose(found.rotation, OPTICAL, atol=1e-12)
    np.testing.assert_allclose(found.place, (0, 0, 1))
    assert "pose assumed: level, looking ahead, 1.0 m" in intake.remarks[0]
    assert "depth.extrinsic" in intake.remarks[0]
    assert "intrinsics assumed" in intake.remarks[1]
    assert intake.frame_id == "base_link"


def test_the_parameter_is_the_pose_of_the_body_of_camera_and_lidar(as_message):
    pose = "0.2 0.1 1.4 0 20 90"  # looks 20 degrees down, to the left
    turn = from_pose(pose)[:3, :3]
    camera, lidar = level(DEPTH, extrinsic=pose), level(LIDAR, extrinsic=pose)
    seen = reading(camera, as_message)
    np.testing.assert_allclose(seen.rotation, turn @ OPTICAL, atol=1e-12)
    np.testing.assert_allclose(
        seen.rotation[:, 2], (0, np.cos(np.deg2rad(20)), -np.sin(np.deg2rad(20))), atol=1e-9
    )
    np.testing.assert_allclose(seen.place, (0.2, 0.1, 1.4))
    points = reading(lidar, as_message).cloud
    np.testing.assert_allclose(points, CLOUD @ turn.T + (0.2, 0.1, 1.4), atol=1e-5)
    assert not any("pose" in text for text in (*camera.remarks, *lidar.remarks))


def test_static_transforms_place_the_optical_frame_and_may_come_later(as_message):
    tree = Transforms()
    intake = level(DEPTH, tree)
    assert intake.needs_transforms
    assert intake.assumes
    reading(intake, as_message)
    assert "no static transform leads to 'base_link'" in intake.remarks[0]
    tree.add("base_link", "camera", (0.3, 0, 0.8), AHEAD)
    found = reading(intake, as_message)
    np.testing.assert_allclose(found.rotation, OPTICAL, atol=1e-12)
    np.testing.assert_allclose(found.place, (0.3, 0, 0.8))
    assert not any("pose" in text for text in intake.remarks)


def test_an_image_on_its_side_is_seen_upright_or_remarked_upon(as_message):
    turned = level(DEPTH, rotation=90, extrinsic="0 0 1 0 0 0")  # to be turned clockwise
    right = reading(turned, as_message).rotation @ (1, 0, 0)
    np.testing.assert_allclose(right, (0, 0, -1), atol=1e-12)  # what was right is below
    assert "points 90 degrees away from upwards" in turned.remarks[0]
    optical = level(DEPTH, extrinsic="0 0 1 -90 0 -90")  # the optical frame's, by mistake
    reading(optical, as_message)
    assert "extrinsic is of the camera's body" in optical.remarks[0]


def test_a_cloud_in_the_level_frame_stays_and_an_image_cannot_be_in_it(as_message):
    lidar, camera = level(LIDAR), level(DEPTH)
    np.testing.assert_allclose(reading(lidar, as_message, "base_link").cloud, CLOUD)
    assert lidar.remarks == ()
    reading(camera, as_message, "base_link")
    assert "an image cannot be in the level frame" in camera.remarks[0]


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (1080, 1920)])
def test_points_of_an_image_lie_where_they_are_whatever_its_size(as_message, size):
    intake = level(DEPTH, extrinsic="0 0 1 0 0 0")
    wall = np.full(size, 3.0, np.float32)
    found = intake.frame(as_message(intake.sensor, wall, 5, "camera"), 9).reading
    points = found.rays() * found.depth + found.place[:, None, None]
    assert found.depth.shape == (found.lens.height, found.lens.width)
    np.testing.assert_allclose(points[0], 3.0, atol=1e-5)
    middle = points[:, size[0] // 2 * found.lens.height // size[0], found.lens.width // 2]
    np.testing.assert_allclose(middle, (3, 0, 1), atol=0.02)
