"""Rooms of the wide world: walls, floor, ceiling and random furniture as one triangle mesh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rng = np.random.Generator
Mesh = tuple[Array, NDArray[np.uint32]]

#: An obstacle's circle has this share of the outer radius of what stands there.
CIRCLE = 0.8
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
_BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6],
     [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]], np.uint32,
)  # fmt: skip


@dataclass(frozen=True)
class Room:
    """Its surface, and what stands on the floor as circles (F, 3): x, y and radius, metres."""

    vertices: Array
    faces: NDArray[np.uint32]
    obstacles: Array


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


def _legs(half: float, depth: float, high: float, thick: float = 0.02) -> list[Mesh]:
    places = [(x, y) for x in (-half, half) for y in (-depth, depth)]
    return [box((x - thick, y - thick, 0), (x + thick, y + thick, high)) for x, y in places]


def _cabinet(rng: Rng) -> Mesh:
    w, d, h = rng.uniform([0.2, 0.2, 0.5], [0.9, 0.35, 2.1])
    return box((-w, -d, 0), (w, d, h))


def _table(rng: Rng) -> Mesh:
    w, d, h = rng.uniform([0.3, 0.25, 0.4], [0.9, 0.5, 1.05])
    on_top = [box((0.0, -0.15, h), (0.1, 0.2, h + float(rng.uniform(0.05, 0.5))))]
    return joined([box((-w, -d, h - 0.03), (w, d, h)), *_legs(w - 0.05, d - 0.05, h), *on_top])


def _chair(rng: Rng) -> Mesh:
    seat, back = rng.uniform([0.4, 0.75], [0.52, 1.2])
    parts = [box((-0.22, -0.22, seat - 0.05), (0.22, 0.22, seat))]
    parts += [box((-0.25, -0.2, seat), (-0.19, 0.2, back))]
    foot = _legs(0.2, 0.2, seat) if rng.random() < 0.6 else [pillar(0.04, 0.0, seat)]
    return joined(parts + foot)


def _sofa(rng: Rng) -> Mesh:
    w = float(rng.uniform(0.6, 1.1))
    parts = [box((-0.4, -w, 0.05), (0.4, w, 0.42)), box((-0.45, -w, 0.05), (-0.2, w, 0.85))]
    return joined([*parts, box((-0.4, -w, 0), (0.4, 0.15 - w, 0.6))])


def _column(rng: Rng) -> Mesh:
    return pillar(float(rng.uniform(0.06, 0.3)), 0.0, float(rng.uniform(0.6, 3.0)))


def _coat_stand(rng: Rng) -> Mesh:
    """Something upright of a person's size that is no person."""
    low, high = rng.uniform([0.5, 1.3], [1.1, 1.8])
    coat = pillar(float(rng.uniform(0.12, 0.3)), low, high, float(rng.uniform(0.3, 0.9)))
    stand = [pillar(0.025, 0.0, high + 0.1), pillar(0.2, 0.0, 0.04)]
    hat = [pillar(0.11, high, high + 0.15)] if rng.random() < 0.3 else []
    return joined([coat, *stand, *hat])


def _plant(rng: Rng) -> Mesh:
    parts = [pillar(0.17, 0.0, 0.35, 1.2), pillar(0.02, 0.3, 1.0)]
    for _ in range(int(rng.integers(4, 12))):
        x, y, z = rng.uniform([-0.35, -0.35, 0.5], [0.35, 0.35, 1.7])
        size = rng.uniform(0.03, 0.2, 3)
        parts.append(box((x, y, z), (x + size[0], y + size[1], z + size[2])))
    return joined(parts)


def _lamp(rng: Rng) -> Mesh:
    high = float(rng.uniform(1.2, 1.9))
    shade = pillar(0.2, high, high + 0.3, 0.6)
    return joined([pillar(0.15, 0.0, 0.03), pillar(0.02, 0.0, high), shade])


def _clutter(rng: Rng) -> Mesh:
    parts, top = [], 0.0
    for _ in range(int(rng.integers(1, 5))):
        w, d, h = rng.uniform([0.08, 0.08, 0.08], [0.35, 0.35, 0.5])
        parts.append(box((-w, -d, top), (w, d, top + h)))
        top += h
    return joined(parts)


_FURNITURE: tuple[Callable[[Rng], Mesh], ...] = (
    _cabinet, _table, _chair, _chair, _sofa, _column, _coat_stand, _plant, _lamp, _clutter,
)  # fmt: skip


def draw_room(rng: Rng) -> Room:
    """A room of random size with up to 14 pieces of furniture; none stands where the sensors do."""
    deep, left, right = rng.uniform([3.2, 1.3, 1.3], [9.5, 4.5, 4.5])
    high, behind = rng.uniform([2.3, 1.0], [3.6, 3.0])
    shell = box((-behind, -right, 0.0), (deep, left, high))
    parts, circles = [shell], []
    for _ in range(int(rng.integers(0, 15))):
        vertices, faces = _FURNITURE[rng.integers(len(_FURNITURE))](rng)
        radius = float(np.linalg.norm(vertices[:, :2], axis=1).max())
        if rng.random() < 0.6:  # along a wall, as most furniture is
            at_back = rng.random() < 0.4
            side = rng.choice([-right + radius, left - radius])
            place = (deep - radius, rng.uniform(-right, left)) if at_back else (
                rng.uniform(0.8, deep), side)  # fmt: skip
        else:
            place = (rng.uniform(1.0, deep), rng.uniform(-right, left))
        if np.hypot(*place) < radius + 0.4:
            continue
        parts.append((_turned(vertices, float(rng.uniform(0, 2 * np.pi)), place), faces))
        circles.append((*place, CIRCLE * radius))
    vertices, faces = joined(parts)
    return Room(vertices, faces, np.array(circles).reshape(-1, 3))


def _turned(vertices: Array, yaw: float, place: tuple[float, float]) -> Array:
    c, s = np.cos(yaw), np.sin(yaw)
    turned = vertices @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(turned + np.array([*place, 0.0]))
