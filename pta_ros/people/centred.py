"""What lies around one person's centre, in a frame that knows no room, lens or place.

Centred frame: origin at the centre of the trunk (midway between pelvis and thorax), x horizontal
along the ray from the sensor, y left, z up; metres. A sensor's reading in it is the same wherever
the person stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import fpsample
import numpy as np
from numpy.typing import NDArray

from pta_ros.people.readings import DepthReading, Float32, LidarReading, Readings, rays_of

#: The depth patch: pixels and metres across, metres of depth on either side of the centre.
PATCH, HALF_M, REACH_M = 96, 1.1, 1.2
PATCH_SHAPE = (2, PATCH, PATCH)
#: The cloud: points, and metres around the centre, across and up.
CLOUD, RADIUS_M, TALL_M = 512, 1.1, 1.3
CLOUD_SHAPE = (CLOUD, 3)
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
    found = depth > 0
    local = rays_of(reading.lens)[window][found] * depth[found][:, None]
    turn = (centre.axes @ reading.rotation).astype(np.float32)
    shift = (centre.axes @ (reading.place - centre.place)).astype(np.float32)
    points = local @ turn.T + shift
    scale = np.float32(PATCH / (2 * HALF_M))
    column = ((np.float32(HALF_M) - points[:, 1]) * scale).astype(np.int32)
    row = ((np.float32(HALF_M) - points[:, 2]) * scale).astype(np.int32)
    near = (np.abs(points) < (REACH_M, HALF_M, HALF_M)).all(axis=1)
    if int(near.sum()) < LEAST_PIXELS:
        return None
    nearest = np.full(PATCH * PATCH, np.inf, np.float32)
    np.minimum.at(nearest, (row * PATCH + column)[near], points[near, 0])
    hit = np.isfinite(nearest)
    state = np.where(_in_image(reading, centre), NOTHING, OUTSIDE)
    return np.stack([np.where(hit, nearest, 0).reshape(PATCH, PATCH), state])


def lidar_cloud(reading: LidarReading, centre: Centre) -> Float32 | None:
    """The cloud (512, 3) of the centred frame in farthest-point order; None for too few points.

    Of fewer than 512 points the whole sequence is repeated.
    """
    away = reading.cloud - centre.place.astype(np.float32)
    own = away[(np.abs(away) < (RADIUS_M, RADIUS_M, TALL_M)).all(axis=1)]
    own = own[np.square(own[:, :2]).sum(axis=1) < RADIUS_M**2] @ centre.axes.T.astype(np.float32)
    if len(own) < LEAST_POINTS:
        return None
    own = own[:: -(-len(own) // (4 * CLOUD))]
    count = min(len(own), CLOUD)
    height = min(5, int(np.log2(len(own))))  # of its tree: 2**height is at most the points
    order = fpsample.bucket_fps_kdline_sampling(own, count, height, start_idx=0)
    return np.asarray(np.resize(own[order], CLOUD_SHAPE), np.float32)


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
    steps = HALF_M * (1 - 2 * (np.arange(PATCH) + 0.5) / PATCH)
    up, left = np.meshgrid(steps, steps, indexing="ij")
    plane = np.stack([np.zeros_like(up), left, up], axis=-1)
    with np.errstate(invalid="ignore"):
        u, v = np.moveaxis(reading.project(centre.to_level(plane)), -1, 0)
        across = (u > -0.5) & (u < reading.lens.width - 0.5)
        return np.asarray(across & (v > -0.5) & (v < reading.lens.height - 0.5))
