import numpy as np
import pytest

from pta_ros.errors import ConfigError
from pta_ros.simulate import kinematics, motion
from pta_ros.simulate.actions import ACTIONS, action
from pta_ros.simulate.body import Subject
from pta_ros.simulate.motion import Variation

TIMES = np.arange(0.0, 12.0, 0.01)


def clip(number: int, subject: int = 2, clip_number: int = 5) -> np.ndarray:
    person = Subject.from_seed(9, subject)
    moves = motion.channels(person, action(number), TIMES, Variation.draw(9, subject, clip_number))
    return kinematics.solve(person, moves)


@pytest.mark.parametrize("number", range(1, 28))
def test_every_action_is_smooth_and_has_human_speed(number):
    joints = clip(number)
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1) / 0.01
    jerkiness = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1) / 0.01**2
    assert 0.2 < speed.max() < 12.0
    assert jerkiness.max() < 250.0


@pytest.mark.parametrize("number", [n for n in ACTIONS if n != 26])
def test_a_foot_is_on_the_floor_unless_the_person_jumps(number):
    person = Subject.from_seed(9, 2)
    lowest = clip(number)[:, [3, 6], 1].min(axis=1)
    np.testing.assert_allclose(lowest, person.ankle_height, atol=0.02)


def test_jumping_leaves_the_floor_and_squatting_lowers_the_pelvis():
    assert np.ptp(clip(26)[:, [3, 6], 1].min(axis=1)) > 0.12
    assert np.ptp(clip(12)[:, 0, 1]) > 0.2


@pytest.mark.parametrize(
    ("left", "right"), [(4, 5), (7, 8), (9, 10), (13, 14), (15, 16), (17, 18), (20, 21), (22, 23)]
)
def test_right_actions_move_the_right_side(left, right):
    limbs = {"left": [6, 13], "right": [3, 16]}
    spread = {
        (n, side): np.ptp(clip(n)[:, joints], axis=0).sum()
        for n in (left, right)
        for side, joints in limbs.items()
    }
    if left == 4:  # twists move both arms, the way they turn differs
        turn = [float((clip(n)[:, 11] - clip(n)[:, 14])[:, 2].mean()) for n in (4, 5)]
        assert turn[0] < 0 < turn[1]
    else:
        assert spread[left, "left"] > spread[left, "right"]
        assert spread[right, "right"] > spread[right, "left"]


def test_clips_differ_in_phase_size_and_tempo_but_not_when_repeated():
    np.testing.assert_array_equal(clip(12), clip(12))
    assert np.abs(clip(12) - clip(12, clip_number=6)).max() > 0.1
    assert np.abs(clip(12) - clip(12, subject=3)).max() > 0.1


def test_one_pose_is_the_trajectory_at_that_time():
    person, liberties = Subject.from_seed(9, 2), Variation.draw(9, 2, 5)
    np.testing.assert_allclose(
        motion.pose(person, action(12), 3.0, liberties), clip(12)[300], atol=1e-9
    )


def test_unknown_actions_are_refused_by_number():
    with pytest.raises(ConfigError, match=r"28.*1 to 27"):
        action(28)
