"""The lab: walls, furniture of its four arrangements, and where sensors and the person stand.

Camera frame: x right, y down, z forward, metres, origin at the depth camera 1.0 m above the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pta_ros.errors import ConfigError
from pta_ros.fusion.transforms import from_pose
from pta_ros.sensors.lidar import POSE as LIDAR_POSE
from pta_ros.simulate.kinematics import Array, rotation

CAMERA_HEIGHT = 1.0
LIDAR_ABOVE_CAMERA = -float(from_pose(LIDAR_POSE)[1, 3])

#: Low and high corner (2, 3) of the room.
ROOM = np.array([[-2.2, -1.7, -0.8], [2.2, CAMERA_HEIGHT, 4.8]])

SCENES = ("E01", "E02", "E03", "E04")

# Boxes as (low corner, high corner); the person's place |x| < 1.3, 1.9 < z < 4.1 stays free.
_CABINET = ((-2.15, -0.8, 3.9), (-1.5, 1.0, 4.7))
_TABLE = ((1.35, 0.25, 4.15), (2.15, 0.3, 4.75))
_TABLE_BODY = ((1.45, 0.3, 4.3), (2.05, 1.0, 4.7))
_FURNITURE: dict[str, tuple[tuple[tuple[float, float, float], ...], ...]] = {
    "E01": (_CABINET, _TABLE, _TABLE_BODY),
    "E02": (_CABINET, _TABLE, _TABLE_BODY, ((-1.2, 0.1, 4.3), (-0.75, 1.0, 4.7))),
    "E03": (((-2.15, -0.8, 3.7), (-1.6, 1.0, 4.5)), _TABLE, _TABLE_BODY),
    "E04": (_CABINET, ((1.5, -0.2, 2.6), (2.15, 1.0, 3.1)), ((0.7, 0.4, 4.3), (1.2, 1.0, 4.7))),
}

# Things that reflect radio waves well: (x, y, z, amplitude relative to a mirror).
_REFLECTORS = np.array(
    [
        [-1.95, -0.35, 3.15, 0.40],  # radiator on the left wall
        [1.95, 0.20, 2.45, 0.40],  # pipe shaft on the right wall
        [0.10, -0.20, 4.70, 0.35],  # white board behind the person
        [0.45, 0.55, 1.60, 0.30],  # metal stand in front of the person
        [-1.60, 0.10, 4.20, 0.25],  # cabinet
        [1.70, 0.30, 4.40, 0.20],  # table
    ]
)


def check_scene(scene: str) -> None:
    """ConfigError unless `scene` is one of E01 to E04."""
    if scene not in SCENES:
        raise ConfigError(f"scene {scene!r} is unknown; expected one of {', '.join(SCENES)}")


def boxes(scene: str) -> Array:
    """The room's shell and its furniture, (B, 2, 3) low and high corners."""
    check_scene(scene)
    return np.concatenate([ROOM[None], np.array(_FURNITURE[scene])])


@dataclass(frozen=True, eq=False)
class Arrangement:
    """What Wi-Fi meets in a room, metres in the camera frame; the person stands between antennas.

    `transmitter` and `receiver` (3,), the centre of the receiving array along the unit vector
    `axis` (3,), and `reflectors` (R, 4): position and strength.
    """

    transmitter: Array
    receiver: Array
    axis: Array
    reflectors: Array

    @classmethod
    def of(cls, scene: str) -> Arrangement:
        """The lab of scene E01 to E04: each moves the reflectors a little."""
        check_scene(scene)
        rng = np.random.default_rng([4, SCENES.index(scene)])
        moved = _REFLECTORS.copy()
        moved[:, :3] += rng.uniform(-0.06, 0.06, (len(moved), 3))
        moved[:, 3] *= rng.uniform(0.85, 1.15, len(moved))
        across = np.array([0.45, 0.0, -0.893])  # the line of sight
        return cls(np.array([-1.75, 0.05, 1.95]), np.array([1.80, -0.25, 3.75]), across, moved)

    @classmethod
    def draw(cls, seed: int) -> Arrangement:
        """Antennas at the side walls, either way around, and as many reflectors anywhere."""
        rng = np.random.default_rng([4, len(SCENES), seed])
        side = rng.choice([-1.0, 1.0])
        ends = rng.uniform([1.5, -0.5, 1.6], [1.9, 0.6, 4.2], (2, 3))
        ends[:, 0] *= side, -side
        sight = ends[1] - ends[0]
        across = np.array([sight[2], 0.0, -sight[0]]) / np.hypot(sight[0], sight[2])
        low, high = [-2.0, -0.6, 1.4, 0.2], [2.0, 0.7, 4.7, 0.45]
        return cls(ends[0], ends[1], across, rng.uniform(low, high, (len(_REFLECTORS), 4)))


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
    out[..., 1] += CAMERA_HEIGHT
    out[..., 2] += place[:, 1, None]
    return np.asarray(out)
