"""What of a person whose joints are known a sensor's reading shows: joints in sight, and how much.

A joint counts as seen where the reading has a surface near it: it lies within the body, a hand's
breadth or two behind what returns. What stands before it returns elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pta_ros.people.readings import DepthReading, LidarReading
from pta_ros.skeleton import BONES, NUM_JOINTS

Array = NDArray[np.float64]

#: So near to a joint or bone what returns is the body's surface, metres.
_NEAR_M = 0.2
#: Of the part of an image that shows a person every so many pixels a side are looked at.
_MOST_PIXELS = 120
#: Places on a bone, as shares of its length, that stand for it beside its ends.
_ALONG = np.array([0.25, 0.5, 0.75])


class Sight(NamedTuple):
    """Which joints (17,) a reading shows, and the amount of its pixels or points on the body."""

    joints: NDArray[np.bool_]
    amount: int


NOTHING = Sight(np.zeros(NUM_JOINTS, bool), 0)


def seen_by_lidar(reading: LidarReading, joints: Array) -> Sight:
    """What a scan shows of joints (17, 3), both in the level frame."""
    low, high = joints.min(axis=0) - _NEAR_M, joints.max(axis=0) + _NEAR_M
    inside = ((reading.cloud >= low) & (reading.cloud <= high)).all(axis=1)
    return _near(reading.cloud[inside].astype(np.float64), joints)


def seen_by_camera(reading: DepthReading, joints: Array) -> Sight:
    """What an image shows of joints (17, 3) of the level frame."""
    pixels = reading.project(joints)
    if not np.isfinite(pixels).any():
        return NOTHING
    nearest = max(float(((joints - reading.place) @ reading.rotation)[:, 2].min()), 0.3)
    margin = _NEAR_M * max(reading.lens.fx, reading.lens.fy) / nearest
    size = reading.lens.width, reading.lens.height
    left, top = np.clip(np.nanmin(pixels, axis=0) - margin, 0, size).astype(int)
    right, bottom = np.clip(np.nanmax(pixels, axis=0) + margin, 0, size).astype(int)
    if right - left < 2 or bottom - top < 2:
        return NOTHING
    step = 1 + max(right - left, bottom - top) // _MOST_PIXELS
    window = slice(top, bottom, step), slice(left, right, step)
    depth = reading.depth[window].reshape(-1)
    rays = reading.rays()[:, window[0], window[1]].reshape(3, -1)
    found = depth > 0
    points = (rays[:, found] * depth[found]).T + reading.place
    seen = _near(points, joints)
    return Sight(seen.joints, seen.amount * step * step)


def _near(points: Array, joints: Array) -> Sight:
    """Of surface points (N, 3) those that are the body's."""
    if not len(points):
        return NOTHING
    parents, children = (joints[list(ends)] for ends in zip(*BONES, strict=True))
    along = parents[:, None] + _ALONG[:, None] * (children - parents)[:, None]
    body = cKDTree(np.concatenate([joints, along.reshape(-1, 3)]))
    away, _ = body.query(points, distance_upper_bound=_NEAR_M)
    on_body = points[np.isfinite(away)]
    if not len(on_body):
        return NOTHING
    away, _ = cKDTree(on_body).query(joints, distance_upper_bound=_NEAR_M)
    return Sight(np.isfinite(away), len(on_body))
