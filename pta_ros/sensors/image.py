"""Depth in messages of images: a plain sensor_msgs/Image, and a CompressedImage.

Compressed are 16-bit PNG, and compressedDepth with PNG or RVL.

The format of compressedDepth is that of ros-perception/image_transport_plugins
(compressed_depth_image_transport: codec.cpp, compression_common.h). `format` is "ENCODING;
compressedDepth CODEC", without a codec for PNG. The data are 12 bytes, little-endian: int32 0 (for
inverse depth) and the float32 parameters a and b; then the file. For RVL that is uint32 width and
height, then the stream. 16UC1 are millimetres; 32FC1 are metres as depth = a / (value - b), where
the value 0 is no return.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.sensors.wire import grid, read, read_bytes, read_size

Bytes = NDArray[np.uint8]
Pixels = NDArray[Any]

#: Encodings of plain images that are read without cv_bridge: dtype without byte order.
ENCODINGS = {"16UC1": "u2", "mono16": "u2", "16SC1": "i2", "32FC1": "f4", "64FC1": "f8"}

_EXPECTED = "16-bit png, or compressedDepth of 16UC1 or 32FC1 with png or rvl"
_MILLIMETRES, _METRES = ("16UC1", "mono16", "png", ""), "32FC1"
_HEADER = struct.Struct("<iff")
_PNG = b"\x89PNG\r\n\x1a\n"
#: More pixels are no depth camera's: damaged sizes must not cost gigabytes.
MAX_PIXELS = 1 << 24
_MOST_NIBBLES = 10  # of one number in RVL: 30 bits


def read_pixels(msg: Any, source: str) -> Pixels:
    """The pixels (height, width) of any message of a depth image, in its own type and unit.

    A sensor_msgs/Image of ENCODINGS (others where cv_bridge exists), or a CompressedImage, which
    has a `format` and no `encoding`. Raises DecodeError.
    """
    encoding = getattr(msg, "encoding", None)
    if encoding is None and hasattr(msg, "format"):
        return read_compressed(msg, source)
    if isinstance(encoding, str) and encoding in ENCODINGS:
        return read_plain(msg, ENCODINGS[encoding], source)
    return image_to_array(msg, tuple(ENCODINGS), source)


def read_plain(msg: Any, kind: str, source: str) -> NDArray[Any]:
    """View the image's pixels as (height, width) in the message's own type and byte order."""
    height, width, step = (read_size(msg, name, source) for name in ("height", "width", "step"))
    big = bool(read_size(msg, "is_bigendian", source))
    dtype = np.dtype(kind).newbyteorder(">" if big else "<")
    data = read_bytes(msg, "data", source)
    if height == 0 or width == 0:
        raise DecodeError(source, f"image of {width}x{height}", "a non-empty image")
    if step < width * dtype.itemsize:
        expected = f"at least {width * dtype.itemsize} for {width} pixels"
        raise DecodeError(source, f"step {step}", expected)
    if data.size < step * height:
        expected = f"{step * height} (step {step} x height {height})"
        raise DecodeError(source, f"{data.size} bytes of pixels", expected)
    return grid(data, (height, width), (step, dtype.itemsize), dtype, 0)


def image_to_array(msg: Any, known: tuple[str, ...], source: str) -> NDArray[Any]:
    """An Image of an encoding beyond the `known` ones, by cv_bridge: (height, width), one channel.

    uint16 millimetres or float metres. cv_bridge comes with a ROS distribution and not from PyPI,
    so it is imported late, and here only. Raises DecodeError, also where it is missing.
    """
    form = getattr(msg, "encoding", None)
    try:
        from cv_bridge import CvBridge
    except ImportError:
        expected = f"one of {', '.join(known)} (others need cv_bridge from a ROS distribution)"
        raise DecodeError(source, f"encoding {form!r}", expected) from None
    try:
        pixels = np.asarray(CvBridge().imgmsg_to_cv2(msg, desired_encoding="passthrough"))
    except Exception as error:  # its errors are OpenCV's, numpy's and its own
        raise DecodeError(source, f"cv_bridge: {error}", "a readable image") from error
    if pixels.ndim != 2 or (pixels.dtype != np.uint16 and pixels.dtype.kind != "f"):
        reason = f"encoding {form!r} is {pixels.dtype} of shape {pixels.shape}"
        raise DecodeError(source, reason, "one channel, uint16 millimetres or float metres")
    return pixels


def read_compressed(msg: Any, source: str) -> Pixels:
    """The pixels (height, width) of a CompressedImage: uint16 millimetres or float32 metres.

    Raises DecodeError for another format, and for data that are cut off or damaged.
    """
    form = str(read(msg, "format", source))
    encoding, _, rest = (part.strip() for part in form.partition(";"))
    data = read_bytes(msg, "data", source)
    codec = (rest.replace("compressedDepth", "").split() or ["png"])[0]
    plain = codec == "png" and bytes(data[:8]) == _PNG
    known = _MILLIMETRES if plain else (*_MILLIMETRES, _METRES)
    if codec not in _DECODERS or encoding not in known:
        raise DecodeError(source, f"format {form!r}", _EXPECTED)
    if plain:
        return _png(data, source)
    if data.size <= _HEADER.size:
        raise DecodeError(source, f"{data.size} bytes of {form!r}", "12 bytes, then the image")
    kind, a, b = _HEADER.unpack_from(data.data)
    values = _DECODERS[codec](data[_HEADER.size :], source)
    if encoding != _METRES:
        return values
    if kind != 0 or not 0 < a < np.inf or not np.isfinite(b):
        reason = f"{form!r} with kind {kind}, a = {a:g}, b = {b:g}"
        raise DecodeError(source, reason, "kind 0, a > 0 and a finite b")
    return _metres(values, a, b)


def _metres(values: NDArray[np.uint16], a: float, b: float) -> NDArray[np.float32]:
    """Depth of inverse depth; 0 stays 0."""
    with np.errstate(divide="ignore", over="ignore"):
        metres: NDArray[np.float32] = np.float32(a) / (values - np.float32(b))
    metres[values == 0] = 0
    return metres


def _rvl(data: Bytes, source: str) -> NDArray[np.uint16]:
    if data.size < 8:
        raise DecodeError(source, f"an RVL image of {data.size} bytes", "width, height and pixels")
    width, height = struct.unpack_from("<II", data.data)
    _check_size(width, height, source)
    pixels = decompress_rvl(data[8:], width * height)
    if pixels is None:
        reason = f"an RVL image of {width}x{height} that is cut off or damaged"
        raise DecodeError(source, reason, "the whole image")
    return pixels.reshape(height, width)


def _png(data: Bytes, source: str) -> NDArray[np.uint16]:
    """Decode a whole and sound PNG; OpenCV alone would fill what is missing with zeros."""
    import cv2  # late: few need it, and it takes a while

    width, height = _check_png(data.data, source)
    pixels: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != (height, width) or pixels.dtype != np.uint16:
        raise DecodeError(source, "a PNG that OpenCV cannot read", "one channel of 16 bits")
    grey: NDArray[np.uint16] = pixels
    return grey


_DECODERS = {"png": _png, "rvl": _rvl}


def _check_png(data: memoryview, source: str) -> tuple[int, int]:
    """Width and height of a PNG whose chunks are all there, sound, and of 16-bit grey."""
    if bytes(data[:8]) != _PNG or len(data) < 33:
        raise DecodeError(source, f"data that begin with {bytes(data[:8])!r}", "a PNG image")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    if (bits, colour) != (16, 0):
        raise DecodeError(source, f"a PNG of {bits} bits and colour type {colour}", "16-bit grey")
    _check_size(width, height, source)
    at, name = 8, b""
    while name != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        name, end = bytes(data[at + 4 : at + 8]), at + 8 + length
        if end + 4 > len(data):
            reason = f"a PNG of {width}x{height} that is cut off after {len(data)} bytes"
            raise DecodeError(source, reason, "the whole image")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise DecodeError(source, f"a PNG whose chunk {name!r} is damaged", "a sound image")
        at = end + 4
    return width, height


def _check_size(width: int, height: int, source: str) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise DecodeError(source, f"an image of {width}x{height}", f"1 to {MAX_PIXELS} pixels")


def decompress_rvl(data: NDArray[np.uint8], count: int) -> NDArray[np.uint16] | None:
    """The `count` pixels of an RVL stream; None for one that is cut off or damaged.

    RVL: A. D. Wilson, "Fast Lossless Depth Image Compression", Interactive Surfaces and Spaces
    2017. 32-bit little-endian words hold eight 4-bit nibbles, highest first. A number takes one
    nibble per three bits, lowest bits first; a nibble's fourth bit says that another follows. The
    numbers are: count of zeros, count of others, for each of these its difference to the last
    other one (2 d, or -2 d - 1 if negative), and again from the start until all pixels are there.
    """
    numbers = _rvl_numbers(data)
    heads, zeros, others = _rvl_runs(numbers, count)
    if not heads:
        return None
    zeros_, others_ = np.array(zeros), np.array(others)
    is_step = np.ones(heads[-1] + 2 + others[-1], np.bool_)
    is_step[heads] = is_step[np.array(heads) + 1] = False
    coded = numbers[: len(is_step)][is_step]
    values = np.cumsum((coded >> 1) ^ -(coded & 1)).astype(np.uint16)
    lengths = np.stack([zeros_, others_], axis=1).ravel()
    returned = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    pixels = np.zeros(count, np.uint16)
    pixels[returned] = values
    return pixels


def _rvl_numbers(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """All numbers of the stream, whatever they mean; ends before one that is unreasonably long."""
    words = np.frombuffer(data[: data.size // 4 * 4], "<u4").astype(">u4").view(np.uint8)
    nibbles = np.stack([words >> 4, words & 15], axis=1).ravel()
    ends = np.flatnonzero(nibbles < 8)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    lengths = ends - starts + 1
    if lengths.max(initial=0) > _MOST_NIBBLES:
        stop = int(np.argmax(lengths > _MOST_NIBBLES))
        starts, ends, lengths = starts[:stop], ends[:stop], lengths[:stop]
    if not len(starts):
        return np.empty(0, np.int64)
    place = np.arange(ends[-1] + 1) - np.repeat(starts, lengths)
    bits = (nibbles[: len(place)] & 7).astype(np.int64) << 3 * place
    numbers: NDArray[np.int64] = np.add.reduceat(bits, starts)
    return numbers


def _rvl_runs(numbers: NDArray[np.int64], count: int) -> tuple[list[int], list[int], list[int]]:
    """Where each pair of runs begins, its zeros and its others; empty unless they fill `count`."""
    view, last = numbers.data, len(numbers) - 2
    heads, zeros, others = [], [], []
    at = done = 0
    while done < count:
        if at > last:
            return [], [], []
        heads.append(at)
        zeros.append(view[at])
        others.append(view[at + 1])
        done += view[at] + view[at + 1]
        at += 2 + view[at + 1]
    if done > count or at > len(numbers):
        return [], [], []
    return heads, zeros, others
