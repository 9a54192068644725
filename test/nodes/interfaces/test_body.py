"""Bodies: names and frames by REP 155, places on the floor."""

import re

import numpy as np
import pytest

from pta_ros.nodes.interfaces.body import (
    JOINT_FRAMES,
    LEVEL,
    OPTICAL,
    body_id,
    body_of,
    on_floor,
)
from pta_ros.skeleton import JOINT_NAMES


def test_names_are_legal_in_topics_and_frames_and_differ():
    names = [body_id(number) for number in (1, 42, 9999, 10000, 123456)]
    assert names[1] == "p0042"
    assert all(re.fullmatch("[a-zA-Z][a-zA-Z0-9]{4,}", name) for name in names)
    assert len(set(names)) == len(names)


def test_joints_have_the_names_of_rep_155():
    frames = dict(zip(JOINT_NAMES, JOINT_FRAMES, strict=True))
    sides = {
        f"{side}_{part}": f"{side[0]}_{part}"
        for side in ("left", "right")
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    }
    assert frames == {
        **sides, "pelvis": "waist", "thorax": "torso", "head": "head", "spine": "spine",
        "neck": "neck",
    }  # fmt: skip


def test_the_root_is_between_the_hips_and_looks_out_of_the_body(track, standing):
    joints = standing(2.0, 1.0, yaw_deg=90.0)
    body = body_of(track(joints, (0.3, 0.0, 0.0)), LEVEL)
    np.testing.assert_allclose(body.origin, [2.0, 1.0, 0.9])
    np.testing.assert_allclose(body.axes, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-9)
    np.testing.assert_allclose(body.joints @ body.axes.T + body.origin, joints)
    np.testing.assert_allclose(body.joints, standing(0.0, 0.0) - (0, 0, 0.9), atol=1e-9)
    np.testing.assert_allclose(body.velocity, [0.3, 0.0, 0.0])


def test_a_body_is_the_same_in_a_cameras_frame(track, standing, to_optical):
    joints = standing(2.0, 1.0, yaw_deg=30.0)
    level = body_of(track(joints), LEVEL)
    seen = body_of(track(joints @ to_optical.T), OPTICAL)
    np.testing.assert_allclose(seen.joints, level.joints, atol=1e-9)
    np.testing.assert_allclose(seen.axes, to_optical @ level.axes, atol=1e-9)


def test_who_bows_takes_the_frame_along(track, standing):
    joints = standing(0.0, 0.0)
    upper = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    tilt = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # up becomes ahead
    joints[upper] = (joints[upper] - joints[0]) @ tilt.T + joints[0]
    axes = body_of(track(joints), LEVEL).axes
    np.testing.assert_allclose(axes[:, 2], [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(axes[:, 0], [0, 0, -1], atol=1e-9)


@pytest.mark.parametrize("ground", [LEVEL, OPTICAL])
def test_axes_are_a_rotation_whatever_the_joints_are(track, ground):
    rng = np.random.default_rng(5)
    shapes = [np.zeros((17, 3)), np.outer(np.arange(17.0), [1.0, 2.0, 3.0])]
    shapes += [rng.normal(size=(17, 3)) for _ in range(20)]
    for joints in shapes:
        one = track(joints, rng.normal(size=3) * rng.integers(0, 2))
        for axes in (body_of(one, ground).axes, on_floor(one, ground)[1]):
            np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
            assert np.linalg.det(axes) == pytest.approx(1.0)
    np.testing.assert_allclose(body_of(track(shapes[0]), ground).axes[:, 2], ground.up)


def test_on_the_floor_people_head_where_they_go(track, standing):
    place, axes = on_floor(track(standing(2.0, 1.0), (0.0, -0.8, 0.5)), LEVEL)
    np.testing.assert_allclose(place, [2.0, 1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(axes[:, 0], [0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(axes[:, 2], [0, 0, 1])


def test_who_stands_heads_where_the_body_faces(track, standing):
    axes = on_floor(track(standing(2.0, 1.0, yaw_deg=90.0), (0.05, 0.0, 0.0)), LEVEL)[1]
    np.testing.assert_allclose(axes[:, 0], [0, 1, 0], atol=1e-9)


def test_who_lies_on_the_back_heads_where_the_head_is(track, standing):
    lying = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])  # faces up, head at x
    axes = on_floor(track(standing(0.0, 0.0) @ lying.T), LEVEL)[1]
    np.testing.assert_allclose(axes, np.eye(3), atol=1e-9)


def test_without_a_level_frame_the_floor_is_under_the_lower_ankle(track, standing, to_optical):
    joints = standing(2.0, 1.0) @ to_optical.T
    place, axes = on_floor(track(joints, (0.5, 0.0, 0.0)), OPTICAL)
    np.testing.assert_allclose(place, to_optical @ [2.0, 1.0, 0.08], atol=1e-9)
    np.testing.assert_allclose(axes[:, 2], [0, -1, 0])
    np.testing.assert_allclose(axes[:, 0], [1, 0, 0])
