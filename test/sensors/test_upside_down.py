"""The floor tells which way up a depth image is; nothing else may."""

import numpy as np
import pytest

from pta_ros.sensors import DepthSensor
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.upside_down import upside_down

FOCAL_PX, ROWS, COLUMNS = 114.0, 96, 32


def room(height_m, pitch_deg=0.0, wall_m=4.0, ceiling_m=None):
    """Depth (m) of a floor, a wall and perhaps a ceiling, from a camera pitched down."""
    v = (np.arange(ROWS) - (ROWS - 1) / 2)[:, None] / FOCAL_PX
    pitch = np.radians(pitch_deg)
    down, ahead = v * np.cos(pitch) + np.sin(pitch), np.cos(pitch) - v * np.sin(pitch)
    with np.errstate(divide="ignore"):
        depth = np.where(ahead > 0, wall_m / ahead, np.inf)
        depth = np.minimum(depth, np.where(down > 0, height_m / down, np.inf))
        if ceiling_m is not None:
            depth = np.minimum(depth, np.where(down < 0, -ceiling_m / down, np.inf))
    noise = 1 + np.random.default_rng(1).normal(0, 0.004, (ROWS, COLUMNS))
    return (depth * noise).astype(np.float32)


@pytest.mark.parametrize(
    ("height_m", "pitch_deg"), [(0.5, -5), (0.5, 0), (0.5, 15), (1.2, 10), (1.2, 20)]
)
def test_a_floor_at_the_top_is_noticed_and_one_at_the_bottom_is_not(height_m, pitch_deg):
    image = room(height_m, pitch_deg)
    assert not upside_down(image, FOCAL_PX)
    assert upside_down(image[::-1, ::-1], FOCAL_PX)


def test_a_wall_and_a_room_with_a_ceiling_say_nothing():
    wall = room(1.2, wall_m=1.0)
    assert not upside_down(wall, FOCAL_PX)
    assert not upside_down(wall[::-1], FOCAL_PX)
    both = room(1.0, wall_m=5.0, ceiling_m=1.2)
    assert not upside_down(both, FOCAL_PX)
    assert not upside_down(both[::-1], FOCAL_PX)


def test_noise_and_nothing_at_all_say_nothing():
    noise = np.random.default_rng(2).uniform(0.5, 4.5, (ROWS, COLUMNS)).astype(np.float32)
    assert not upside_down(noise, FOCAL_PX)
    assert not upside_down(np.zeros((ROWS, COLUMNS), np.float32), FOCAL_PX)
    assert not upside_down(np.full((ROWS, COLUMNS), np.nan, np.float32), FOCAL_PX)


def test_the_remark_names_the_setting_that_cures_it(image_message):
    pytest.importorskip("open3d")
    from pta_ros.simulate.recording import Session

    millimetres = Session(7, 41, "E02", 10.0).frame(3).readings["depth"]
    for image, mounted, told in (
        (millimetres, 0, ""),
        (millimetres[::-1, ::-1], 0, "depth.rotation to 180"),
        (millimetres[::-1, ::-1], 180, ""),
        (millimetres, 180, "depth.rotation to 0"),
    ):
        camera = DepthSensor().installed(DepthDevice(rotation=mounted))
        message = image_message(np.ascontiguousarray(image))
        remark = camera.remark(message, camera.decode(message, "t"), "t")
        assert remark.endswith(told) if told else remark == ""
