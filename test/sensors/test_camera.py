"""CameraInfo, and any camera's pixels in the model's own camera, against ray by ray arithmetic."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.camera import Intrinsics, assumed, info_topic, is_rectified, read_info
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.resample import resampling

MODEL = DepthSensor().camera
REALSENSE = Intrinsics(848, 480, 425.0, 425.0, 423.1, 240.8)
LENS = (-0.28, 0.07, 0.0002, -0.0004, 0.01)


def info(camera=REALSENSE, **changes):
    """A CameraInfo as drivers fill it."""
    k = [camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1]
    p = [camera.fx, 0, camera.cx, 0, 0, camera.fy, camera.cy, 0, 0, 0, 1, 0]
    fields = {
        "width": camera.width, "height": camera.height, "distortion_model": "plumb_bob",
        "d": list(camera.distortion), "k": k, "p": p, "binning_x": 0, "binning_y": 0,
        "roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False),
    }  # fmt: skip
    return SimpleNamespace(**{**fields, **changes})


def test_k_and_distortion_of_a_raw_image():
    lens = Intrinsics(848, 480, 425.0, 426.0, 423.1, 240.8, LENS)
    assert read_info(info(lens), False, "t") == lens


def test_p_without_distortion_of_a_rectified_image():
    msg = info(Intrinsics(848, 480, 425.0, 426.0, 423.1, 240.8, LENS))
    msg.p[0] = msg.p[5] = 400.0
    found = read_info(msg, True, "t")
    assert found == Intrinsics(848, 480, 400.0, 400.0, 423.1, 240.8)
    msg.p = [0.0] * 12
    assert read_info(msg, True, "t").fx == 425.0


def test_binning_and_region_move_a_point_to_the_pixel_that_holds_it():
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300, do_rectify=False)
    found = read_info(info(roi=roi, binning_x=2, binning_y=3), False, "t")
    assert (found.width, found.height) == (200, 100)
    x, y = 0.11, -0.23  # a ray; the edges of the binned pixel are those of two and three
    full = REALSENSE.fx * x + REALSENSE.cx - 100, REALSENSE.fy * y + REALSENSE.cy - 40
    binned = found.fx * x + found.cx, found.fy * y + found.cy
    assert binned == pytest.approx(((full[0] + 0.5) / 2 - 0.5, (full[1] + 0.5) / 3 - 0.5))


def test_fields_in_capitals_are_ros_1s():
    msg = info()
    for name in "kdp":
        setattr(msg, name.upper(), getattr(msg, name))
        delattr(msg, name)
    assert read_info(msg, False, "t") == REALSENSE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": [0.0] * 9}, "not calibrated"),
        ({"k": [float("nan")] * 9}, "nan"),
        ({"k": [1.0] * 8}, "8 numbers"),
        ({"k": None}, "k: "),
        ({"d": [0.1] * 5, "distortion_model": "equidistant"}, "equidistant"),
        ({"d": [0.1] * 3}, "3 coefficients"),
        ({"d": [0.0] * 10**6}, "1000000 numbers"),
        ({"width": 2**31}, "2147483648"),
        ({"width": -1}, "width = -1"),
        ({"binning_x": 1000}, "binned"),
        ({"roi": None}, "x_offset"),
    ],
)
def test_what_is_wrong_is_told(changes, said):
    with pytest.raises(DecodeError, match="camera_info") as caught:
        read_info(info(**changes), False, "depth/camera_info")
    assert said in caught.value.reason


def test_no_distortion_is_none_whatever_the_model_is_called():
    msg = info(d=[0.0] * 4, distortion_model="equidistant")
    assert read_info(msg, False, "t") == REALSENSE


@pytest.mark.parametrize(
    ("image", "beside", "rectified"),
    [
        ("/camera/depth/image_rect_raw", "/camera/depth/camera_info", True),
        ("/oak/stereo/image_raw/compressedDepth", "/oak/stereo/camera_info", False),
        ("depth/image", "depth/camera_info", False),
        ("image", "camera_info", False),
        ("/rect/depth/depth_registered", "/rect/depth/camera_info", False),
    ],
)
def test_names_of_topics(image, beside, rectified):
    assert (info_topic(image), is_rectified(image)) == (beside, rectified)


def expected_pixel(source, turned, u, v):
    """The source's pixel of one pixel of the model's camera, step by step; None: out of view."""
    x, y = (u - MODEL.cx) / MODEL.fx, (v - MODEL.cy) / MODEL.fy
    for _ in range(turned // 90):
        x, y = y, -x
    k1, k2, p1, p2, k3 = source.distortion or (0,) * 5
    s = x * x + y * y
    f = 1 + k1 * s + k2 * s**2 + k3 * s**3
    x, y = (
        x * f + 2 * p1 * x * y + p2 * (s + 2 * x * x),
        y * f + p1 * (s + 2 * y * y) + 2 * p2 * x * y,
    )
    column = int(np.floor(source.fx * x + source.cx + 0.5))
    row = int(np.floor(source.fy * y + source.cy + 0.5))
    inside = 0 <= column < source.width and 0 <= row < source.height
    return (row, column) if inside else None


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("distortion", [(), LENS])
@pytest.mark.parametrize("size", [(848, 480, 425.0), (512, 512, 620.0), (256, 192, 150.0)])
def test_each_pixel_is_the_one_that_its_ray_meets(size, distortion, turned):
    width, height, f = size
    source = Intrinsics(width, height, f, 1.01 * f, width / 2, height / 2 - 7, distortion)
    way = resampling(source, turned, MODEL)
    rng = np.random.default_rng(1)
    for v, u in zip(rng.integers(0, 480, 300), rng.integers(0, 640, 300), strict=True):
        pixel = expected_pixel(source, turned, u, v)
        seen = way.unseen is None or not way.unseen[v, u]
        assert seen == (pixel is not None)
        if pixel:
            assert divmod(way.index[v, u], width) == pixel


def test_a_lens_that_folds_back_shows_nothing_twice():
    source = Intrinsics(640, 480, 300.0, 300.0, 319.5, 239.5, (-0.9, 0.0, 0.0, 0.0, 0.0))
    way = resampling(source, 0, MODEL)
    row = way.index[240][~way.unseen[240]] % 640
    assert (np.diff(row) >= 0).all()
    assert way.unseen[0, 0]


def test_the_models_own_camera_is_left_alone():
    assert resampling(MODEL, 0, MODEL) is None
    assert resampling(MODEL, 180, MODEL) is not None


def test_what_is_assumed_is_the_models_view_around_the_middle():
    assert assumed(MODEL, 640, 480) == MODEL
    wide = assumed(MODEL, 1280, 720)
    assert (wide.fx, wide.cx, wide.cy) == (855.0, 639.5, 359.5)
    way = resampling(wide, 0, MODEL)
    assert way.unseen is None
    assert set(np.unique(way.index % 1280)) <= set(range(160, 1120))


def test_half_given_intrinsics_are_refused():
    with pytest.raises(ConfigError, match=r"depth\.fx"):
        DepthSensor().installed(DepthDevice(cx=300.0))
    with pytest.raises(ConfigError, match="0, 90, 180 or 270"):
        DepthDevice(rotation=45)


ODD = [None, "", b"x", float("nan"), float("inf"), 1e300, -1, 0, 2**31, 2**70, [], object(), ["a"]]


def test_any_camera_info_is_intrinsics_or_a_decode_error():
    rng, good = np.random.default_rng(7), 0
    names = [n for n in vars(info()) if n != "roi"]
    tracemalloc.start()
    for _ in range(10_000):
        msg = info()
        for name in rng.choice(names, rng.integers(0, 3)):
            numbers = np.frombuffer(rng.bytes(8 * int(rng.integers(0, 16))), np.float64)
            pick = int(rng.integers(0, len(ODD) + 3))
            setattr(msg, name, ODD[pick] if pick < len(ODD) else numbers)
        for name in rng.choice(list(vars(msg.roi)), rng.integers(0, 2)):
            setattr(msg.roi, name, ODD[int(rng.integers(0, len(ODD)))])
        try:
            found = read_info(msg, bool(rng.integers(2)), "t")
        except DecodeError:
            continue
        good += 1
        assert found.fx > 0
        assert found.width * found.height <= 2**28
        assert np.isfinite([found.fx, found.fy, found.cx, found.cy, *found.distortion]).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert good > 1000
    assert peak < 1e6
