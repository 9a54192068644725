"""Furniture of the wide world, much of it of a person's size or shape; sizes in metres.

Every piece stands on the floor around the origin. Chairs look along x.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pta_ros.simulate.wide.meshes import Mesh, Rng, box, joined, pillar, turned


def draw_furniture(rng: Rng) -> Mesh:
    """A random piece."""
    return _ALL[rng.integers(len(_ALL))](rng)


def draw_chair(rng: Rng, seat_m: float) -> Mesh:
    """A random chair whose seat is `seat_m` high."""
    make = (_plain_chair, _open_chair, _open_chair, _office_chair)[rng.integers(4)]
    parts = [make(rng, seat_m)]
    back = seat_m + 0.5
    if rng.random() < 0.15:  # a jacket over its back
        low = float(rng.uniform(seat_m - 0.2, seat_m + 0.2))
        thick, wide = rng.uniform([0.05, 0.2], [0.12, 0.3])
        parts.append(box((-0.22 - thick, -wide, low), (-0.16, wide, back)))
    return joined(parts)


def _legs(half: float, depth: float, high: float, thick: float = 0.02) -> list[Mesh]:
    places = [(x, y) for x in (-half, half) for y in (-depth, depth)]
    return [box((x - thick, y - thick, 0), (x + thick, y + thick, high)) for x, y in places]


def _seat(seat: float, half: float = 0.22) -> Mesh:
    return box((-half, -half, seat - 0.05), (half, half, seat))


def _plain_chair(rng: Rng, seat: float) -> Mesh:
    """With a closed back."""
    back = seat + float(rng.uniform(0.3, 0.7))
    foot = _legs(0.2, 0.2, seat) if rng.random() < 0.6 else [pillar(0.04, 0.0, seat)]
    return joined([_seat(seat), box((-0.25, -0.2, seat), (-0.19, 0.2, back)), *foot])


def _open_chair(rng: Rng, seat: float) -> Mesh:
    """Two posts with rails across or spindles upright, sometimes with arms."""
    top = seat + float(rng.uniform(0.35, 0.65))
    half, thick = rng.uniform([0.16, 0.012], [0.23, 0.025])
    posts = [(-0.22, y) for y in (-half, half)]
    parts = [box((x - thick, y - thick, 0), (x + thick, y + thick, top)) for x, y in posts]
    rail = float(rng.uniform(0.03, 0.14))
    parts.append(box((-0.235, -half, top - rail), (-0.205, half, top)))
    count = int(rng.integers(0, 6))
    for place in np.linspace(0.15, 0.85, count) if rng.random() < 0.5 else ():
        z = seat + place * (top - rail - seat)
        parts.append(box((-0.23, -half, z - 0.02), (-0.21, half, z + 0.02)))
    for y in np.linspace(-half, half, count + 2)[1:-1] if len(parts) == 3 else ():
        parts.append(box((-0.23, y - 0.012, seat), (-0.21, y + 0.012, top)))
    if rng.random() < 0.35:
        arm = seat + float(rng.uniform(0.15, 0.28))
        for y in (-half - 0.03, half + 0.03):
            parts.append(box((-0.22, y - 0.025, arm - 0.03), (0.18, y + 0.025, arm)))
            parts.append(box((0.14, y - 0.02, 0.0), (0.18, y + 0.02, arm)))
    return joined([_seat(seat, half), *parts, *_legs(0.18, half, seat)])


def _office_chair(rng: Rng, seat: float) -> Mesh:
    """On a column with five feet; its back leaves a gap and may carry a head's rest."""
    gap, high, half = rng.uniform([0.02, 0.3, 0.17], [0.2, 0.6, 0.26])
    parts = [pillar(0.035, 0.05, seat), _seat(seat, 0.24)]
    for turn in 2 * np.pi * np.arange(5) / 5:
        foot, faces = box((0.0, -0.03, 0.04), (0.32, 0.03, 0.09))
        parts.append((turned(foot, float(turn), (0.0, 0.0)), faces))
    parts.append(box((-0.27, -0.04, seat - 0.05), (-0.23, 0.04, seat + gap + 0.1)))
    parts.append(box((-0.28, -half, seat + gap), (-0.2, half, seat + gap + high)))
    if rng.random() < 0.4:
        low = seat + gap + high + float(rng.uniform(0.02, 0.08))
        parts.append(box((-0.28, -0.12, low), (-0.2, 0.12, low + float(rng.uniform(0.1, 0.2)))))
    if rng.random() < 0.6:
        for y in (-0.27, 0.27):
            parts.append(box((-0.12, y - 0.03, seat + 0.2), (0.14, y + 0.03, seat + 0.23)))
            parts.append(box((-0.02, y - 0.02, seat - 0.05), (0.02, y + 0.02, seat + 0.2)))
    return joined(parts)


def _chair(rng: Rng) -> Mesh:
    return draw_chair(rng, float(rng.uniform(0.4, 0.56)))


def _laden_chair(rng: Rng) -> Mesh:
    """A chair on whose seat something stands: a bag, a parcel, a pile."""
    seat = float(rng.uniform(0.4, 0.52))
    wide, high = rng.uniform([0.1, 0.1], [0.22, 0.55])
    parts = [draw_chair(rng, seat), box((-0.15, -wide, seat), (0.18, wide, seat + high))]
    if rng.random() < 0.4:
        parts.append(pillar(0.09, seat + high, seat + high + 0.2))
    return joined(parts)


def _cabinet(rng: Rng) -> Mesh:
    w, d, h = rng.uniform([0.2, 0.2, 0.5], [0.9, 0.35, 2.1])
    return box((-w, -d, 0), (w, d, h))


def _shelves(rng: Rng) -> Mesh:
    """Open boards with things on them."""
    w, d, h = rng.uniform([0.25, 0.12, 0.7], [0.8, 0.25, 2.1])
    parts = [box((x - 0.015, -d, 0), (x + 0.015, d, h)) for x in (-w, w)]
    for z in np.linspace(0.1, h - 0.02, int(rng.integers(2, 6))):
        parts.append(box((-w, -d, z), (w, d, z + 0.02)))
        for x in rng.uniform(-w, w - 0.1, int(rng.integers(0, 4))):
            parts.append(box((x, -d, z), (x + 0.1, d, z + float(rng.uniform(0.05, 0.3)))))
    return joined(parts)


def _table(rng: Rng) -> Mesh:
    w, d, h = rng.uniform([0.3, 0.25, 0.4], [0.9, 0.5, 1.05])
    on_top = [box((0.0, -0.15, h), (0.1, 0.2, h + float(rng.uniform(0.05, 0.5))))]
    return joined([box((-w, -d, h - 0.03), (w, d, h)), *_legs(w - 0.05, d - 0.05, h), *on_top])


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


def _board(rng: Rng) -> Mesh:
    """A door that stands open, a screen, or a flip chart on two legs."""
    half, low, high = rng.uniform([0.25, 0.0, 1.2], [0.6, 0.8, 2.1])
    legs = [box((-0.03, y - 0.02, 0.0), (0.03, y + 0.02, low)) for y in (-half + 0.1, half - 0.1)]
    return joined([box((-0.025, -half, low), (0.025, half, high)), *legs])


def _curtain(rng: Rng) -> Mesh:
    """Folds, side by side."""
    parts, high = [], float(rng.uniform(1.8, 2.6))
    for y in np.arange(-float(rng.uniform(0.2, 0.8)), 0.5, 0.09):
        x = float(rng.uniform(-0.06, 0.06))
        parts.append(box((x - 0.04, y, 0.05), (x + 0.04, y + 0.1, high)))
    return joined(parts)


_ALL: tuple[Callable[[Rng], Mesh], ...] = (
    _cabinet, _table, _chair, _chair, _chair, _laden_chair, _sofa, _column, _coat_stand, _plant,
    _lamp, _clutter, _shelves, _board, _curtain,
)  # fmt: skip
