import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.sensors import DepthSensor

SENSOR = DepthSensor()
#: struct's code, metres per count, and what is too large to be a return.
KINDS = {
    "16UC1": ("H", 0.001, 65535),
    "mono16": ("H", 0.001, 65535),
    "16SC1": ("h", 0.001, 32767),
    "32FC1": ("f", 1.0, float(np.finfo(np.float32).max)),
    "64FC1": ("d", 1.0, float(np.finfo(np.float32).max)),
}


def reference(msg):
    """Read every pixel on its own; raises struct.error where the buffer ends."""
    kind, unit, top = KINDS[msg.encoding]
    order = ">" if msg.is_bigendian else "<"
    data, size = bytes(msg.data), struct.calcsize(kind)
    rows = [
        [
            struct.unpack_from(order + kind, data, r * msg.step + c * size)[0]
            for c in range(msg.width)
        ]
        for r in range(msg.height)
    ]
    values = np.array(rows, np.float64).reshape(msg.height, msg.width)
    return np.where(np.isfinite(values) & (values > 0) & (values < top), values, 0) * unit


@st.composite
def images(draw, image_message):
    encoding = draw(st.sampled_from(list(KINDS)))
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    kind = {"H": np.uint16, "h": np.int16, "f": np.float32, "d": np.float64}[KINDS[encoding][0]]
    value = st.floats(width=8 * np.dtype(kind).itemsize)
    if kind in (np.uint16, np.int16):
        value = st.integers(np.iinfo(kind).min, np.iinfo(kind).max)
    count = shape[0] * shape[1]
    values = draw(st.lists(value, min_size=count, max_size=count))
    pixels = np.array(values, kind).reshape(shape)
    return image_message(pixels, encoding, draw(st.integers(0, 7)), draw(st.booleans()))


@given(data=st.data())
def test_decode_reads_every_layout_exactly(data, image_message):
    msg = data.draw(images(image_message))
    np.testing.assert_allclose(SENSOR.decode(msg, "t"), reference(msg), rtol=1e-6, atol=1e-37)


@settings(max_examples=200)
@given(data=st.data())
def test_decode_of_a_broken_message_is_right_or_a_decode_error(data, image_message):
    msg = data.draw(images(image_message))
    name = data.draw(
        st.sampled_from(["height", "width", "step", "is_bigendian", "data", "encoding"])
    )
    if name == "data":
        msg.data = bytes(msg.data)[: data.draw(st.integers(0, len(msg.data)))]
    elif name == "encoding":
        msg.encoding = data.draw(st.sampled_from(["", "rgb8", "16UC1", "32FC1", "32SC1", None, 7]))
    else:
        odd = st.one_of(st.integers(-2, 2**33), st.none(), st.floats(), st.text(max_size=2))
        setattr(msg, name, data.draw(odd))
    try:
        decoded = SENSOR.decode(msg, "t")
    except DecodeError:
        return
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, reference(msg), rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, "u1")])
def test_decode_takes_any_buffer(kind, image_message, room_mm):
    msg = image_message(room_mm)
    expected = SENSOR.decode(msg, "t")
    msg.data = kind(bytes(msg.data))
    np.testing.assert_array_equal(SENSOR.decode(msg, "t"), expected)


@pytest.mark.parametrize(
    "data", [None, 5, "text", [1, 2], np.zeros((4, 4))[:, ::2], np.array([{}])]
)
def test_decode_refuses_what_is_no_buffer(data, image_message):
    msg = image_message(np.ones((3, 4), np.uint16))
    msg.data = data
    with pytest.raises(DecodeError, match="data"):
        SENSOR.decode(msg, "depth/image")


def test_decode_converts_millimetres_to_metres(image_message):
    metres = SENSOR.decode(image_message(np.array([[0, 1500, 65534, 65535]], np.uint16)), "t")
    np.testing.assert_allclose(metres, [[0, 1.5, 65.534, 0]], rtol=1e-6)


def test_decode_turns_non_finite_metres_into_no_return(image_message):
    pixels = np.array([[np.nan, np.inf, -np.inf, 2.5]], np.float32)
    np.testing.assert_array_equal(
        SENSOR.decode(image_message(pixels, "32FC1"), "t"), [[0, 0, 0, 2.5]]
    )


def test_decode_names_the_topic_the_length_and_the_expectation(image_message, room_mm):
    msg = image_message(room_mm)
    msg.data = msg.data[:-1]
    with pytest.raises(DecodeError) as caught:
        SENSOR.decode(msg, "depth/image")
    assert caught.value.source == "depth/image"
    assert "614399 bytes" in caught.value.reason
    assert "614400" in caught.value.expected


def test_decode_refuses_a_message_of_another_type():
    with pytest.raises(DecodeError, match="encoding"):
        SENSOR.decode(object(), "t")


@pytest.mark.parametrize("shape", [(480, 640), (240, 320), (96, 128), (48, 64), (600, 800)])
def test_every_size_of_the_aspect_reduces_to_the_same_scene(shape, room_mm):
    rows = np.arange(shape[0]) * 480 // shape[0]
    columns = np.arange(shape[1]) * 640 // shape[1]
    scene = room_mm[np.ix_(rows, columns)] * np.float32(0.001)
    reduced = SENSOR.prepare(scene, "t")
    assert reduced.dtype == np.float32
    assert reduced.shape == (96, 128)
    person = reduced[24:76, 54:74]
    np.testing.assert_allclose(person, 3.0, rtol=1e-6)
    np.testing.assert_allclose(reduced[:15, 10:], 4.0, rtol=1e-6)
    assert (reduced[:, :3] == 0).all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_reduce_never_blends(seed):
    rng = np.random.default_rng(seed)
    scene = rng.choice(np.array([0, 0.3, 1.25, 3.0, 4.25, 9.0], np.float32), (480, 640))
    reduced = SENSOR.reduce(scene)
    assert set(np.unique(reduced)) <= {np.float32(v) for v in (0, 1.25, 3.0, 4.25)}


def test_reduce_is_the_lower_median_of_the_votes():
    rng = np.random.default_rng(0)
    scene = rng.choice(np.array([0, 1, 2, 3, 4], np.float32), (480, 640))
    reduced = SENSOR.reduce(scene)
    for row, column in np.ndindex(96, 128):
        cell = scene[5 * row : 5 * row + 5, 5 * column : 5 * column + 5]
        votes = sorted(v for v in (cell[2, 2], *cell[1:4:2, 1:4:2].ravel()) if v > 0)
        expected = votes[(len(votes) - 1) // 2] if votes else 0
        assert reduced[row, column] == expected


def test_reduce_fills_a_cell_whose_centre_is_missing():
    scene = np.full((480, 640), 2.0, np.float32)
    scene[2::5, 2::5] = 0
    assert (SENSOR.reduce(scene) == 2.0).all()


def test_reduce_leaves_its_input_alone():
    scene = np.full((480, 640), 9.0, np.float32)
    SENSOR.reduce(scene)
    assert (scene == 9.0).all()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((480, 480), 2, np.float32), "480x480"),
        (np.full((480, 640, 3), 2, np.float32), "shape"),
        (np.empty((0, 0), np.float32), "shape"),
        (np.zeros((480, 640), np.float32), "0.0%"),
        (np.full((480, 640), 20, np.float32), "0.0%"),
        (np.full((480, 640), 3000, np.float32), "implausible"),
        (np.full((480, 640), -2, np.float32), "implausible"),
        (np.full((480, 640), np.nan, np.float32), "NaN"),
    ],
)
def test_check_refuses(array, reason):
    with pytest.raises(DecodeError, match=reason):
        SENSOR.check(array, "t")


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_image(seed):
    noise = np.random.default_rng(seed).integers(0, 65536, (480, 640)) * np.float32(0.001)
    with pytest.raises(DecodeError, match="differ by"):
        SENSOR.check(noise.astype(np.float32), "depth/image")


def test_a_noisy_sensor_is_no_noise(room_mm):
    scene = room_mm * np.float32(0.001)
    scene += np.random.default_rng(0).normal(0, 0.1, scene.shape).astype(np.float32) * (scene > 0)
    SENSOR.check(scene, "t")


def test_check_forgives_saturated_pixels_and_a_few_strays():
    scene = np.full((480, 640), 65.535, np.float32)
    scene[:, :100] = 3.0
    scene[0, :10] = 500.0
    SENSOR.check(scene, "t")


@pytest.mark.parametrize("fields", [{"height": 0}, {"min_m": 5.0}, {"min_m": -1.0}])
def test_settings_that_cannot_work_are_refused(fields):
    with pytest.raises(ConfigError, match="depth"):
        DepthSensor(**fields)


def test_a_cell_of_one_keeps_every_pixel_of_the_volume():
    rng = np.random.default_rng(0)
    sensor = DepthSensor(height=480, width=640, cell=1, min_m=0.0, max_m=65.6)
    image = rng.uniform(0, 9, (480, 640)).astype(np.float32)
    reduced = sensor.reduce(image)
    assert np.array_equal(reduced, image)
    with pytest.raises(ConfigError, match="cell 3"):
        DepthSensor(cell=3)
