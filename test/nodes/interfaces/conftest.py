"""People who are followed, made up: an upright body of 1.7 m, in a level or an optical frame."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pta_ros.frames import Track

#: A body that faces x, its hips above the origin, on a floor at z = 0.
STANDING = np.array([
    [0.0, 0.0, 0.9], [0.0, -0.12, 0.9], [0.0, -0.12, 0.5], [0.0, -0.12, 0.08],
    [0.0, 0.12, 0.9], [0.0, 0.12, 0.5], [0.0, 0.12, 0.10], [0.0, 0.0, 1.15],
    [0.0, 0.0, 1.4], [0.02, 0.0, 1.5], [0.05, 0.0, 1.65], [0.0, 0.18, 1.4],
    [0.0, 0.22, 1.1], [0.2, 0.22, 1.0], [0.0, -0.18, 1.4], [0.0, -0.22, 1.1], [0.2, -0.22, 1.0],
])  # fmt: skip
#: From a level frame to the optical one of a level camera: x right, y down, z ahead.
TO_OPTICAL = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def at(*place, yaw_deg=0.0):
    """The joints (17, 3) of somebody on the floor who faces `yaw_deg`."""
    turn = Rotation.from_euler("z", yaw_deg, degrees=True).as_matrix()
    return STANDING @ turn.T + (*place, 0.0)


@pytest.fixture
def standing():
    """See `at`."""
    return at


@pytest.fixture
def to_optical():
    """See TO_OPTICAL."""
    return TO_OPTICAL


@pytest.fixture
def track():
    """A track of joints (17, 3), of which all moves with `velocity`."""

    def made(joints, velocity=(0.0, 0.0, 0.0), number=1):
        velocity = np.array(velocity, float)
        centre = 0.5 * (joints[0] + joints[8])
        return Track(
            id=number, stamp_ns=0, age_s=1.0, unseen_s=0.0, predicted=False, centre=centre,
            velocity=velocity, joints=joints, velocities=np.tile(velocity, (17, 1)),
            deviation_m=np.full(17, 0.05), centre_deviation_m=0.05, presence=0.9, weights={},
        )  # fmt: skip

    return made
