from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.sensors import LidarSensor, type_advice
from pta_ros.sensors.lidar_setup import LidarInstallation
from pta_ros.sensors.thinning import distinct, thinned
from pta_ros.settings import Group

SENSOR = LidarSensor()


def scene(count, seed=0, low=(1.6, -1.4, -1.0), high=(4.4, 1.4, 1.2)):
    return np.random.default_rng(seed).uniform(low, high, (count, 3)).astype(np.float32)


def rows_of(points):
    return {tuple(row) for row in points.tolist()}


def spread(chosen, cloud):
    """The largest distance from a point of the cloud to the nearest chosen one."""
    gaps = np.linalg.norm(cloud[:, None] - chosen[None], axis=2)
    return gaps.min(axis=1).max()


def test_process_reads_crops_and_thins(cloud_message):
    inside, outside = scene(700), scene(400, low=(5, -3, -1), high=(9, 3, 2))
    cloud = np.concatenate([outside, inside])
    reduced = SENSOR.process(cloud_message(cloud), "t")
    assert reduced.shape == (512, 3)
    assert reduced.dtype == np.float32
    assert rows_of(reduced) <= rows_of(inside)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(16, 1500))
def test_reduce_gives_distinct_rows_or_all_of_them(seed, count):
    cloud = scene(count, seed)
    reduced = SENSOR.reduce(cloud)
    assert reduced.shape == (512, 3)
    assert rows_of(reduced) <= rows_of(cloud)
    assert len(rows_of(reduced)) == min(512, len(rows_of(cloud)))


def test_few_points_repeat_cyclically():
    cloud = scene(100)
    reduced = SENSOR.reduce(cloud)
    np.testing.assert_array_equal(reduced, np.resize(reduced[:100], (512, 3)))
    assert sorted(map(tuple, reduced[:100])) == sorted(map(tuple, cloud))


@pytest.mark.parametrize("count", [20, 300, 900])
def test_the_first_rows_are_the_exact_farthest_point_sequence(count):
    reduced = SENSOR.reduce(scene(count))
    distinct = np.unique(reduced, axis=0)
    gaps = np.full(len(distinct), np.inf)
    for row in range(min(SENSOR.centres, count)):
        if row:
            assert gaps.max() == pytest.approx(
                gaps[np.all(distinct == reduced[row], axis=1)][0], rel=1e-5
            )
        gaps = np.minimum(gaps, np.linalg.norm(distinct - reduced[row], axis=1))


@pytest.mark.parametrize("count", [20, 300, 900])
def test_reducing_again_changes_nothing(count):
    reduced = SENSOR.reduce(scene(count))
    np.testing.assert_array_equal(SENSOR.reduce(reduced), reduced)


def test_reduce_is_deterministic():
    cloud = scene(1500)
    np.testing.assert_array_equal(SENSOR.reduce(cloud), SENSOR.reduce(cloud.copy()))


def test_reduce_covers_as_well_as_exact_farthest_point_sampling():
    cloud = scene(900)
    chosen, gaps = [0], np.full(len(cloud), np.inf)
    for _ in range(511):
        gaps = np.minimum(gaps, np.linalg.norm(cloud - cloud[chosen[-1]], axis=1))
        chosen.append(int(gaps.argmax()))
    exact = spread(cloud[chosen], cloud)
    assert spread(SENSOR.reduce(cloud), cloud) <= 1.15 * exact
    assert spread(cloud[:512], cloud) > 1.5 * exact  # what chance does, so the bound says something


def test_identical_points_still_fill_the_rows():
    cloud = np.full((600, 3), (2, 0, 0), np.float32)
    assert rows_of(SENSOR.reduce(cloud)) == {(2.0, 0.0, 0.0)}


def test_the_floor_is_left_out():
    floor = scene(500, low=(1.6, -1.4, -1.2), high=(4.4, 1.4, -1.1))
    person = scene(50, low=(2.8, -0.3, -0.9), high=(3.2, 0.3, 0.7))
    assert rows_of(SENSOR.reduce(np.concatenate([floor, person]))) == rows_of(person)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((5, 4), np.float32), r"shape \(5, 4\)"),
        (scene(100) * 1000, "implausible"),
        (np.full((100, 3), np.nan, np.float32), "implausible"),
    ],
)
def test_check_refuses(array, reason):
    with pytest.raises(DecodeError, match=reason):
        SENSOR.check(array, "lidar/points")


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((0, 3), np.float32), "0 of 0 points"),
        (scene(15), "15 of 15 points"),
        (scene(14_800) + np.float32(10), "0 of 14,800 points"),
    ],
)
def test_too_few_points_in_the_region_are_nobody_and_no_damage(array, told):
    with pytest.raises(NobodySeen, match=told) as caught:
        SENSOR.check(array, "lidar/points")
    assert caught.value.expected == "at least 16"


def test_check_forgives_one_stray():
    cloud = scene(200)
    cloud[0] = 1e6
    SENSOR.check(cloud, "t")


@pytest.mark.parametrize("count", [20_001, 131_072, 400_000])
def test_any_number_of_points_is_reduced_to_an_even_spread(cloud_message, count):
    room = scene(count, low=(-6, -6, -1), high=(6, 6, 1.2))
    reduced = SENSOR.process(cloud_message(room), "t")
    inside = room[SENSOR._inside(room)]
    assert len(rows_of(reduced)) == 512
    assert rows_of(reduced) <= rows_of(inside)
    sparse = SENSOR.reduce(inside[:: max(1, len(inside) // 1500)])
    probe = inside[::97]
    assert spread(reduced, probe) <= 1.1 * spread(sparse, probe)


def test_a_large_crop_is_thinned_evenly_and_the_same_each_time():
    dense, thin = scene(60_000, low=(2, -0.5, -1), high=(3, 0.5, 1)), scene(300, seed=1)
    cloud = np.concatenate([dense, thin])
    found = thinned(cloud, 20_000)
    assert 5_000 < len(found) <= 20_000
    np.testing.assert_array_equal(found, thinned(cloud.copy(), 20_000))
    assert rows_of(found) <= rows_of(cloud)
    assert spread(found, thin) < 0.15  # the sparse part is not thinned away


def test_thinning_bears_any_extent():
    far = np.concatenate([scene(30_000), [[3e38, -3e38, 0], [0, 0, 3e38]]]).astype(np.float32)
    assert 1 <= len(thinned(far, 1000)) <= 1000
    assert len(thinned(np.zeros((5000, 3), np.float32), 1000)) == 1
    small = scene(1000)
    assert thinned(small, 1000) is small


def test_exact_repeats_are_dropped_in_order():
    points = scene(400)
    repeated = np.concatenate([points[:200], points[100:], points])
    np.testing.assert_array_equal(distinct(repeated), points)
    zeros = np.array([[0.0, 1, 2], [-0.0, 1, 2], [0.0, 1, 2]], np.float32)
    assert len(distinct(zeros)) == 2  # by their bits


def test_memory_order_does_not_matter():
    cloud = scene(900)
    np.testing.assert_array_equal(SENSOR.reduce(cloud), SENSOR.reduce(np.asfortranarray(cloud)))


def test_an_operator_says_region_least_points_and_unit(cloud_message):
    given = LidarInstallation(region="0 2, -1 1, -0.5 0.5", min_points=5, scale_m=0.001)
    sensor = SENSOR.installed(given)
    assert (sensor.x_m, sensor.y_m, sensor.z_m) == ((0, 2), (-1, 1), (-0.5, 0.5))
    near = scene(6, low=(0.1, -0.9, -0.4), high=(1.9, 0.9, 0.4))
    millimetres = np.concatenate([near, scene(50, low=(3, -1, -1), high=(4, 1, 1))]) * 1000
    reduced = sensor.process(cloud_message(millimetres), "t")
    distance = np.linalg.norm(reduced[:, None] - near[None], axis=2)
    assert distance.min(axis=1).max() < 1e-6
    with pytest.raises(DecodeError, match=r"lidar\.scale_m"):
        SENSOR.process(cloud_message(millimetres), "t")


@pytest.mark.parametrize("least", [20_001, 31])
def test_a_least_count_that_the_model_cannot_have_is_refused_by_its_name(least):
    sensor = replace(SENSOR, pad=True, min_points=32) if least < 32 else SENSOR
    with pytest.raises(ConfigError, match=rf"lidar\.min_points is {least}"):
        sensor.installed(LidarInstallation(min_points=least))


def test_without_an_operator_the_model_counts():
    assert SENSOR.installed(LidarInstallation()) == SENSOR
    assert SENSOR.installed(Group()) == SENSOR


@pytest.mark.parametrize("region", ["1 2 3", "2 1 0 1 0 1", "0 1 0 1 0 nan", "a b c d e f"])
def test_a_region_that_is_none_is_refused(region):
    with pytest.raises(ConfigError, match="six numbers"):
        LidarInstallation(region=region)


@pytest.mark.parametrize("fields", [{"x_m": (2.0, 1.0)}, {"points": 0}, {"min_points": 0}])
def test_settings_that_cannot_work_are_refused(fields):
    with pytest.raises(ConfigError, match="lidar"):
        LidarSensor(**fields)


PADDED = LidarSensor(
    points=400, pad=True, min_points=32, x_m=(-99.0, 99.0), y_m=(-99.0, 99.0), z_m=(-99.0, 99.0)
)


def test_padding_keeps_every_point_and_marks_the_rest():
    rng = np.random.default_rng(0)
    cloud = rng.uniform(-5, 5, (300, 3)).astype(np.float32)
    cloud[10] = cloud[20]  # exact repeats count, too
    reduced = PADDED.prepare(cloud, "topic")
    assert np.isnan(reduced[300:]).all()
    assert sorted(map(tuple, reduced[:300])) == sorted(map(tuple, cloud))
    assert np.array_equal(reduced[0], cloud[0])
    again = PADDED.prepare(reduced[:300], "topic")
    assert np.array_equal(again, reduced, equal_nan=True)


def test_padding_needs_as_many_points_as_centres():
    with pytest.raises(ConfigError, match=r"min_points 16, centres 32"):
        LidarSensor(pad=True)


def test_other_types_are_named_with_what_to_do():
    cloud = "sensor_msgs/msg/PointCloud2"
    assert "xfer_format to 0" in type_advice(cloud, "livox_ros_driver2/msg/CustomMsg")
    assert "planar" in type_advice(cloud, "sensor_msgs/msg/LaserScan")
    assert type_advice(cloud, "std_msgs/msg/String") == ""
    assert type_advice("sensor_msgs/msg/Image", "sensor_msgs/msg/LaserScan") == ""
