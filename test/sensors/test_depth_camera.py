"""Depth cameras other than the model's: sizes, mounts, encodings, units, and what is not seen."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.camera import Intrinsics
from pta_ros.sensors.depth_device import DepthDevice

SENSOR = DepthSensor()
SIZES = [
    (640, 480), (848, 480), (1280, 720), (1280, 800), (512, 424), (640, 576), (512, 512),
    (640, 400), (320, 240), (256, 192),
]  # fmt: skip


def camera(told=None, **device):
    return replace(SENSOR.installed(DepthDevice(**device)), told=told)


def scene_mm(width, height, fx, cx=None, cy=None):
    """A wall at 4 m, and at 2 m a box from -0.3 to 0.5 m across and -0.4 to 0.2 m down."""
    v, u = np.mgrid[:height, :width]
    cx, cy = (width - 1) / 2 if cx is None else cx, (height - 1) / 2 if cy is None else cy
    x, y = 2 * (u - cx) / fx, 2 * (v - cy) / fx
    box = (x > -0.3) & (x < 0.5) & (y > -0.4) & (y < 0.2)
    return np.where(box, 2000, 4000).astype(np.uint16)


NATIVE = SENSOR.reduce(scene_mm(640, 480, 570.0) * np.float32(0.001))


def differing(reduced):
    """Cells that are not as the model's own camera shows them."""
    return int(np.count_nonzero(np.abs(reduced - NATIVE) > 0.01))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_any_camera_shows_the_scene_as_the_models_own(width, height, turn, image_message):
    fx = 0.62 * width
    pixels = np.rot90(scene_mm(width, height, fx), 0)
    if turn in (90, 270):
        pixels = scene_mm(height, width, fx)
    told = Intrinsics(width, height, fx, fx, (width - 1) / 2, (height - 1) / 2)
    msg = image_message(np.rot90(pixels, turn // 90))
    reduced = camera(told, rotation=turn).process(msg, "t")
    border = 100  # cells along the box's outline
    assert differing(reduced) < border
    assert (reduced == 2).sum() == pytest.approx((NATIVE == 2).sum(), rel=0.07)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_without_intrinsics_any_size_is_read_and_that_is_said(width, height, image_message):
    scale = min(width / 640, height / 480)
    msg = image_message(scene_mm(width, height, 570.0 * scale))
    assumed = camera()
    assert differing(assumed.process(msg, "t")) < 100
    (remark,) = assumed.remarks("a/image_raw")
    assert "intrinsics assumed" in remark
    assert "a/camera_info" in remark


def test_the_models_own_camera_reads_bit_for_bit_what_the_bare_sensor_does(image_message, room_mm):
    msg = image_message(room_mm)
    expected = SENSOR.process(msg, "t")
    for one in (camera(), camera(SENSOR.camera), camera(fx=570.0, cx=319.5, cy=239.5)):
        np.testing.assert_array_equal(one.process(msg, "t"), expected)
    small = image_message(room_mm[::2, ::2])
    np.testing.assert_array_equal(camera().process(small, "t"), SENSOR.process(small, "t"))


def test_given_intrinsics_count_before_those_that_were_told():
    told = Intrinsics(640, 480, 400.0, 400.0, 300.0, 200.0)
    asked = camera(told, fx=500.0)
    found = asked.mount.camera(asked.told, SENSOR.camera, (640, 480), "t")
    assert (found.fx, found.fy, found.cx, found.cy) == (500.0, 500.0, 319.5, 239.5)
    assert asked.side_topics("depth/image") == {}
    assert asked.remarks("depth/image") == ()


def test_what_is_not_seen_is_nan_and_is_no_lack_of_returns(image_message):
    narrow = camera(fx=2400.0)  # a quarter of the model's view a side
    msg = image_message(np.full((480, 640), 3000, np.uint16))
    metres = narrow.decode(msg, "t")
    assert np.isnan(metres).mean() == pytest.approx(1 - (570 / 2400) ** 2, abs=0.01)
    np.testing.assert_allclose(metres[~np.isnan(metres)], 3, rtol=1e-6)
    np.testing.assert_allclose(narrow.receive(metres, "t"), 3, rtol=1e-6)
    mostly_far = np.full((480, 640), 9000, np.uint16)
    mostly_far[:, :64] = 3000
    narrow.process(image_message(mostly_far), "t")  # 10 % of what is seen, below 1 % of the view


def test_a_camera_that_sees_nothing_of_the_view_is_told(image_message):
    msg = image_message(np.full((480, 640), 3000, np.uint16))
    with pytest.raises(DecodeError, match="nearly nothing of the model's view"):
        camera(fx=15000.0).process(msg, "t")


def test_an_image_of_another_shape_than_its_camera_info_is_refused(image_message):
    told = Intrinsics(848, 480, 425.0, 425.0, 423.5, 239.5)
    msg = image_message(np.full((480, 640), 3000, np.uint16))
    with pytest.raises(DecodeError, match="640x480, but its CameraInfo is of 848x480") as caught:
        camera(told).process(msg, "t")
    assert "depth.camera_info" in caught.value.expected


def test_a_decimated_image_is_its_camera_infos_with_larger_pixels(image_message):
    told = Intrinsics(1280, 960, 1140.0, 1140.0, 639.5, 479.5)
    msg = image_message(scene_mm(320, 240, 285.0))
    assert differing(camera(told).process(msg, "t")) < 100


@pytest.mark.parametrize("encoding", ["16UC1", "mono16", "16SC1", "32FC1", "64FC1"])
@pytest.mark.parametrize("big", [False, True])
def test_every_encoding_gives_the_same_reading(encoding, big, image_message):
    pixels = scene_mm(848, 480, 425.0).astype(np.float64)
    holes = np.s_[100:200, 50:120]
    none = {"16SC1": -7, "32FC1": np.nan, "64FC1": -np.inf}.get(encoding, 65535)
    if "FC1" in encoding:
        pixels *= 0.001
    pixels[holes] = none
    with np.errstate(invalid="ignore"):
        reduced = camera(fx=425.0).process(image_message(pixels, encoding, 6, big), "t")
    clean = scene_mm(848, 480, 425.0)
    clean[holes] = 0
    expected = camera(fx=425.0).process(image_message(clean), "t")
    np.testing.assert_allclose(reduced, expected, rtol=1e-6)


@pytest.mark.parametrize("unit", [0.00025, 0.0002])
def test_another_unit_is_read_when_it_is_set_and_named_when_it_is_not(unit, image_message):
    msg = image_message((scene_mm(640, 480, 570.0) * (0.001 / unit)).astype(np.uint16))
    reduced = camera(scale_m=unit).process(msg, "t")
    np.testing.assert_allclose(reduced, NATIVE, rtol=1e-6)
    with pytest.raises(DecodeError) as caught:
        camera().process(msg, "t")
    assert "depth.scale_m 0.00025 or 0.0002" in caught.value.expected


def test_millimetres_in_floats_are_named_and_read(image_message):
    msg = image_message(scene_mm(640, 480, 570.0), "32FC1")
    with pytest.raises(DecodeError) as caught:
        camera().process(msg, "t")
    assert "depth.float_scale_m 0.001" in caught.value.expected
    np.testing.assert_allclose(camera(float_scale_m=0.001).process(msg, "t"), NATIVE, rtol=1e-6)


def test_a_unit_that_is_too_small_is_named(image_message):
    msg = image_message(scene_mm(640, 480, 570.0) // 2)
    with pytest.raises(DecodeError) as caught:
        camera(scale_m=0.00001).process(msg, "t")
    assert "depth.scale_m 0.001" in caught.value.expected


def test_a_turned_image_is_in_no_frame_of_its_camera():
    assert camera().frame_of("optical") == "optical"
    assert camera(rotation=90).frame_of("optical") == "optical_upright"


def test_any_image_is_a_reading_or_a_decode_error_and_costs_little(image_message):
    rng, good = np.random.default_rng(3), 0
    encodings = ["16UC1", "mono16", "16SC1", "32FC1", "64FC1", "rgb8", "", None]
    cameras = [camera(), camera(fx=300.0), camera(Intrinsics(64, 48, 50.0, 50.0, 31.0, 23.0))]
    own = 640 * 480 * 72  # bytes: making one camera's lookup, and a view of the model's camera
    for _ in range(10_000):
        size = [int(rng.choice([0, 1, 7, 48, 64, 2**20, 2**31 - 1, 2**40])) for _ in range(2)]
        msg = image_message(np.zeros((1, 1), np.uint16))
        msg.height, msg.width = size if rng.integers(2) else (48, 64)
        msg.encoding = encodings[int(rng.integers(len(encodings)))]
        msg.step = int(rng.choice([0, 64, 128, 256, 512, 2**33]))
        msg.is_bigendian = int(rng.integers(2))
        msg.data = rng.bytes(int(rng.choice([0, 1, 6144, 12288, 24576])))
        tracemalloc.start()
        try:
            reduced = cameras[int(rng.integers(3))].process(msg, "t")
        except DecodeError:
            continue
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < own + 4 * len(msg.data)
        good += 1
        assert reduced.shape == (96, 128)
        assert np.isfinite(reduced).all()
    assert good < 5000  # noise is no image, mostly


@pytest.mark.parametrize("shape", [(1, 1), (31, 640), (480, 1)])
def test_an_image_that_no_camera_sends_is_refused(shape, image_message):
    with pytest.raises(DecodeError, match="at least 32 pixels"):
        DepthSensor().installed(DepthDevice()).process(
            image_message(np.full(shape, 2000, np.uint16)), "t"
        )


def test_a_camera_whose_lens_is_told_sends_it_beside_its_images():
    lens = Intrinsics(512, 424, 366.0, 365.0, 250.0, 210.0)
    ((topic, (kind, fields)),) = camera(lens).side_fields().items()
    assert topic == "depth/camera_info"
    assert kind == "sensor_msgs/msg/CameraInfo"
    assert (fields["width"], fields["k"][0], fields["k"][5]) == (512, 366.0, 210.0)
    assert camera().side_fields()[topic][1]["width"] == 640
