"""What is timed must be what a LiDAR sends, and what open3d does must be what we do."""

import json

import numpy as np
import pytest

from pta_ros.bench.clouds import LIMITS_MS, CloudTimes, bench_clouds, scan
from pta_ros.cli import bench_clouds as tool
from pta_ros.errors import ConfigError
from pta_ros.sensors import LidarSensor


@pytest.mark.parametrize("count", LIMITS_MS)
def test_a_timed_cloud_has_its_points_and_a_part_of_them_in_the_region(count):
    sensor, msg = LidarSensor(), scan(count)
    assert msg.height * msg.width == count
    points = sensor.decode(msg, "t")
    assert 0.8 < len(points) / count < 0.86  # the rest is no return
    assert 0.05 < np.count_nonzero(sensor._inside(points)) / count < 0.3


def test_a_bound_is_missed_by_what_is_too_slow():
    slow = CloudTimes({131_072: 9.0, 524_288: 36.0}, {}, {})
    assert [bound.ok for bound in slow.bounds()] == [True, False]


def test_the_tool_measures_and_writes(tmp_path, capsys):
    found = tmp_path / "clouds.json"
    assert tool.main(["--repeats", "1", "--json", str(found)]) in (0, 3)
    assert {b["name"][:5] for b in json.loads(found.read_text())["bounds"]} == {"LiDAR"}
    assert "131,072 points" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="0 repeats"):
        bench_clouds(0)


def test_open3d_crops_the_same_points():
    o3d = pytest.importorskip("open3d")
    sensor = LidarSensor()
    points = np.ascontiguousarray(sensor.decode(scan(131_072), "t"))
    cloud = o3d.t.geometry.PointCloud(o3d.core.Tensor.from_numpy(points))
    low, high = np.array([sensor.x_m, sensor.y_m, sensor.z_m], np.float32).T
    box = o3d.t.geometry.AxisAlignedBoundingBox(low.copy(), high.copy())
    np.testing.assert_array_equal(
        cloud.crop(box).point.positions.numpy(), points[sensor._inside(points)]
    )
