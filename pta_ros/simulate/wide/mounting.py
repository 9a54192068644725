"""Where camera and LiDAR of a wide scene are fixed: heights, pitch, roll, and their distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pta_ros.fusion.transforms import pose_numbers

Array = NDArray[np.float64]
Rng = np.random.Generator

#: Heights of the test set's cameras, metres; no camera of training is that high.
TEST_HEIGHTS_M = ((0.55, 0.7), (1.2, 1.35))
_HEIGHTS_M = (0.3, 2.0)
_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Mount:
    """A sensor's pose in the level frame: `place` (3,) metres, roll, pitch, yaw in degrees.

    Positive pitch looks down (REP 103: rotation about the axis that points left).
    """

    place: tuple[float, float, float]
    rpy_deg: tuple[float, float, float]

    @classmethod
    def of(cls, pose: str) -> Mount:
        """A pose in words: x y z (m) roll pitch yaw (degrees); raises ConfigError."""
        x, y, z, roll, pitch, yaw = pose_numbers(pose)
        return cls((x, y, z), (roll, pitch, yaw))

    @property
    def rotation(self) -> Array:
        """(3, 3) from the sensor's frame (x forward, y left, z up) to the level frame."""
        return np.asarray(Rotation.from_euler("xyz", self.rpy_deg, degrees=True).as_matrix())

    @property
    def optical(self) -> Array:
        """(3, 3) from a camera's optical frame (x right, y down, z forward) to the level frame."""
        return np.asarray(self.rotation @ _OPTICAL)


@dataclass(frozen=True)
class Mounting:
    """Camera and LiDAR on one robot."""

    camera: Mount
    lidar: Mount


def draw_mounting(rng: Rng, test: bool) -> Mounting:
    """A camera that looks at where people are, more or less, and a LiDAR near it."""
    height = _height(rng, test)
    # Aimed at a point 0.5 to 1.4 m high and 2.5 m away, not well.
    aim = float(np.rad2deg(np.arctan2(height - float(rng.uniform(0.5, 1.4)), 2.5)))
    pitch = float(np.clip(aim + rng.normal(0.0, 6.0), -25.0, 25.0))
    camera = Mount((0.0, 0.0, height), (float(rng.normal(0.0, 1.5)), pitch, 0.0))
    x, y, z = rng.uniform([-0.25, -0.25, -0.1], [0.15, 0.25, 0.5])
    above = float(np.clip(height + z, 0.2, 2.3))
    tilt, roll, yaw = rng.normal(0.0, [2.0, 1.0, 3.0])
    return Mounting(
        camera, Mount((float(x), float(y), above), (float(roll), float(tilt), float(yaw)))
    )


def _height(rng: Rng, test: bool) -> float:
    if test:
        return float(rng.uniform(*TEST_HEIGHTS_M[rng.integers(len(TEST_HEIGHTS_M))]))
    while True:
        height = float(rng.uniform(*_HEIGHTS_M))
        if not any(low <= height <= high for low, high in TEST_HEIGHTS_M):
            return height
