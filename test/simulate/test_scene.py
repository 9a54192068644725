from itertools import pairwise

import cv2  # noqa: F401  (loaded before open3d in every process that uses both)
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import ConfigError
from pta_ros.simulate import room
from pta_ros.simulate.body import vertices
from pta_ros.simulate.recording import Recording
from pta_ros.simulate.room import body_to_camera
from pta_ros.simulate.scene import World, camera_to_lidar, lidar_to_camera

CLIP = Recording(2, 3, 2)
JOINTS = CLIP.joints(np.array([1.7]))[0]
SKIN = vertices(CLIP.subject, JOINTS)


@pytest.fixture(scope="module")
def world() -> World:
    return World("E01")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-9.0, 9.0), min_size=3, max_size=3))
def test_lidar_and_camera_frames_are_inverse(point):
    there = camera_to_lidar(np.array(point))
    np.testing.assert_allclose(lidar_to_camera(there), point, atol=1e-12)


def test_lidar_axes_are_forward_left_up_from_above_the_camera():
    np.testing.assert_allclose(lidar_to_camera(np.array([2.0, 0.0, 0.0])), [0.0, -0.15, 2.0])
    np.testing.assert_allclose(lidar_to_camera(np.array([0.0, 1.0, 0.0])), [-1.0, -0.15, 0.0])
    np.testing.assert_allclose(lidar_to_camera(np.array([0.0, 0.0, 1.0])), [0.0, -1.15, 0.0])


def test_a_person_facing_the_camera_has_the_left_hand_on_the_images_right():
    body = np.array([[[0.4, 1.0, 0.1]]])  # left, up, ahead
    np.testing.assert_allclose(
        body_to_camera(body, np.array([[0.0, 3.0, 0.0]]))[0, 0], [0.4, 0.0, 2.9]
    )
    turned = body_to_camera(body, np.array([[0.0, 3.0, 90.0]]))[0, 0]
    np.testing.assert_allclose(turned, [0.1, 0.0, 3.4], atol=1e-12)


def test_depth_shows_the_body_where_the_skeleton_is(world):
    depth = world.clean_depth(SKIN)
    assert depth.shape == (480, 640)
    pixels = np.rint(world.camera.project(JOINTS)).astype(int)
    for (u, v), joint in zip(pixels[[0, 7, 8, 10]], JOINTS[[0, 7, 8, 10]], strict=True):
        assert 0.0 < joint[2] - depth[v, u] < 0.3  # the skin is in front of the joint


def test_lidar_points_lie_on_the_body_and_on_the_room(world):
    lidar = world.observe(SKIN, ([1], [2])).lidar_m
    points = lidar_to_camera(lidar.astype(float))
    near = np.linalg.norm(points[:, None] - SKIN[None], axis=-1).min(axis=1) < 0.08
    assert 120 < near.sum() < 600
    low, high = room.ROOM
    assert ((points > low - 0.1) & (points < high + 0.1)).all()
    ahead = (JOINTS[7] - points[near].mean(axis=0))[2]
    assert 0.0 < ahead < 0.25


def test_depth_noise_grows_with_distance_and_is_a_sensors(world):
    clean = world.clean_depth(SKIN)
    noisy = world.observe(SKIN, ([5], [6])).depth_mm
    assert noisy.dtype == np.uint16
    error = noisy / 1000.0 - clean
    seen = noisy > 0
    assert 0.001 < 1.0 - seen.mean() < 0.05
    near, far = seen & (clean < 3.0), seen & (clean > 4.5)
    assert 0.004 < error[near].std() < 0.03
    assert error[far].std() > 1.5 * error[near].std()
    assert abs(error[seen].mean()) < 0.005


def test_noise_follows_from_its_seed_alone(world):
    first, other = world.observe(SKIN, ([1], [2])), world.observe(SKIN, ([3], [4]))
    again = world.observe(SKIN, ([1], [2]))
    np.testing.assert_array_equal(first.depth_mm, again.depth_mm)
    np.testing.assert_array_equal(first.lidar_m, again.lidar_m)
    assert (first.depth_mm != other.depth_mm).mean() > 0.1


def test_the_four_scenes_share_walls_and_differ_in_furniture():
    skin = SKIN + np.array([0.0, 0.0, 100.0], np.float32)  # nobody there
    images = [World(scene).clean_depth(skin) for scene in room.SCENES]
    for a, b in pairwise(images):
        assert 0.001 < (np.abs(a - b) > 0.05).mean() < 0.4
    with pytest.raises(ConfigError, match=r"E05.*E01, E02"):
        World("E05")
