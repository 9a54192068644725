"""A sensor's reading and where the sensor stands: points in the level frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pta_ros.sensors.camera import Intrinsics

Float32 = NDArray[np.float32]

#: Rows: the level axes of an optical frame (x right, y down, z forward) that looks ahead, level.
OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
#: Of an image no more pixels than this are turned into points for the search.
_MOST_POINTS = 40_000


@dataclass(frozen=True, eq=False)
class DepthReading:
    """Depth (H, W) metres along the optical axis, 0 or NaN for no return; its lens; its pose.

    `rotation` (3, 3) takes the optical frame to the level frame, `place` (3,) is the camera's.
    """

    depth: Float32
    lens: Intrinsics
    rotation: NDArray[np.float64]
    place: NDArray[np.float64]

    @property
    def step(self) -> int:
        """Every so many rows and columns are looked at by the search."""
        return max(1, int(np.ceil(np.sqrt(self.depth.size / _MOST_POINTS))))

    def rays(self, step: int = 1) -> Float32:
        """Directions (3, H, W) of every n-th pixel in the level frame, one along the optical axis.

        A point is its depth times the direction, and `place`.
        """
        return _level_rays(self.lens, self.rotation.tobytes(), step)

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels (..., 2) (u, v) of points (..., 3) of the level frame; NaN behind the camera."""
        local = (points - self.place) @ self.rotation
        z = np.where(local[..., 2] > 0.05, local[..., 2], np.nan)
        pixels = local[..., :2] / z[..., None]
        return np.asarray(
            pixels * (self.lens.fx, self.lens.fy) + (self.lens.cx, self.lens.cy), np.float64
        )


@dataclass(frozen=True, eq=False)
class LidarReading:
    """Points (N, 3) of one scan, already in the level frame, and the LiDAR's `place` (3,)."""

    cloud: Float32
    place: NDArray[np.float64]

    @classmethod
    def of(
        cls, points: Float32, rotation: NDArray[np.float64], place: NDArray[np.float64]
    ) -> LidarReading:
        """A scan in the LiDAR's own frame, whose pose in the level frame is given."""
        # The coordinates stay three rows in memory, as they are decoded.
        rows = rotation.astype(np.float32) @ points.T + place.astype(np.float32)[:, None]
        return cls(rows.T, place)


@dataclass(frozen=True, eq=False)
class Readings:
    """What is LIVE at one instant; None is absent."""

    depth: DepthReading | None = None
    lidar: LidarReading | None = None


@lru_cache(maxsize=8)
def rays_of(lens: Intrinsics) -> Float32:
    """Directions (H, W, 3) of the pixels with z = 1, distortion undone."""
    v, u = np.mgrid[: lens.height, : lens.width].astype(np.float64)
    x, y = (u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy
    if lens.distortion:
        import cv2  # late: a model is read and checked without it

        matrix = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1.0]])
        pixels = np.stack([u, v], axis=-1).reshape(-1, 1, 2)
        bent = cv2.undistortPoints(pixels, matrix, np.array(lens.distortion))
        x, y = bent.reshape(lens.height, lens.width, 2).transpose(2, 0, 1)
    out = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float32)
    out.flags.writeable = False
    return out


@lru_cache(maxsize=16)
def _level_rays(lens: Intrinsics, rotation: bytes, step: int) -> Float32:
    turn = np.frombuffer(rotation, np.float64).reshape(3, 3).astype(np.float32)
    rays = rays_of(lens)[::step, ::step]
    out = np.ascontiguousarray(np.moveaxis(rays @ turn.T, -1, 0))
    out.flags.writeable = False
    return out
