"""From a joint's mark in a depth image to the joint in space, in the camera's optical frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.frames.read import Frame
from pta_ros.people.readings import rays_of
from pta_ros.skeleton import JOINT_NAMES

Array = NDArray[np.float64]

#: How far a joint lies under the skin that is seen, along the ray, metres: about half of how thick
#: an adult is there (head 0.18, trunk 0.24, hip 0.20, shoulder 0.12, knee 0.12, ankle 0.08).
SKIN_M = {
    "pelvis": 0.12, "spine": 0.12, "thorax": 0.12, "neck": 0.06, "head": 0.09,
    **dict.fromkeys(("left_shoulder", "right_shoulder"), 0.06),
    **dict.fromkeys(("left_elbow", "right_elbow"), 0.04),
    **dict.fromkeys(("left_wrist", "right_wrist"), 0.03),
    **dict.fromkeys(("left_hip", "right_hip"), 0.10),
    **dict.fromkeys(("left_knee", "right_knee"), 0.06),
    **dict.fromkeys(("left_ankle", "right_ankle"), 0.04),
}  # fmt: skip
#: Error of a mark, per axis, metres: 15 pixels of 580 at 1.2 m.
MARK_M = 0.03
#: Pixels to either side of a mark that are looked at; where none has a return, the next.
_HALVES = (4, 8, 16)
#: The nearest surface: within this of the nearest depth that so many of the pixels share.
_BAND_M, _SHARE = 0.08, 0.2
#: Nearer to the person's middle than an arm is long, or else this near.
_ARM_M, _BODY_M = 0.9, 0.25
_NECK, _HEAD = JOINT_NAMES.index("neck"), JOINT_NAMES.index("head")


def marked_joints(frame: Frame) -> dict[str, Array]:
    """The marked joints (3,), metres, x right, y down, z ahead; without those that have no depth.

    Depth is the median of the 9 x 9 pixels around the mark that lie on the nearest surface there
    (17 x 17 or 33 x 33 where the sensor has a hole). A surface farther from the median of all
    marks than an arm is long is somebody else's: then the pixels within 0.25 m of it count.
    """
    depth = frame.depth.depth
    around = {joint: _around(depth, mark) for joint, mark in frame.marks.items()}
    surface = {joint: _nearest(values) for joint, values in around.items() if len(values)}
    if not surface:
        return {}
    middle = float(np.median(list(surface.values())))
    found = {}
    for joint, z in surface.items():
        if abs(z - middle) > _ARM_M:
            own = around[joint][np.abs(around[joint] - middle) < _BODY_M]
            if not len(own):
                continue
            z = float(np.median(own))
        ray = _ray(frame, frame.marks[joint])
        found[joint] = ray * (z + SKIN_M[joint] / float(np.linalg.norm(ray)))
    return found


def as_marked(joint: str, values: Array) -> Array:
    """What a mark of `joint` corresponds to in `values` (17, ...).

    A head is marked in its middle, which lies between the joints neck (below it) and head (near
    its top); every other mark is the joint itself.
    """
    if joint == "head":
        return np.asarray(0.5 * (values[_NECK] + values[_HEAD]))
    return np.asarray(values[JOINT_NAMES.index(joint)])


def _around(depth: NDArray[np.float32], mark: tuple[float, float]) -> Array:
    """Depths of the returns around a mark, metres; empty where there is a large hole."""
    u, v = (round(value) for value in mark)
    for half in _HALVES:
        rows, columns = (slice(max(0, n - half), n + half + 1) for n in (v, u))
        values = depth[rows, columns]
        values = values[np.isfinite(values) & (values > 0)]
        if len(values):
            break
    return values.astype(np.float64)


def _nearest(values: Array) -> float:
    """Depth of the nearest surface that a fifth of the pixels belong to, metres."""
    ordered = np.sort(values)
    ends = np.searchsorted(ordered, ordered + _BAND_M, side="right")
    enough = ends - np.arange(len(ordered)) >= max(1.0, _SHARE * len(ordered))
    first = int(np.argmax(enough))
    start = float(np.median(ordered[first : ends[first]]))
    return float(np.median(ordered[np.abs(ordered - start) < _BAND_M]))


def _ray(frame: Frame, mark: tuple[float, float]) -> Array:
    """The direction (3,) of a mark with z = 1: its pixel's, and the part of a pixel beyond it."""
    lens = frame.depth.lens
    u = min(max(round(mark[0]), 0), lens.width - 1)
    v = min(max(round(mark[1]), 0), lens.height - 1)
    beyond = np.array([(mark[0] - u) / lens.fx, (mark[1] - v) / lens.fy, 0.0])
    return np.asarray(rays_of(lens)[v, u] + beyond)
