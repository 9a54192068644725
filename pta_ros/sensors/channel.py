"""What the numbers of a pta_msgs/CsiFrame are: unit and tones, brought to what a model knows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.tones import EDGES, Tones, carrying, layout
from pta_ros.sensors.wire import as_floats, read, read_size

LINEAR, DB = 0, 1
#: Levels below this share of the others' are those of tones in which nothing was sent.
_EMPTY = 0.03


def from_db(values: NDArray[Any]) -> FloatArray:
    """Linear amplitudes of decibels (20 log10); what is not finite stays so."""
    with np.errstate(over="ignore", invalid="ignore"):
        linear = np.power(10.0, np.asarray(values, np.float64) / 20.0)
        kept: FloatArray = np.where(np.isfinite(values), linear, values).astype(np.float32)
    return kept


def to_db(values: NDArray[Any]) -> NDArray[np.float64]:
    """Decibels of linear amplitudes, -inf of zero; what is not finite stays so."""
    wide = np.asarray(values, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(wide), 20.0 * np.log10(np.maximum(wide, 0.0)), wide)


def amplitudes(msg: Any, source: str) -> FloatArray:
    """A frame's linear amplitudes, float32 (antennas, subcarriers, packets), NaN for no reading.

    A tone that is exactly 0 in every packet of every antenna was not measured: guard and null tones
    of ESP32 and Nexmon captures, tones that a driver pads. Raises DecodeError.
    """
    shape = tuple(read_size(msg, name, source) for name in ("antennas", "subcarriers", "packets"))
    values = as_floats(read(msg, "amplitude", source), "amplitude", source)
    count = shape[0] * shape[1] * shape[2]
    if values.size != count or not count:
        raise DecodeError(source, f"{values.size} amplitudes", f"{count} of {shape}, 1 or more")
    unit = getattr(msg, "unit", LINEAR)  # recordings made before it was there are linear
    if unit not in (LINEAR, DB):
        raise DecodeError(source, f"unit = {unit!r}", "0 (LINEAR) or 1 (DB)")
    array = (from_db(values) if unit == DB else values).reshape(shape)
    silent = ~array.any(axis=(0, 2))
    if silent.any() and not silent.all():
        array = array.copy()
        array[:, silent] = np.nan
    return array


def check_antennas(array: FloatArray, expected: int, setting: str, source: str) -> None:
    """Raise DecodeError unless a frame has a model's antennas; `setting` is theirs in training."""
    count = len(array)
    if count == expected:
        return
    reason = f"{count} antennas (antennas, subcarriers, packets = {array.shape})"
    choose = f", or choose {expected} in the driver (csi_node: antennas)"
    raise DecodeError(
        source,
        reason,
        f"{expected}, as the model was trained with: train with sensors: {setting}: {count}"
        f"{choose if count > expected else ''}",
    )


def regrid(array: FloatArray, msg: Any, count: int, mhz: int, source: str) -> FloatArray:
    """A frame at a model's `count` tones of a channel `mhz` wide, by distance from the centre.

    A frame of that count whose bandwidth is that (or is not told) is left as it is. Linear
    between tones; NaN farther from a measured tone than the receiver's tones are from each other.
    Raises DecodeError where the frame does not say where its tones are.
    """
    given = bandwidth_mhz(msg)
    if array.shape[1] == count and given in (0, mhz):
        return array
    there = f"{array.shape[1]} subcarriers"
    if not given:
        raise DecodeError(
            source, f"{there} and no bandwidth_hz", f"{count}, or bandwidth_hz to resample by"
        )
    tones, wanted = layout(array.shape[1], given), layout(count, mhz)
    if tones is None or wanted is None:
        expected = f"a layout of 802.11 ({', '.join(map(str, EDGES))} MHz), resampled to {count}"
        raise DecodeError(source, f"{there} in a channel of {given} MHz", expected)
    _in_order(array, tones, given, source)
    return _interpolated(array, tones, carrying(tones, given), wanted)


def bandwidth_mhz(msg: Any) -> int:
    """The width of the channel that a frame tells, in MHz; 0 when it tells none."""
    hz = getattr(msg, "bandwidth_hz", 0.0)
    return round(hz / 1e6) if isinstance(hz, int | float) and 0 < hz < 1e9 else 0


def _in_order(array: FloatArray, tones: Tones, mhz: int, source: str) -> None:
    """Raise DecodeError for all tones of an FFT that begin at the channel's centre."""
    guard = ~carrying(tones, mhz)
    if guard.sum() < 8:
        return
    known = np.isfinite(array)
    level = np.where(known, array, 0).sum(axis=(0, 2)) / np.maximum(known.sum(axis=(0, 2)), 1)
    as_told, rolled = level[guard].mean(), level[np.fft.fftshift(guard)].mean()
    if rolled < 0.1 * level.mean() < as_told:
        reason = "its tones begin at the channel's centre, in the order of the FFT"
        raise DecodeError(source, reason, "tones in ascending frequency: numpy.fft.fftshift first")


def _interpolated(
    array: FloatArray, tones: Tones, carries: NDArray[np.bool_], wanted: Tones
) -> FloatArray:
    """(antennas, wanted tones, packets) from the tones that carry something and were measured."""
    measured = carries & np.isfinite(array).any(axis=(0, 2))
    if not measured.any():
        return np.full((array.shape[0], len(wanted), array.shape[2]), np.nan, np.float32)
    at, values = tones[measured], array[:, measured]
    high = np.clip(np.searchsorted(at, wanted), 0, len(at) - 1)
    low = np.clip(np.where(at[high] == wanted, high, high - 1), 0, len(at) - 1)
    span = np.maximum(at[high] - at[low], 1)
    share = np.clip((wanted - at[low]) / span, 0.0, 1.0).astype(np.float32)[:, None]
    found = values[:, low] * (1 - share) + values[:, high] * share
    spacing = float(np.median(np.diff(at))) if len(at) > 1 else 1.0
    away = np.minimum(np.abs(wanted - at[low]), np.abs(wanted - at[high]))
    found[:, away > spacing] = np.nan
    resampled: FloatArray = found.astype(np.float32)
    return resampled


def levelled(array: FloatArray, most: float) -> FloatArray:
    """A frame without the steps of a receiver's gain from packet to packet.

    An antenna whose packets' means step by more than `most` (deviation of the steps over the square
    root of 2, against the mean) has each packet brought to its mean; the others stay as they are.
    """
    if array.shape[2] < 3:
        return array
    known = np.isfinite(array)
    heard = np.where(known, array, 0).sum(axis=1, dtype=np.float64)
    gain = heard / np.maximum(known.sum(axis=1), 1)
    had = gain > 0
    count = had.sum(axis=1)
    mean = np.where(had, gain, 0).sum(axis=1) / np.maximum(count, 1)
    mean[count == 0] = 1
    steps = np.diff(np.where(had, gain, mean[:, None]), axis=1)
    stepping = steps.std(axis=1) / np.sqrt(2) / mean > most
    if not stepping.any():
        return array
    factor = np.where(had & stepping[:, None], mean[:, None] / np.where(had, gain, 1.0), 1.0)
    level: FloatArray = (array * factor[:, None, :]).astype(np.float32)
    return level


def what_lacks(array: FloatArray) -> tuple[str, str]:
    """What of a frame with many gaps was not measured, and what to do about it; "" for no part."""
    known = np.isfinite(array)
    by_tone, by_antenna, by_packet = (
        np.asarray(~known.any(axis=axes)) for axes in ((0, 2), (1, 2), (0, 1))
    )
    if known.any() and by_tone.mean() >= max(by_antenna.mean(), by_packet.mean(), 0.1):
        return (
            f"{by_tone.sum()} of {len(by_tone)} tones ({spans(by_tone)}) were not measured",
            "let the receiver hear the model's whole channel (HT40 for 40 MHz), or train for what "
            "it gives (sensors: csi: subcarriers, bandwidth_mhz)",
        )
    if known.any() and by_antenna.any():
        return (
            f"antennas {spans(by_antenna)} of {len(by_antenna)} were not measured",
            "connect them, or train with fewer (sensors: csi: antennas)",
        )
    if known.any() and by_packet.any():
        return (
            f"{by_packet.sum()} of {len(by_packet)} packets were not measured",
            "send more packets a second, or let bursts wait longer for them (gap_s)",
        )
    return "", ""


def empty_tones(array: FloatArray) -> NDArray[np.bool_]:
    """Tones of a frame without gaps whose level is that of a receiver that hears nothing there."""
    level = array.mean(axis=(0, 2), dtype=np.float64)
    if level.min() >= _EMPTY * level.max():  # as a rule; a quantile takes longer
        return np.zeros(len(level), bool)
    empty: NDArray[np.bool_] = level < _EMPTY * float(np.quantile(level, 0.9))
    return empty


def steady(array: FloatArray) -> float:
    """Correlation of the profiles over tones of every other packet: near 1 where packets agree."""
    if array.shape[2] < 2:
        return 0.0
    halves = [array[:, :, k::2].mean(axis=2, dtype=np.float64) for k in (0, 1)]
    a, b = (half - half.mean(axis=1, keepdims=True) for half in halves)
    energy = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / energy if energy > 0 else 0.0


def spans(flags: NDArray[np.bool_]) -> str:
    """Where flags are set, such as "0-28, 85-113"; four runs at most."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    runs = [f"{a}-{b - 1}" if b - a > 1 else f"{a}" for a, b in edges.reshape(-1, 2)]
    return ", ".join(runs[:4]) + (", ..." if len(runs) > 4 else "")
