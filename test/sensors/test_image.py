"""Compressed depth: what is read, and that damage is never read as depth."""

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import DecodeError
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.image import decompress_rvl as decompress
from pta_ros.sensors.image import read_compressed

DEEP = struct.pack("<iff", 0, 0.0, 0.0)
#: What the transport writes for 32FC1 by default: quantisation 100, farthest 10 m.
A, B = 10100.0, 1.0 - 10100.0 / 10
METRES = struct.pack("<iff", 0, A, B)


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def numbers_to_words(numbers):
    """RVL's code of numbers: three bits a nibble, eight nibbles a word."""
    nibbles = []
    for number in numbers:
        while True:
            low, number = number & 7, number >> 3
            nibbles.append(low | (8 if number else 0))
            if not number:
                break
    nibbles += [0] * (-len(nibbles) % 8)
    words = [nibbles[i : i + 8] for i in range(0, len(nibbles), 8)]
    return b"".join(int("".join(f"{n:x}" for n in w), 16).to_bytes(4, "little") for w in words)


def rvl(pixels):
    """Pixels as runs of zeros and steps."""
    values, numbers, at, last = pixels.ravel().tolist(), [], 0, 0
    while at < len(values):
        begin = at
        while at < len(values) and values[at] == 0:
            at += 1
        numbers.append(at - begin)
        begin = at
        while at < len(values) and values[at] != 0:
            at += 1
        numbers.append(at - begin)
        for value in values[begin:at]:
            step, last = value - last, value
            numbers.append(2 * step if step >= 0 else -2 * step - 1)
    height, width = pixels.shape
    return struct.pack("<II", width, height) + numbers_to_words(numbers)


def message(form, data):
    return SimpleNamespace(format=form, data=data)


FORMS = {
    "png": png,
    "16UC1; png compressed ": png,
    "mono16; png compressed": png,
    "16UC1; compressedDepth png": lambda p: DEEP + png(p),
    "16UC1; compressedDepth": lambda p: DEEP + png(p),
    "16UC1": lambda p: DEEP + png(p),
    "; compressedDepth png": lambda p: DEEP + png(p),
    "16UC1; compressedDepth rvl": lambda p: DEEP + rvl(p),
    "mono16; compressedDepth rvl": lambda p: DEEP + rvl(p),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_plain_image(form, image_message, room_mm):
    sensor = DepthSensor()
    expected = sensor.process(image_message(room_mm), "t")
    got = sensor.process(message(form, FORMS[form](room_mm)), "t")
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("codec", "encode"), [("png", png), ("rvl", rvl)])
def test_metres_are_inverse_depth(codec, encode):
    values = np.array([[0, 1, 4041, 19191]], np.uint16)
    msg = message(f"32FC1; compressedDepth {codec}", METRES + encode(values))
    metres = DepthSensor().decode(msg, "t")
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, [[0, 10, 2, 0.5]], rtol=1e-5)


def test_infinitely_far_is_no_return():
    header = struct.pack("<iff", 0, 50.0, 7.0)
    values = np.array([[7, 8]], np.uint16)
    msg = message("32FC1; compressedDepth png", header + png(values))
    np.testing.assert_array_equal(DepthSensor().decode(msg, "t"), [[0, 50]])


def test_rvl_as_the_reference_encoder_writes_it():
    stream = np.frombuffer(bytes.fromhex("23f38a33f38c8e1221f3ffbf0010dbed"), np.uint8)
    expected = [0, 0, 0, 1000, 1001, 999, 0, 65535, 1, 0, 0, 3000]
    np.testing.assert_array_equal(decompress(stream, 12), expected)


pixels = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        np.random.default_rng(seed)
        .choice(np.array([0, 0, 1, 3000, 3001, 65535], np.uint16), (seed % 5 + 1, seed % 7 + 1))
        .astype(np.uint16)
    )
)


@given(image=pixels, form=st.sampled_from(list(FORMS)))
def test_round_trips(image, form):
    np.testing.assert_array_equal(read_compressed(message(form, FORMS[form](image)), "t"), image)


@settings(max_examples=300)
@given(image=pixels, form=st.sampled_from(list(FORMS)), data=st.data())
def test_data_that_are_cut_off_are_never_depth(image, form, data):
    whole = FORMS[form](image)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(DecodeError):
        read_compressed(message(form, cut), "t")


@settings(max_examples=300)
@given(image=pixels, form=st.sampled_from(["png", "16UC1; compressedDepth png"]), data=st.data())
def test_a_damaged_png_is_never_other_depth(image, form, data):
    whole = bytearray(FORMS[form](image))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        got = read_compressed(message(form, bytes(whole)), "t")
    except DecodeError:
        return
    np.testing.assert_array_equal(got, image)  # the header of millimetres says nothing


@settings(max_examples=300)
@given(junk=st.binary(max_size=200), width=st.integers(0, 40), height=st.integers(0, 40))
def test_any_rvl_is_an_image_or_a_decode_error(junk, width, height):
    data = DEEP + struct.pack("<II", width, height) + junk
    try:
        image = read_compressed(message("16UC1; compressedDepth rvl", data), "t")
    except DecodeError:
        return
    assert (image.shape, image.dtype) == ((height, width), np.uint16)


ROOM = np.full((4, 4), 2000, np.uint16)


@pytest.mark.parametrize(
    ("form", "data", "said"),
    [
        ("16UC1; jpeg compressed mono8", png(ROOM), "jpeg"),
        ("jpeg", png(ROOM), "jpeg"),
        ("16UC1; compressedDepth zstd", DEEP + png(ROOM), "zstd"),
        ("bgr8; compressedDepth png", DEEP + png(ROOM), "bgr8"),
        ("32FC1; png compressed", png(ROOM), "32FC1"),
        (None, png(ROOM), "None"),
        ("16UC1; compressedDepth png", DEEP, "12 bytes"),
        ("16UC1; compressedDepth png", DEEP[:-1] + png(ROOM), "begin with"),
        ("16UC1; compressedDepth rvl", DEEP + bytes(7), "7 bytes"),
        ("16UC1; compressedDepth rvl", DEEP + struct.pack("<II", 65535, 65535), "65535x65535"),
        ("16UC1; compressedDepth rvl", DEEP + rvl(ROOM)[:8] + b"\xff" * 16, "damaged"),
        ("png", png(ROOM.astype(np.uint8)), "8 bits"),
        ("png", png(np.dstack([ROOM] * 3)), "colour type 2"),
        ("32FC1; compressedDepth png", struct.pack("<iff", 5, A, B) + png(ROOM), "kind 5"),
        ("32FC1; compressedDepth png", struct.pack("<iff", 0, 0, B) + png(ROOM), "a = 0"),
        ("32FC1; compressedDepth png", struct.pack("<iff", 0, np.nan, B) + png(ROOM), "a = nan"),
        ("32FC1; compressedDepth png", struct.pack("<iff", 0, A, np.inf) + png(ROOM), "b = inf"),
        ("png", None, "data is NoneType"),
    ],
)
def test_what_is_wrong_is_told(form, data, said):
    with pytest.raises(DecodeError, match="depth/image") as caught:
        read_compressed(message(form, data), "depth/image")
    assert said in caught.value.reason


def test_a_png_that_claims_to_be_huge_costs_no_memory():
    data = bytearray(png(ROOM))
    data[16:24] = struct.pack(">II", 65535, 65535)
    with pytest.raises(DecodeError, match="65535x65535"):
        read_compressed(message("png", bytes(data)), "t")
