import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.simulate.actions import mirror
from pta_ros.simulate.body import Subject
from pta_ros.simulate.kinematics import CHANNELS, INDEX, rotation, solve
from pta_ros.skeleton import BONES

PERSON = Subject.from_seed(1, 1)
LENGTHS = {
    (1, 2): "thigh",
    (2, 3): "shin",
    (4, 5): "thigh",
    (5, 6): "shin",
    (0, 7): "spine_low",
    (7, 8): "spine_high",
    (8, 9): "neck",
    (9, 10): "head",
    (11, 12): "upper_arm",
    (12, 13): "forearm",
    (14, 15): "upper_arm",
    (15, 16): "forearm",
}


def channels(**values: float) -> np.ndarray:
    out = np.zeros((1, len(CHANNELS)))
    for name, value in values.items():
        out[0, INDEX[name]] = value
    return out


def bones(joints: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(joints[:, c] - joints[:, p], axis=1) for p, c in BONES], axis=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bone_lengths_are_exact_in_any_pose(seed):
    rng = np.random.default_rng(seed)
    wild = rng.uniform(-1.0, 1.0, (5, len(CHANNELS))) * 90.0
    for name in ("px", "py", "pz", "jump", "l_fx", "l_fy", "l_fz", "r_fx", "r_fy", "r_fz"):
        wild[:, INDEX[name]] /= 150.0
    joints = solve(PERSON, wild)
    lengths = bones(joints)
    assert np.ptp(lengths, axis=0).max() < 1e-9
    for bone, name in LENGTHS.items():
        assert lengths[0, BONES.index(bone)] == pytest.approx(getattr(PERSON, name))


def test_rest_pose_stands_upright_with_the_left_on_the_left():
    joints = solve(PERSON, channels())[0]
    assert joints[[3, 6], 1] == pytest.approx(PERSON.ankle_height)
    assert joints[6, 0] > 0 > joints[3, 0]
    assert joints[11, 0] > 0 > joints[14, 0]
    assert joints[10, 1] > joints[8, 1] > joints[0, 1] > joints[2, 1] > joints[3, 1]
    assert joints[13, 1] < joints[12, 1] < joints[11, 1]


@pytest.mark.parametrize(
    ("setting", "joint", "axis", "sign"),
    [
        ({"l_flex": 90.0}, 13, 2, 1),
        ({"l_abd": 90.0}, 13, 0, 1),
        ({"r_abd": 90.0}, 16, 0, -1),
        ({"l_abd": 90.0, "l_rot": 90.0, "l_elb": 90.0}, 13, 1, 1),
        ({"r_abd": 90.0, "r_hor": 90.0}, 16, 2, 1),
        ({"bend": 60.0}, 10, 2, 1),
        ({"side": 40.0}, 10, 0, 1),
        ({"l_fz": 0.4}, 6, 2, 1),
        ({"py": 0.4}, 0, 1, -1),
        ({"jump": 0.2}, 3, 1, 1),
        ({"yaw": 90.0}, 11, 2, -1),
    ],
)
def test_each_channel_moves_its_joint_the_way_its_name_says(setting, joint, axis, sign):
    rest = solve(PERSON, channels())[0]
    moved = solve(PERSON, channels(**setting))[0]
    assert sign * (moved - rest)[joint, axis] > 0.1


def test_mirrored_channels_give_the_mirrored_pose():
    rng = np.random.default_rng(0)
    pose = rng.uniform(-0.2, 0.2, (3, len(CHANNELS)))
    pose[:, 3:] *= np.where(np.char.find(CHANNELS[3:], "_f") == 1, 1.0, 100.0)
    pose[:, INDEX["jump"]] = 0.1
    swap = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]
    expected = solve(PERSON, pose)[:, swap] * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(solve(PERSON, mirror(pose)), expected, atol=1e-12)
    np.testing.assert_array_equal(mirror(mirror(pose)), pose)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rotations_are_right_handed(axis):
    turn = rotation(axis, np.array([90.0]))[0]
    basis = np.eye(3)
    np.testing.assert_allclose(
        turn @ basis[(axis + 1) % 3], basis[(axis + 2) % 3], atol=1e-12, rtol=0
    )
