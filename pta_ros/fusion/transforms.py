"""Static transforms between frames: a tree as tf2 keeps it, in numpy, for node and replay alike.

A transform is a float64 (4, 4) matrix that takes points of the source frame (its second name) to
the target frame (its first), metres. Frame names are compared without a leading slash. As in tf2:
the newest transform of a child counts, also when it names another parent; a quaternion whose
squared length is more than 0.01 from 1 is refused, a smaller error is normalised away.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import FloatArray

Matrix = NDArray[np.float64]

POSE = "six numbers: x y z (m) roll pitch yaw (degrees)"
_LARGEST_ERROR = 0.01


class Transforms:
    """The static transforms that are known; `version` counts their changes."""

    def __init__(self) -> None:
        self.version = 0
        self._links: dict[str, tuple[str, Matrix]] = {}

    def add(
        self, parent: str, child: str, translation: Sequence[float], quaternion: Sequence[float]
    ) -> str:
        """Take one: the pose of `child` in `parent`, metres and (x, y, z, w).

        Gives a remark when it contradicts an older one in the parent, else an empty string. Raises
        DecodeError, and keeps what it has, for names or numbers that make no transform.
        """
        parent, child = plain(parent), plain(child)
        source = f"transform {parent!r} to {child!r}"
        if not parent or not child or parent == child:
            raise DecodeError(source, "its frames", "two different names")
        matrix = np.eye(4)
        matrix[:3, :3] = rotation(quaternion, source)
        matrix[:3, 3] = translation
        if not np.isfinite(matrix).all():
            raise DecodeError(source, f"translation {tuple(translation)}", "finite metres")
        before = self._links.get(child, (parent, matrix))[0]
        self._links[child] = (parent, matrix)
        self.version += 1
        if before == parent:
            return ""
        return f"{source}: its parent was {before!r} before; the newest counts"

    def take(self, msg: Any) -> list[str]:
        """Take a tf2_msgs/TFMessage by its attributes; gives what is wrong with it, in words."""
        remarks = []
        for one in msg.transforms:
            t, q = one.transform.translation, one.transform.rotation
            try:
                moved, turned = (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)
                remarks.append(self.add(one.header.frame_id, one.child_frame_id, moved, turned))
            except DecodeError as error:
                remarks.append(str(error))
        return [remark for remark in remarks if remark]

    def copy(self) -> Transforms:
        """The same transforms, to add others to."""
        other = Transforms()
        other.version, other._links = self.version, dict(self._links)
        return other

    def root(self, frame: str) -> str:
        """The frame that a frame's parents lead to; empty where they go round in a loop."""
        return next(reversed(self._above(plain(frame))), "")

    def between(self, target: str, source: str) -> Matrix | None:
        """The transform that takes points of `source` to `target`; None when none is known."""
        above_target, above_source = self._above(plain(target)), self._above(plain(source))
        for name, matrix in above_source.items():
            if name in above_target:
                return np.linalg.inv(above_target[name]) @ matrix
        return None

    def missing(self, target: str, source: str) -> str:
        """Why there is no transform between two frames, in words."""
        for frame in map(plain, (source, target)):
            if not frame:
                return "a frame without a name"
            if not self._above(frame):
                return f"the parents of {frame!r} go round in a loop"
        return f"no static transform leads to {plain(target)!r}"

    def _above(self, frame: str) -> dict[str, Matrix]:
        """The transform into `frame` itself, its parent and so on up; empty if that never ends."""
        matrix = np.eye(4)
        way = {frame: matrix}
        while frame in self._links:
            frame, link = self._links[frame]
            if frame in way:
                return {}
            way[frame] = matrix = link @ matrix
        return way


def plain(frame: str) -> str:
    """A frame's name without the leading slash of older systems."""
    return frame.removeprefix("/")


def rotation(quaternion: Sequence[float], source: str) -> Matrix:
    """(3, 3) of a quaternion (x, y, z, w); DecodeError unless it is about one long."""
    square = np.square(quaternion).sum()
    if not abs(square - 1) <= _LARGEST_ERROR:  # so that NaN is refused
        raise DecodeError(source, f"quaternion {tuple(quaternion)}", "one of length 1")
    return np.asarray(_rotation().from_quat(quaternion).as_matrix())


def _rotation() -> Any:
    """SciPy's Rotation. Its import takes a fifth of a node's start, and few nodes turn anything."""
    from scipy.spatial.transform import Rotation

    return Rotation


def pose_form(text: str) -> str:
    """What is expected, if `text` is neither empty nor a pose (see `from_pose`)."""
    return POSE if text and _numbers(text) is None else ""


def from_pose(text: str) -> Matrix:
    """The transform of a sensor's pose, "x y z roll pitch yaw", metres and degrees.

    As static_transform_publisher has it: turned about the fixed axes x, then y, then z. Raises
    ConfigError for anything else than six finite numbers.
    """
    numbers = pose_numbers(text)
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation().from_euler("xyz", numbers[3:], degrees=True).as_matrix()
    matrix[:3, 3] = numbers[:3]
    return matrix


def to_pose(matrix: Matrix) -> str:
    """The pose of a transform as `from_pose` reads it, to a tenth of a millimetre and 0.01°."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # straight up or down many angles say the same
        turned = _rotation().from_matrix(matrix[:3, :3]).as_euler("xyz", degrees=True)
    moved = [round(float(x), 4) + 0.0 for x in matrix[:3, 3]]  # no minus zero
    return " ".join(f"{x:g}" for x in (*moved, *(round(float(x), 2) + 0.0 for x in turned)))


def pose_numbers(text: str) -> list[float]:
    """The six numbers of a pose (see `from_pose`); raises ConfigError for anything else."""
    numbers = _numbers(text)
    if numbers is None:
        raise ConfigError(f"pose {text!r}; expected {POSE}")
    return numbers


def _numbers(pose: str) -> list[float] | None:
    """Its six numbers, or None."""
    try:
        numbers = [float(word) for word in pose.replace(",", " ").split()]
    except ValueError:
        return None
    return numbers if len(numbers) == 6 and all(map(math.isfinite, numbers)) else None


def apply(matrix: Matrix, points_m: FloatArray) -> FloatArray:
    """Points (N, 3) float32, moved; a new array."""
    turn, move = matrix[:3, :3].astype(np.float32), matrix[:3, 3].astype(np.float32)
    moved: FloatArray = points_m @ turn.T + move
    return moved
