"""Rooms of the wide world: walls, floor, ceiling and random furniture as one triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.wide.furniture import draw_furniture
from pta_ros.simulate.wide.meshes import Array, Rng, box, joined, turned

#: An obstacle's circle has this share of the outer radius of what stands there.
CIRCLE = 0.8


@dataclass(frozen=True)
class Room:
    """Its surface, and what stands on the floor as circles (F, 3): x, y and radius, metres."""

    vertices: Array
    faces: NDArray[np.uint32]
    obstacles: Array


def draw_room(rng: Rng) -> Room:
    """A room of random size with up to 14 pieces of furniture; none stands where the sensors do."""
    deep, left, right = rng.uniform([3.2, 1.3, 1.3], [9.5, 4.5, 4.5])
    high, behind = rng.uniform([2.3, 1.0], [3.6, 3.0])
    shell = box((-behind, -right, 0.0), (deep, left, high))
    parts, circles = [shell], []
    for _ in range(int(rng.integers(0, 15))):
        vertices, faces = draw_furniture(rng)
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
        parts.append((turned(vertices, float(rng.uniform(0, 2 * np.pi)), place), faces))
        circles.append((*place, CIRCLE * radius))
    vertices, faces = joined(parts)
    return Room(vertices, faces, np.array(circles).reshape(-1, 3))
