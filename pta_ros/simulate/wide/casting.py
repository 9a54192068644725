"""Rays against meshes: what they hit first, how far away, and in which part of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from pta_ros.sensors.camera import Intrinsics
from pta_ros.simulate.wide.meshes import Mesh
from pta_ros.simulate.wide.mounting import Mount

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
World = o3d.t.geometry.RaycastingScene

_CORE: Any = o3d.core  # its stubs do not know numpy arrays


def world_of(meshes: Sequence[Mesh]) -> World:
    """What rays may hit; a mesh's number is its place in the list."""
    world = World(nthreads=1)
    for corners, faces in meshes:
        world.add_triangles(
            _CORE.Tensor(np.ascontiguousarray(corners, np.float32)),
            _CORE.Tensor(np.ascontiguousarray(faces, np.uint32)),
        )
    return world


def cast(world: World, origin: Array, directions: Float32) -> tuple[Float32, NDArray[np.int64]]:
    """Distances in units of the directions (..., 3), inf for none; numbers of what is hit."""
    rays = np.concatenate(
        [np.broadcast_to(origin.astype(np.float32), directions.shape), directions], axis=-1
    )
    hits = world.cast_rays(_CORE.Tensor(np.ascontiguousarray(rays)), nthreads=1)
    # copies: what open3d returns keeps its own memory alive
    who = hits["geometry_ids"].numpy().astype(np.int64)
    return hits["t_hit"].numpy().copy(), who


def window(corners: Array, mount: Mount, lens: Intrinsics) -> tuple[slice, slice]:
    """The part of a camera's image that may show a mesh; all of it for one that reaches behind."""
    local = (corners - np.asarray(mount.place)) @ mount.optical
    z = local[:, 2]
    if z.max() < 0.0:
        return slice(0, 0), slice(0, 0)
    if z.min() < 0.05:
        return slice(None), slice(None)
    pixels = local[:, :2] / z[:, None] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
    size = (lens.width, lens.height)
    left, top = np.clip(np.floor(pixels.min(0)), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(pixels.max(0)) + 1, 0, size).astype(int)
    return slice(top, bottom), slice(left, right)
