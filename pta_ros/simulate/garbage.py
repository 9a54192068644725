"""What a broken sensor sends: messages' contents that contradict themselves or mean nothing.

The kinds cycle, so that a few seconds of garbage try every check a decoder should have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CSI_KINDS = ("nan", "antennas", "truncated", "absurd", "noise")
DEPTH_KINDS = ("encoding", "truncated", "zeros", "saturated")
LIDAR_KINDS = ("nan", "truncated", "empty", "far", "collapsed")


@dataclass(frozen=True)
class RawCsi:
    """A CSI message's content: the shape its fields claim and its amplitudes, flat float32."""

    shape: tuple[int, int, int]
    amplitude: NDArray[np.float32]


@dataclass(frozen=True)
class RawDepth:
    """An image message's content: the size and encoding its fields claim and its bytes."""

    height: int
    width: int
    encoding: str
    data: bytes


@dataclass(frozen=True)
class RawCloud:
    """A cloud message's content: the number of points its fields claim and its xyz bytes."""

    points: int
    data: bytes


def clean_csi(amplitude: NDArray[np.floating]) -> RawCsi:
    """The content of a good CSI message; `amplitude` is (antennas, subcarriers, packets)."""
    a, s, p = amplitude.shape
    return RawCsi((a, s, p), np.ascontiguousarray(amplitude, dtype=np.float32).reshape(-1))


def clean_depth(depth_mm: NDArray[np.uint16]) -> RawDepth:
    """The content of a good 16UC1 image; `depth_mm` is (height, width) millimetres."""
    height, width = depth_mm.shape
    return RawDepth(height, width, "16UC1", np.ascontiguousarray(depth_mm, "<u2").tobytes())


def clean_cloud(points_m: NDArray[np.float32]) -> RawCloud:
    """The content of a good cloud; `points_m` is (N, 3) metres."""
    return RawCloud(len(points_m), np.ascontiguousarray(points_m, "<f4").tobytes())


def garble_csi(turn: int, amplitude: NDArray[np.floating], rng: np.random.Generator) -> RawCsi:
    """The `turn`-th kind of nonsense made from a clean (3, 114, 10) frame."""
    good = clean_csi(amplitude)
    kind = CSI_KINDS[turn % len(CSI_KINDS)]
    if kind == "nan":
        return RawCsi(good.shape, np.full_like(good.amplitude, np.nan))
    if kind == "antennas":
        return clean_csi(amplitude[:-1])
    if kind == "truncated":
        return RawCsi(good.shape, good.amplitude[: good.amplitude.size // 2])
    if kind == "absurd":
        return RawCsi(good.shape, good.amplitude * np.float32(1e12))
    # White noise of the very values of a real frame: only their order betrays it.
    return RawCsi(good.shape, rng.permutation(good.amplitude))


def garble_depth(turn: int, depth_mm: NDArray[np.uint16]) -> RawDepth:
    """The `turn`-th kind of nonsense made from a clean (height, width) millimetre image."""
    good = clean_depth(depth_mm)
    kind = DEPTH_KINDS[turn % len(DEPTH_KINDS)]
    if kind == "encoding":
        return RawDepth(good.height, good.width, "rgb8", good.data)
    if kind == "truncated":
        return RawDepth(good.height, good.width, good.encoding, good.data[: len(good.data) // 2])
    if kind == "zeros":
        return clean_depth(np.zeros_like(depth_mm))
    return clean_depth(np.full_like(depth_mm, 65535))


def garble_cloud(turn: int, points_m: NDArray[np.float32]) -> RawCloud:
    """The `turn`-th kind of nonsense made from a clean (N, 3) metre cloud."""
    good = clean_cloud(points_m)
    kind = LIDAR_KINDS[turn % len(LIDAR_KINDS)]
    if kind == "nan":
        return clean_cloud(np.full_like(points_m, np.nan))
    if kind == "truncated":
        return RawCloud(good.points, good.data[: len(good.data) // 2])
    if kind == "empty":
        return RawCloud(0, b"")
    if kind == "far":
        return clean_cloud(points_m + np.float32(1e6))
    return clean_cloud(np.zeros_like(points_m))
