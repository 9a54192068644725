"""Sensors whose readings are packets, seen together over a window of time."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.base import Sensor


@dataclass(frozen=True)
class WindowSensor(Sensor):
    """Physical array: float32 (packets, *raw), one window of `window_s` seconds, oldest first.

    Live, a message holds one packet or a few: `decode` gives (n, *raw), `receive` checks and
    squeezes each to `packet_shape`, and a window of squeezed packets is made the model's input by
    `complete`. A window from a file goes the same way at once, by `prepare`.
    """

    packets: int = 1
    window_s: float = 5.0

    def __post_init__(self) -> None:
        if self.packets < 2 or not self.window_s > 0:
            raise ConfigError(
                f"{self.modality}: {self.packets} packets in {self.window_s} s; "
                "expected 2 or more in a positive time"
            )

    @property
    def period_s(self) -> float:
        """Seconds from packet to packet."""
        return self.window_s / self.packets

    @property
    @abstractmethod
    def raw_shape(self) -> tuple[int, ...]:
        """The shape of one packet as it comes."""

    @property
    @abstractmethod
    def packet_shape(self) -> tuple[int, ...]:
        """The shape of one squeezed packet."""

    @abstractmethod
    def check_packets(self, packets: FloatArray, source: str) -> None:
        """Raise DecodeError when packets (n, *raw) cannot be readings of this sensor."""

    @abstractmethod
    def squeeze(self, packets: FloatArray) -> FloatArray:
        """Reduce checked packets (n, *raw) one by one: (n, *packet_shape)."""

    @abstractmethod
    def finish(self, window: FloatArray) -> FloatArray:
        """The model's input of a window (packets, *packet_shape); NaN marks what is not known."""

    def check(self, array: FloatArray, source: str) -> None:
        """Reject a window of another shape, and corrupt packets."""
        expected = (self.packets, *self.raw_shape)
        if array.shape != expected:
            raise DecodeError(source, f"window of shape {array.shape}", str(expected))
        self.check_packets(array, source)

    def reduce(self, array: FloatArray) -> FloatArray:
        """The model's input of a checked window as it comes."""
        return self.finish(self.squeeze(array))

    def receive(self, array: FloatArray, source: str) -> FloatArray:
        """Check and squeeze the packets of one message: (n, *packet_shape)."""
        self.check_packets(array, source)
        return self.squeeze(array)

    def complete(self, window: FloatArray, source: str) -> FloatArray:
        """The model's input of a window of squeezed packets; DecodeError when nothing moves in it.

        A real receiver has noise: packets that are all alike are one packet sent again and again.
        """
        if np.nanmax(np.nanmax(window, axis=0) - np.nanmin(window, axis=0)) <= 0:
            raise DecodeError(source, f"{len(window)} packets that are all alike", "a live sensor")
        reduced = self.finish(window)
        if reduced.shape != self.shape or not np.isfinite(reduced).all():
            expected = f"finite values in {self.shape}"
            raise DecodeError(source, f"window reduced to {reduced.shape}", expected)
        return reduced


def pool(array: FloatArray, axis: int, count: int) -> FloatArray:
    """Means of `count` equal parts of an axis."""
    if array.shape[axis] == count:
        return array
    axis = axis % array.ndim
    shape = (*array.shape[:axis], count, -1, *array.shape[axis + 1 :])
    pooled: FloatArray = array.reshape(shape).mean(axis=axis + 1, dtype=np.float32)
    return pooled


def divides(part: int, whole: int, where: str) -> None:
    """Raise ConfigError unless `whole` values can be pooled to `part`."""
    if part < 1 or whole % part:
        raise ConfigError(f"{where} is {part}; expected a divisor of {whole}")


def held(window: FloatArray) -> FloatArray:
    """A window (T, ...) whose unknown values (NaN) repeat the last known one of their place.

    Before the first known one it is that; a place that is never known is zero throughout.
    """
    unknown = np.isnan(window)
    if not unknown.any():
        return window
    flat, gaps = window.reshape(len(window), -1), unknown.reshape(len(window), -1)
    rows: NDArray[np.intp] = np.where(gaps, 0, np.arange(len(flat))[:, None])
    last = np.maximum.accumulate(rows, axis=0)
    first = np.argmax(~gaps, axis=0)
    filled = np.take_along_axis(flat, np.maximum(last, first), axis=0)
    whole: FloatArray = np.nan_to_num(filled, nan=0.0).reshape(window.shape)
    return whole


def reject_values(packets: FloatArray, most: float, share: float, what: str, source: str) -> None:
    """Raise DecodeError for packets with too many values that are not finite, or too large ones."""
    finite = np.isfinite(packets)
    lost = 1 - np.count_nonzero(finite) / max(packets.size, 1)
    if lost > share:
        expected = f"at most {share:.0%}"
        raise DecodeError(source, f"{lost:.1%} of the {what} are NaN or infinite", expected)
    largest = float(np.abs(packets[finite]).max(initial=0.0))
    if largest > most:
        raise DecodeError(source, f"{what} of up to {largest:.4g}", f"at most {most:g}")
