"""Readings kept whole: every pixel and point, and nobody is as good as somebody."""

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.sensors import CsiSensor, DepthSensor, LidarSensor
from pta_ros.sensors.camera import Intrinsics
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.lidar_setup import LidarInstallation
from pta_ros.sensors.whole import WholeDepth, WholeLidar, whole

HALL = np.full((480, 848), 6000, np.uint16)


def test_an_image_of_any_size_is_kept_with_its_lens(as_message):
    sensor = whole(DepthSensor()).installed(DepthDevice(fx=425.0))
    image = HALL + np.random.default_rng(0).integers(0, 50, HALL.shape, np.uint16)
    kept = sensor.process(as_message(sensor, image, 1, "camera"), "depth/image")
    np.testing.assert_allclose(kept, image * 1e-3, atol=1e-6)
    assert sensor.lens(kept.shape, "t") == Intrinsics(848, 480, 425.0, 425.0, 423.5, 239.5)


def test_a_very_large_image_is_thinned_and_its_lens_with_it():
    sensor = whole(DepthSensor()).installed(DepthDevice(fx=1000.0, cx=900.0, cy=500.0))
    image = np.ones((1080, 1920), np.float32)
    image[500, 900] = 2.0
    kept, lens = sensor.prepare(image, "t"), sensor.lens(image.shape, "t")
    assert kept.shape == (lens.height, lens.width) == (540, 960)
    row, column = np.argwhere(kept == 2)[0]
    assert (lens.cx, lens.cy) == (column, row)
    assert lens.fx == 500.0


def test_nobody_in_sight_is_no_fault():
    far = np.full((480, 640), 9.0, np.float32)  # one person's model: too little within its range
    with pytest.raises(DecodeError):
        DepthSensor().prepare(far, "t")
    assert whole(DepthSensor()).prepare(far, "t") is far
    behind = np.random.default_rng(0).normal((-6, 0, 0), 1.0, (500, 3)).astype(np.float32)
    with pytest.raises(NobodySeen):
        LidarSensor().prepare(behind, "t")
    assert whole(LidarSensor()).prepare(behind, "t") is behind


@pytest.mark.parametrize(
    ("sensor", "array", "text"),
    [
        (WholeDepth(), np.zeros((480, 640), np.float32), "is the camera covered"),
        (WholeDepth(), np.full((480, 640), 1500.0, np.float32), "implausible"),
        (WholeLidar(), np.zeros((0, 3), np.float32), "is the LiDAR covered"),
        (WholeLidar(), np.full((99, 3), 1500.0, np.float32), "another unit"),
        (WholeLidar(), np.zeros((9, 2), np.float32), r"\(N, 3\)"),
    ],
)
def test_what_cannot_be_a_reading_is_refused(sensor, array, text):
    with pytest.raises(DecodeError, match=text) as caught:
        sensor.prepare(array, "t")
    assert not isinstance(caught.value, NobodySeen)


def test_noise_is_refused():
    noise = np.random.default_rng(0).uniform(0.5, 6.0, (480, 640)).astype(np.float32)
    with pytest.raises(DecodeError, match="noise"):
        WholeDepth().prepare(noise, "t")


def test_a_region_means_nothing_and_says_so():
    plain = whole(LidarSensor()).installed(LidarInstallation(scale_m=0.001))
    assert (plain.scale_m, plain.remarks("t")) == (0.001, ())
    asked = whole(LidarSensor()).installed(LidarInstallation(region="0 1 0 1 0 1"))
    assert "lidar.region is not used" in asked.remarks("t")[0]


def test_no_model_finds_people_by_csi():
    with pytest.raises(ConfigError, match="csi"):
        whole(CsiSensor())
