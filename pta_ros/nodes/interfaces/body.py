"""A followed person as a body: a name, the root frame and the joints' frames of REP 155; metres.

REP 155 (a draft) has the root midway between the hips, x out of the body, z towards the head, and
every other frame as a child of the root. Nothing is known of how a limb is turned about itself, so
the joints' frames have the root's axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.frames import Track
from pta_ros.skeleton import JOINT_NAMES

Array = NDArray[np.float64]

#: REP 155's links that are not called as the joint is; left and right are l and r there.
_LINKS = {"pelvis": "waist", "thorax": "torso"}
#: The frame of each joint, before the body's name; spine and neck are no links of REP 155.
JOINT_FRAMES = tuple(
    _LINKS.get(name, name.replace("left_", "l_").replace("right_", "r_")) for name in JOINT_NAMES
)
_RIGHT_HIP, _LEFT_HIP, _THORAX, _LEFT_SHOULDER, _RIGHT_SHOULDER = (
    JOINT_NAMES.index(name)
    for name in ("right_hip", "left_hip", "thorax", "left_shoulder", "right_shoulder")
)
_HIPS = [_RIGHT_HIP, _LEFT_HIP]
_ANKLES = [JOINT_NAMES.index("right_ankle"), JOINT_NAMES.index("left_ankle")]
_LEAST = 1e-6  # shorter vectors have no direction
_SLOW_M_S = 0.1  # a slower person heads where the body faces


@dataclass(frozen=True)
class Ground:
    """Which way is up in a frame, and where its floor is; None: under the lower ankle."""

    up: tuple[float, float, float]
    floor_m: float | None


#: Of a level frame (REP 103: z up), and of an upright camera's optical frame (y down).
LEVEL, OPTICAL = Ground((0.0, 0.0, 1.0), 0.0), Ground((0.0, -1.0, 0.0), None)


def body_id(number: int) -> str:
    """The name of the person with this number: a letter and digits, as topics and frames take it.

    REP 155 has five characters as a rule; other trackers' hexadecimal ones have no p.
    """
    return f"p{number:04d}"


@dataclass(frozen=True, eq=False)
class Body:
    """`origin` (3,) midway between the hips and `axes` (3, 3), whose columns are x, y and z, in the
    track's frame; `velocity` (3,) of the origin, m/s; `joints` (17, 3) in the body's own frame."""

    name: str
    origin: Array
    axes: Array
    velocity: Array
    joints: Array


def body_of(track: Track, ground: Ground) -> Body:
    """The body of a track in a frame with this ground."""
    origin = track.joints[_HIPS].mean(axis=0)
    axes = _trunk_axes(track.joints, np.array(ground.up))
    return Body(
        name=body_id(track.id),
        origin=origin,
        axes=axes,
        velocity=track.velocities[_HIPS].mean(axis=0),
        joints=(track.joints - origin) @ axes,
    )


def _trunk_axes(joints: Array, up: Array) -> Array:
    left = joints[_LEFT_HIP] - joints[_RIGHT_HIP]
    left = left + joints[_LEFT_SHOULDER] - joints[_RIGHT_SHOULDER]
    above = joints[_THORAX] - joints[_HIPS].mean(axis=0)
    ahead = np.cross(left, above)
    if np.linalg.norm(ahead) < _LEAST:  # all in one line: which way it faces is not known
        above, ahead = up, np.roll(up, 1)
    return _axes(ahead, above)


def _axes(ahead: Array, above: Array) -> Array:
    """Columns x, y, z (3, 3) of two directions that are at right angles."""
    x, z = ahead / np.linalg.norm(ahead), above / np.linalg.norm(above)
    return np.stack([x, np.cross(z, x), z], axis=1)


def on_floor(track: Track, ground: Ground) -> tuple[Array, Array]:
    """Where the trunk's centre is on the floor (3,), and axes (3, 3): x is where the person goes,
    or faces at less than 0.1 m/s, z is up."""
    up = np.array(ground.up)
    floor_m = ground.floor_m
    if floor_m is None:
        floor_m = float((track.joints[_ANKLES] @ up).min())
    place = track.centre + (floor_m - track.centre @ up) * up
    return place, _axes(_heading(track, up), up)


def _heading(track: Track, up: Array) -> Array:
    going = _flat(track.velocity, up)
    if np.linalg.norm(going) >= _SLOW_M_S:
        return going
    axes = _trunk_axes(track.joints, up)
    ahead, along = _flat(axes[:, 0], up), _flat(axes[:, 2], up)
    return ahead if np.linalg.norm(ahead) >= _LEAST else along  # along: somebody on their back


def _flat(vector: Array, up: Array) -> Array:
    return vector - (vector @ up) * up
