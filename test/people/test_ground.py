"""The floor tells how a camera stands; what is no floor tells nothing."""

import numpy as np
import pytest

from pta_ros.people.ground import Stance, stance_on_floor
from pta_ros.people.readings import rays_of
from pta_ros.sensors.camera import Intrinsics

LENS = Intrinsics(320, 240, 260.0, 260.0, 159.5, 119.5)


def room(stance, wall_m=4.0, table=None, noise=0.002, seed=0):
    """Depth (H, W) of a floor and a wall ahead; `table`: a level top (x from, x to, height)."""
    directions = rays_of(LENS).astype(float) @ stance.rotation.T
    with np.errstate(divide="ignore"):
        floor = np.where(directions[..., 2] < 0, -stance.height_m / directions[..., 2], np.inf)
        depth = np.minimum(
            floor, np.where(directions[..., 0] > 0, wall_m / directions[..., 0], 9e9)
        )
        if table:
            low, high, height = table
            top = (height - stance.height_m) / directions[..., 2]
            ahead = top * directions[..., 0]
            hit = (top > 0) & (ahead > low) & (ahead < high)
            depth = np.where(hit, np.minimum(depth, top), depth)
    rng = np.random.default_rng(seed)
    depth = depth + noise * depth**2 * rng.standard_normal(depth.shape)
    return np.where(depth < 8.0, depth, 0.0).astype(np.float32)


@pytest.mark.parametrize(
    "stance", [Stance(1.0, 0.0, 0.0), Stance(0.4, -5.0, 2.0), Stance(1.9, 25.0, -4.0)]
)
def test_the_stance_is_read_off_the_floor(stance):
    seen = stance_on_floor(room(stance), LENS)
    assert seen is not None
    assert seen.height_m == pytest.approx(stance.height_m, abs=0.05)
    assert seen.pitch_deg == pytest.approx(stance.pitch_deg, abs=1.0)
    assert seen.roll_deg == pytest.approx(stance.roll_deg, abs=1.0)


def test_a_table_is_no_floor_where_the_floor_shows_too():
    stance = Stance(1.4, 20.0, 0.0)
    seen = stance_on_floor(room(stance, table=(0.6, 1.1, 0.75)), LENS)
    assert seen is not None
    assert seen.height_m == pytest.approx(1.4, abs=0.05)


@pytest.mark.parametrize("depth", [0.0, 2.0])
def test_neither_nothing_nor_a_wall_is_a_floor(depth):
    assert stance_on_floor(np.full((240, 320), depth, np.float32), LENS) is None


def test_the_same_image_gives_the_same_answer():
    depth = room(Stance(1.2, 10.0, 1.0))
    assert stance_on_floor(depth, LENS) == stance_on_floor(depth, LENS)


def test_nan_is_no_return():
    depth = room(Stance(1.0, 10.0, 0.0))
    depth[depth == 0] = np.nan
    assert stance_on_floor(depth, LENS) is not None
