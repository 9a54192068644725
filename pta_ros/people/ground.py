"""How a depth camera stands, read off the floor that it sees: height, pitch and roll."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.people.readings import OPTICAL, Float32, rays_of
from pta_ros.sensors.camera import Intrinsics

Array = NDArray[np.float64]

#: A floor's normal lies within this of the camera's own up, and so far below the camera.
MOST_TILT_DEG, HEIGHTS_M = 35.0, (0.2, 2.5)
#: Least share of all returns on the floor, most share that may lie below it, its least size
#: (standard deviation along its shorter side, metres), and how far a cell of it may face aside.
_LEAST_SHARE, _MOST_BELOW, _LEAST_SPREAD_M, _ALIKE_DEG = 0.03, 0.02, 0.15, 25.0
#: Cells of the image that are looked at, along its longer side; and least cells with a return.
_CELLS, _LEAST_CELLS = 120, 200
_HYPOTHESES, _ROUNDS = 400, 3


@dataclass(frozen=True)
class Stance:
    """A camera's height over the floor (metres), pitch (positive looks down) and roll, degrees."""

    height_m: float = 1.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    @property
    def rotation(self) -> Array:
        """(3, 3) from the optical frame to the level frame; the camera's heading is its x axis."""
        pitch, roll = np.deg2rad([self.pitch_deg, self.roll_deg])
        cp, sp, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
        about_left = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
        about_ahead = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
        return np.asarray(about_left @ about_ahead @ OPTICAL)

    @property
    def place(self) -> Array:
        """The camera's place (3,) in the level frame, metres."""
        return np.array([0.0, 0.0, self.height_m])


def stance_on_floor(depth: Float32, lens: Intrinsics) -> Stance | None:
    """The stance of a camera from the floor in its `depth` (H, W) metres, 0 for no return.

    The floor is the largest plane that faces up, more or less, with next to nothing below it. None
    where no plane of the image can be the floor: out of sight, too small, or below a table's top.
    """
    points, flat, facing = _cells(depth, lens)
    if len(points) < _LEAST_CELLS or len(flat) < _LEAST_SHARE * len(points):
        return None
    normals, offsets = _hypotheses(flat)
    if not len(normals):
        return None
    below = (points @ normals.T + offsets < -3.0 * _tolerance(points)[:, None]).mean(0)
    inside = np.abs(flat @ normals.T + offsets) < _tolerance(flat)[:, None]
    count = (inside & (facing @ normals.T > np.cos(np.deg2rad(_ALIKE_DEG)))).sum(0)
    count[below > _MOST_BELOW] = 0
    best = int(count.argmax())
    if count[best] < _LEAST_SHARE * len(points):
        return None
    return _refined(points, normals[best], float(offsets[best]))


def _cells(depth: Float32, lens: Intrinsics) -> tuple[Array, Array, Array]:
    """Points (N, 3), x ahead, y left, z up of the camera; those (M, 3) that lie on what faces up,
    and the unit normals (M, 3) of it there."""
    step = max(1, -(-max(depth.shape) // _CELLS))
    z = np.nan_to_num(depth[::step, ::step].astype(np.float64), nan=0.0, posinf=0.0)
    grid = (rays_of(lens)[::step, ::step] * z[..., None]) @ OPTICAL.T
    found = z > 0
    normal = np.zeros_like(grid)
    reach = 2  # cells to either side: noise of neighbours alone would tilt it
    middle = slice(reach, -reach)
    across = grid[middle, 2 * reach :] - grid[middle, : -2 * reach]
    down = grid[2 * reach :, middle] - grid[: -2 * reach, middle]
    cross = np.cross(down, across)
    length = np.linalg.norm(cross, axis=-1, keepdims=True)
    normal[middle, middle] = cross / np.maximum(length, 1e-9)
    whole = np.zeros(found.shape, bool)
    whole[middle, middle] = (
        found[middle, 2 * reach :] & found[middle, : -2 * reach]
        & found[2 * reach :, middle] & found[: -2 * reach, middle]
    )  # fmt: skip
    normal[normal[..., 2] < 0] *= -1.0
    whole &= normal[..., 2] > np.cos(np.deg2rad(MOST_TILT_DEG + 10.0))
    return grid[found], grid[whole], normal[whole]


def _hypotheses(points: Array) -> tuple[Array, Array]:
    """Planes through three points each: unit normals (K, 3), offsets (K,), all plausible floors."""
    rng = np.random.default_rng(0)  # the same image gives the same answer
    one, two, three = points[rng.integers(len(points), size=(3, _HYPOTHESES))]
    normals = np.cross(two - one, three - one)
    size = np.linalg.norm(normals, axis=1)
    normals /= np.maximum(size, 1e-9)[:, None]
    normals[normals[:, 2] < 0] *= -1.0
    offsets = -(normals * one).sum(1)
    kept = (size > 1e-3) & _plausible(normals, offsets)
    return normals[kept], offsets[kept]


def _refined(points: Array, normal: Array, offset: float) -> Stance | None:
    """The plane fitted to all points near it; None where it is no floor after all."""
    near = _tolerance(points)
    for _ in range(_ROUNDS):
        own = points[np.abs(points @ normal + offset) < near]
        if len(own) < _LEAST_SHARE * len(points):
            return None
        _, spread, axes = np.linalg.svd(own - own.mean(0), full_matrices=False)
        normal = axes[2] if axes[2, 2] > 0 else -axes[2]
        offset = -float(normal @ own.mean(0))
    below = float((points @ normal + offset < -3.0 * near).mean())
    flat = spread[1] / np.sqrt(len(own)) >= _LEAST_SPREAD_M
    if below > _MOST_BELOW or not flat or not _plausible(normal[None], np.array([offset]))[0]:
        return None
    pitch = float(np.rad2deg(-np.arcsin(np.clip(normal[0], -1, 1))))
    return Stance(offset, pitch, float(np.rad2deg(np.arctan2(normal[1], normal[2]))))


def _tolerance(points: Array) -> Array:
    """How far a point of the floor may be off it (N,), metres: depth is noisier farther away."""
    return np.asarray(0.02 + 0.006 * np.linalg.norm(points, axis=1) ** 1.5)


def _plausible(normals: Array, offsets: Array) -> NDArray[np.bool_]:
    upright = normals[:, 2] > np.cos(np.deg2rad(MOST_TILT_DEG))
    return np.asarray(upright & (offsets > HEIGHTS_M[0]) & (offsets < HEIGHTS_M[1]))
