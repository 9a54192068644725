"""What lies around one person's centre, in a frame that knows no room, lens or place.

Centred frame: origin at the centre of the trunk (midway between pelvis and thorax), x horizontal
along the ray from the sensor, y left, z up; metres. A sensor's reading in it is the same wherever
the person stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.people.readings import DepthReading, Float32, LidarReading, Readings

#: The depth patch: pixels and metres across, metres of depth on either side of the centre.
PATCH, HALF_M, REACH_M = 96, 1.1, 1.2
PATCH_SHAPE = (2, PATCH, PATCH)
#: The cloud: points, and metres around the centre, across and up.
CLOUD, RADIUS_M, TALL_M = 1024, 1.1, 1.3
CLOUD_SHAPE = (CLOUD, 3)
#: Every coordinate of a row of the cloud that holds no point: so far away it is in no picture.
ABSENT_M = 9.0
#: Second channel of a patch: outside of the image; inside, nothing within reach; a return.
OUTSIDE, NOTHING, RETURN = 0.0, 1.0, 2.0
#: Enough of a reading to say anything about a person.
LEAST_PIXELS, LEAST_POINTS = 60, 12
_MOST_PIXELS = 160  # along one side of the part of the image that is looked at


@dataclass(frozen=True, eq=False)
class Centre:
    """A person's centre (3,) in the level frame; rows of `axes` (3, 3) are x, y, z of its frame."""

    place: NDArray[np.float64]
    axes: NDArray[np.float64]

    def to_level(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 3) of the centred frame in the level frame."""
        return np.asarray(points @ self.axes + self.place, np.float64)

    def to_centred(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 3) of the level frame in the centred one."""
        return np.asarray((points - self.place) @ self.axes.T, np.float64)


def trunk(joints: NDArray[np.floating]) -> NDArray[np.float64]:
    """The centre (..., 3) of joints (..., 17, 3): midway between pelvis and thorax."""
    return np.asarray(0.5 * (joints[..., 0, :] + joints[..., 8, :]), np.float64)


def centre_at(place: NDArray[np.floating], readings: Readings) -> Centre:
    """The frame at `place` (3,), turned to the ray of the camera, or without one of the LiDAR."""
    sensor = readings.depth or readings.lidar
    eye = np.zeros(3) if sensor is None else sensor.place
    ray = np.asarray(place[:2] - eye[:2], np.float64)
    length = np.hypot(*ray)
    x, y = ray / length if length > 1e-3 else (1.0, 0.0)
    axes = np.array([[x, y, 0.0], [-y, x, 0.0], [0.0, 0.0, 1.0]])
    return Centre(np.asarray(place, np.float64), axes)


def depth_patch(reading: DepthReading, centre: Centre) -> Float32 | None:
    """The patch (2, 96, 96): depth from the centre along x (metres), and the state of each pixel.

    Orthographic, seen along x: rows go down, columns to the right. None when fewer than
    LEAST_PIXELS returns lie within. Where the state is not RETURN the depth means nothing.
    """
    window = _window(reading, centre)
    if window is None:
        return None
    depth = reading.depth[window]
    found = np.flatnonzero(depth > 0)
    z = depth.reshape(-1)[found]
    local = [ray[window].reshape(-1)[found] * z for ray in reading.rays()]
    shift = (centre.axes @ (reading.place - centre.place)).astype(np.float32)
    x, y = centre.axes[:2, :2].astype(np.float32) @ local[:2] + shift[:2, None]
    up = local[2] + shift[2]
    near = np.flatnonzero((np.abs(x) < REACH_M) & (np.abs(y) < HALF_M) & (np.abs(up) < HALF_M))
    if len(near) < LEAST_PIXELS:
        return None
    scale = np.float32(PATCH / (2 * HALF_M))
    column = ((np.float32(HALF_M) - y[near]) * scale).astype(np.intp)
    row = ((np.float32(HALF_M) - up[near]) * scale).astype(np.intp)
    nearest = np.full(PATCH * PATCH, np.inf, np.float32)
    np.minimum.at(nearest, row * PATCH + column, x[near])
    hit = np.isfinite(nearest)
    state = np.where(_in_image(reading, centre), np.float32(NOTHING), np.float32(OUTSIDE))
    state.reshape(-1)[hit] = RETURN
    return np.stack([np.where(hit, nearest, 0).reshape(PATCH, PATCH), state])


def lidar_cloud(reading: LidarReading, centre: Centre) -> Float32 | None:
    """The cloud (1024, 3) of the centred frame; None when fewer than LEAST_POINTS lie within.

    Of more points every n-th is taken; rows without a point hold ABSENT_M.
    """
    x, y, up = reading.cloud.T
    place = centre.place.astype(np.float32)
    # Axis by axis, each of what is left: most points are far from anybody.
    near = np.flatnonzero(np.abs(x - place[0]) < RADIUS_M)
    near = near[np.abs(y[near] - place[1]) < RADIUS_M]
    near = near[np.abs(up[near] - place[2]) < TALL_M]
    away = np.stack([x[near], y[near], up[near]], axis=1) - place
    away = away[np.square(away[:, :2]).sum(axis=1) < RADIUS_M**2]
    if len(away) < LEAST_POINTS:
        return None
    away = away[:: -(-len(away) // CLOUD)]
    cloud = np.full(CLOUD_SHAPE, ABSENT_M, np.float32)
    cloud[: len(away)] = away @ centre.axes.T.astype(np.float32)
    return cloud


def _window(reading: DepthReading, centre: Centre) -> tuple[slice, slice] | None:
    """The part of the image that shows the cube around the centre, thinned; None: outside."""
    across = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-1, 1) for z in (-1, 1)])
    corners = centre.to_level(across * (REACH_M, HALF_M, HALF_M))
    pixels = reading.project(corners)
    lens = reading.lens
    if not np.isfinite(pixels).any():
        return None
    if not np.isfinite(pixels).all():  # so near that a corner is behind the camera
        low, high = np.zeros(2), np.array([lens.width, lens.height], float)
    else:
        low, high = pixels.min(axis=0), pixels.max(axis=0)
    size = (lens.width, lens.height)
    left, top = np.clip(np.floor(low), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(high) + 1, 0, size).astype(int)
    if right - left < 2 or bottom - top < 2:
        return None
    step = max(1, (high - low).max() // _MOST_PIXELS)
    return slice(top, bottom, int(step)), slice(left, right, int(step))


def _in_image(reading: DepthReading, centre: Centre) -> NDArray[np.bool_]:
    """Which pixels of the patch (96, 96), at the centre's depth, the image shows."""
    steps = (HALF_M * (1 - 2 * (np.arange(PATCH) + 0.5) / PATCH)).astype(np.float32)
    middle = (centre.place - reading.place) @ reading.rotation
    left, up = centre.axes[1:] @ reading.rotation
    x, y, z = (
        np.float32(m) + np.float32(a) * steps + np.float32(b) * steps[:, None]
        for m, a, b in zip(middle, left, up, strict=True)
    )
    lens = reading.lens
    u, v = lens.fx * x + (lens.cx + 0.5) * z, lens.fy * y + (lens.cy + 0.5) * z  # times depth
    inside: NDArray[np.bool_] = (
        (z > 0.05) & (u > 0) & (u < lens.width * z) & (v > 0) & (v < lens.height * z)
    )
    return inside
