"""Where a person stands in the lab, and the body moved there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pta_ros.simulate import room
from pta_ros.simulate.kinematics import Array, rotation


@dataclass(frozen=True)
class Placement:
    """Where a person stands (x, z metres, camera frame) and how far turned from the camera.

    Nobody stands still for half a minute: x, z and yaw wander slowly. `wander` holds a size
    (metres, degrees), a frequency (Hz) and a phase (rad) for each of the three.
    """

    x_m: float
    z_m: float
    yaw_deg: float
    wander: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),) * 3

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Placement:
        """About three metres in front of the camera, roughly facing it."""
        x, z, yaw = rng.uniform([-0.35, 2.65, -20.0], [0.35, 3.35, 20.0])
        size = rng.uniform([0.03, 0.03, 1.0], [0.12, 0.12, 5.0])
        rate, phase = rng.uniform(0.02, 0.045, 3), rng.uniform(0.0, 2.0 * np.pi, 3)
        wander = tuple(zip(size.tolist(), rate.tolist(), phase.tolist(), strict=True))
        return cls(float(x), float(z), float(yaw), wander)

    def at(self, time_s: Array) -> Array:
        """x, z and yaw (T, 3) at times (T,)."""
        size, rate, phase = np.array(self.wander).T
        moved = size * np.sin(2.0 * np.pi * np.outer(time_s, rate) + phase)
        return np.asarray(moved + np.array([self.x_m, self.z_m, self.yaw_deg]))


def body_to_camera(joints: Array, place: Array) -> Array:
    """Joints (T, J, 3) of the body frame of a person at `place` (T, 3): x, z metres, yaw degrees.

    At yaw 0 the person faces the camera; a positive yaw turns to the person's left.
    """
    turned = joints @ np.swapaxes(rotation(1, place[:, 2]), 1, 2)
    out = turned * np.array([1.0, -1.0, -1.0])
    out[..., 0] += place[:, 0, None]
    out[..., 1] += room.CAMERA_HEIGHT
    out[..., 2] += place[:, 1, None]
    return np.asarray(out)
