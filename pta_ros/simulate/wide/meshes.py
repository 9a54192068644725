"""Triangle meshes of the wide world's things: boxes, pillars, and several as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rng = np.random.Generator
#: Vertices (V, 3) metres, and triangles (F, 3).
Mesh = tuple[Array, NDArray[np.uint32]]

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
_BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6],
     [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]], np.uint32,
)  # fmt: skip


def box(low: Sequence[float], high: Sequence[float]) -> Mesh:
    """An axis-parallel box between two corners."""
    low_corner, high_corner = np.array(low, float), np.array(high, float)
    return low_corner + _CORNERS * (high_corner - low_corner), _BOX_FACES


def pillar(radius_m: float, low_m: float, high_m: float, top: float = 1.0, sides: int = 12) -> Mesh:
    """An upright cylinder, or a cone whose upper radius is `top` of the lower one."""
    turn = 2 * np.pi * np.arange(sides) / sides
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius_m
    lower = np.column_stack([ring, np.full(sides, low_m)])
    upper = np.column_stack([ring * top, np.full(sides, high_m)])
    ends = np.array([[0.0, 0.0, low_m], [0.0, 0.0, high_m]])
    i, j = np.arange(sides), (np.arange(sides) + 1) % sides
    faces = [np.stack([i, j, i + sides], 1), np.stack([j, j + sides, i + sides], 1)]
    faces += [np.stack([j, i, np.full(sides, 2 * sides)], 1)]
    faces += [np.stack([i + sides, j + sides, np.full(sides, 2 * sides + 1)], 1)]
    return np.concatenate([lower, upper, ends]), np.concatenate(faces).astype(np.uint32)


def joined(parts: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    before = np.cumsum([0, *(len(v) for v, _ in parts[:-1])])
    faces = [f + np.uint32(n) for (_, f), n in zip(parts, before, strict=True)]
    return np.concatenate([v for v, _ in parts]), np.concatenate(faces).astype(np.uint32)


def turned(vertices: Array, yaw: float, place: tuple[float, float]) -> Array:
    """Vertices turned about the upright axis (rad), then moved to `place` (x, y)."""
    c, s = np.cos(yaw), np.sin(yaw)
    about = vertices @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(about + np.array([*place, 0.0]))
