"""From readings to the bird's-eye grid and to what is around a centre."""

import numpy as np
import pytest

from pta_ros.people import birdseye, centred
from pta_ros.people.readings import OPTICAL, DepthReading, LidarReading, Readings
from pta_ros.sensors.camera import Intrinsics

LENSES = [
    Intrinsics(640, 480, 525.0, 525.0, 319.5, 239.5),
    Intrinsics(848, 480, 425.0, 425.0, 423.5, 239.5),
    Intrinsics(320, 240, 190.0, 190.0, 159.5, 119.5),
]


def wall(lens, distance=2.525, height=1.0, half=0.4):
    """A square plate, 2 * half wide, upright ahead of a level camera."""
    v, u = np.mgrid[: lens.height, : lens.width]
    x = (u - lens.cx) / lens.fx * distance
    y = (v - lens.cy) / lens.fy * distance
    depth = np.where((np.abs(x) < half) & (np.abs(y) < half), distance, 0).astype(np.float32)
    return DepthReading(depth, lens, OPTICAL, np.array([0.0, 0.0, height]))


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: f"{lens.width}x{lens.height}")
def test_every_lens_fills_the_same_voxels_alike(lens):
    grid = birdseye.grid(Readings(depth=wall(lens)))
    filled = grid[: birdseye.SLABS].sum(axis=0)
    rows, columns = np.nonzero(filled)
    assert set(rows) == {50}  # 2.525 m
    assert columns.min() == pytest.approx(72, abs=1)
    assert columns.max() == pytest.approx(87, abs=1)
    # A face that is wholly seen counts 1.
    inner = grid[: birdseye.SLABS, 50, 75:85]
    whole = inner[(inner > 0).all(axis=1)]
    assert np.median(whole) == pytest.approx(1.0, rel=0.15)
    assert not grid[birdseye.SLABS :].any()


def test_points_of_a_lidar_count_in_their_own_slabs():
    cloud = np.array([[1.0, -1.0, 0.5]] * 7 + [[9.0, 0, 0], [1, 5, 0], [1, 0, 9]], np.float32)
    index, value = birdseye.fill(Readings(lidar=LidarReading(cloud, np.zeros(3))))
    assert len(index) == 1  # the others lie outside
    assert value[0] == pytest.approx(0.5 * np.log(8), rel=1e-3)
    assert index[0] // birdseye.SIZE**2 == birdseye.SLABS + 4
    assert not birdseye.grid(Readings()).any()


def test_places_and_cells_are_inverse():
    place = np.array([[1.23, -3.0], [7.9, 3.9]])
    np.testing.assert_allclose(birdseye.place_of(birdseye.cell_of(place)), place)


def test_a_centre_turns_to_the_ray_and_back():
    reading = wall(LENSES[0])
    centre = centred.centre_at(np.array([2.0, 1.5, 1.0]), Readings(depth=reading))
    np.testing.assert_allclose(centre.to_centred(reading.place), [-2.5, 0, 0], atol=1e-12)
    points = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(centre.to_centred(centre.to_level(points)), points, atol=1e-12)


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: f"{lens.width}x{lens.height}")
def test_a_patch_is_metric_whatever_the_lens(lens):
    centre = centred.centre_at(np.array([2.425, 0.0, 1.1]), Readings(depth=wall(lens)))
    patch = centred.depth_patch(wall(lens), centre)
    assert patch.dtype == np.float32
    depth, state = patch
    hit = state == centred.RETURN
    rows, columns = np.nonzero(hit)
    pixel = 2 * centred.HALF_M / centred.PATCH
    assert (columns.max() - columns.min() + 1) * pixel == pytest.approx(0.8, abs=0.06)
    middle = centred.HALF_M - (rows.min() + rows.max() + 1) / 2 * pixel
    assert middle == pytest.approx(-0.1, abs=0.04)  # the plate's middle lies 0.1 m lower
    np.testing.assert_allclose(depth[hit], 0.1, atol=1e-3)
    assert hit[rows.min() : rows.max(), columns.min() : columns.max()].mean() > 0.95


def test_what_the_image_does_not_show_is_not_nothing():
    reading = wall(LENSES[0])
    centre = centred.centre_at(np.array([1.2, 0.0, 1.0]), Readings(depth=reading))
    near = DepthReading(np.where(reading.depth > 0, np.float32(1.2), 0), *_rest(reading))
    _, state = centred.depth_patch(near, centre)
    assert state[48, 20] == centred.NOTHING
    assert state[0].max() == centred.OUTSIDE
    assert state[:, 0].max() == centred.OUTSIDE


def _rest(reading):
    return reading.lens, reading.rotation, reading.place


def test_too_little_is_none():
    reading = wall(LENSES[0], half=0.01)
    readings = Readings(reading, LidarReading(np.ones((5, 3), np.float32), np.zeros(3)))
    beside = centred.centre_at(np.array([2.5, 3.0, 1.0]), readings)
    assert centred.depth_patch(reading, beside) is None
    at = centred.centre_at(np.ones(3), readings)
    assert centred.lidar_cloud(readings.lidar, at) is None


def test_nan_is_no_return():
    reading = wall(LENSES[0])
    depth = np.where(reading.depth > 0, reading.depth, np.float32(np.nan))
    holes = DepthReading(depth, *_rest(reading))
    centre = centred.centre_at(np.array([2.4, 0.0, 1.0]), Readings(depth=reading))
    np.testing.assert_array_equal(
        centred.depth_patch(holes, centre), centred.depth_patch(reading, centre)
    )
    for ours, theirs in zip(
        birdseye.fill(Readings(holes)), birdseye.fill(Readings(reading)), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_cloud_is_centred_and_filled_up():
    rng = np.random.default_rng(1)
    own = rng.normal([3.0, 1.0, 1.0], 0.2, (40, 3)).astype(np.float32)
    far = np.array([[5.0, 1.0, 1.0]], np.float32)
    reading = LidarReading(np.concatenate([own, far]), np.zeros(3))
    centre = centred.centre_at(np.array([3.0, 1.0, 1.0]), Readings(lidar=reading))
    cloud = centred.lidar_cloud(reading, centre)
    assert cloud.shape == centred.CLOUD_SHAPE
    points = cloud[(cloud != centred.ABSENT_M).all(axis=1)]
    assert len(points) == len(own)
    found = {tuple(p) for p in np.round(points, 4)}
    assert found == {tuple(p) for p in np.round(centre.to_centred(own).astype(np.float32), 4)}


def test_of_a_dense_cloud_every_so_many_points_are_taken():
    own = np.random.default_rng(2).normal([3.0, 1.0, 1.0], 0.2, (5000, 3)).astype(np.float32)
    reading = LidarReading(own, np.zeros(3))
    centre = centred.centre_at(np.array([3.0, 1.0, 1.0]), Readings(lidar=reading))
    cloud = centred.lidar_cloud(reading, centre)
    assert 500 < (cloud != centred.ABSENT_M).all(axis=1).sum() <= centred.CLOUD
