"""Wi-Fi channel state: pta_msgs/CsiFrame repaired and scaled as the MM-Fi data set's users do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.channel import (
    amplitudes,
    check_antennas,
    empty_tones,
    levelled,
    regrid,
    spans,
    steady,
    to_db,
    what_lacks,
)
from pta_ros.sensors.wire import as_floats, read

#: Correlation of packets with each other above which a frame is no noise.
_STEADY = 0.7


@dataclass(frozen=True)
class CsiSensor(Sensor):
    """Physical array: float32 (antennas, subcarriers, packets), linear; may hold NaN and inf.

    Non-finite values are this sensor's own convention for lost readings (MM-Fi's files have them);
    a small share is repaired, a large one is an error. Messages in dB become linear; messages of
    other tones are resampled by frequency when they tell their bandwidth. Which antenna is which
    cannot be seen in the data: they must come in the order of training.
    """

    modality: ClassVar[str] = "csi"
    sensor_set: ClassVar[str] = "mmfi"
    topic: ClassVar[str] = "wifi/csi"
    message_type: ClassVar[str] = "pta_msgs/msg/CsiFrame"
    frame_id: ClassVar[str] = "wifi_frame"
    colour: ClassVar[str] = "#009E73"
    letter: ClassVar[str] = "W"
    values_field: ClassVar[str] = "amplitude"
    picture: ClassVar[str] = "lines"
    #: MM-Fi's access points: channel 64, 40 MHz wide.
    device: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"center_frequency_hz": 5.32e9, "bandwidth_hz": 40e6}
    )

    antennas: int = 3
    subcarriers: int = 114
    packets: int = 10
    #: Width of the channel that the model's subcarriers span (MM-Fi: 40 MHz).
    bandwidth_mhz: int = 40
    #: What the model takes: "linear", or "db" (X-Fi's published encoders saw MM-Fi's dB).
    unit: str = "linear"
    #: Mean amplitudes that step by more than this from packet to packet (a share of the mean) are
    #: a receiver's gain control: each packet is brought to its antenna's mean. People make 0.073
    #: at most in 1,620 simulated frames, Atheros cards 0.15 to 0.6.
    gain_steps: float = 0.1
    max_repaired: float = 0.3
    max_amplitude: float = 1e6
    #: Amplitude is not negative; a few values are forgiven, as some tools export decibels.
    max_negative: float = 0.05
    #: Least lag-1 correlation over subcarriers of the packet mean: noise is no channel.
    min_coherence: float = 0.2

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or self.subcarriers < 3:
            raise ConfigError(
                f"csi: {self.shape}; expected at least 1 antenna, 3 subcarriers, 1 packet"
            )
        if self.unit not in ("linear", "db"):
            raise ConfigError(f"csi: unit {self.unit!r}; expected linear or db")

    @property
    def shape(self) -> tuple[int, ...]:
        """(antennas, subcarriers, packets)."""
        return (self.antennas, self.subcarriers, self.packets)

    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read a pta_msgs/CsiFrame's amplitude; phase is checked for its length only."""
        array = amplitudes(msg, source)
        phase = as_floats(read(msg, "phase", source), "phase", source)
        if phase.size not in (0, array.size):
            reason = f"{array.size} amplitudes and {phase.size} phases"
            raise DecodeError(source, reason, f"{array.size} phases or none")
        check_antennas(array, self.antennas, "csi: antennas", source)
        if array.shape[2] != self.packets:
            expected = f"{self.packets} in {self.shape}; csi_node: packets:={self.packets}"
            raise DecodeError(source, f"{array.shape[2]} packets a message", expected)
        return regrid(array, msg, self.subcarriers, self.bandwidth_mhz, source)

    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """A pta_msgs/CsiFrame of amplitudes (antennas, subcarriers, packets), without phase."""
        antennas, subcarriers, packets = array.shape
        return {
            "antennas": antennas,
            "subcarriers": subcarriers,
            "packets": packets,
            "amplitude": np.ascontiguousarray(array, np.float32).reshape(-1),
        }

    def check(self, array: FloatArray, source: str) -> None:
        """Reject wrong shapes, frames beyond repair, absurd amplitudes, and noise."""
        if array.shape != self.shape:
            raise DecodeError(source, f"CSI of shape {array.shape}", str(self.shape))
        lost = 1 - np.count_nonzero(np.isfinite(array)) / array.size
        if lost > self.max_repaired:
            what, remedy = what_lacks(array)
            reason = f"{lost:.1%} of the amplitudes are NaN or infinite"
            expected = f"at most {self.max_repaired:.0%}"
            raise DecodeError(
                source,
                f"{reason}: {what}" if what else reason,
                f"{expected}; {remedy}" if remedy else expected,
            )
        repaired = repair(array)
        low, high = float(repaired.min()), float(repaired.max())
        negative = np.count_nonzero(repaired < 0) / array.size if low < 0 else 0.0
        if max(-low, high) > self.max_amplitude or negative > self.max_negative:
            reason = f"amplitudes from {low:.4g} to {high:.4g}, {negative:.1%} of them negative"
            expected = f"0 to {self.max_amplitude:g}; decibels need unit = 1 (DB) in the message"
            raise DecodeError(source, reason, expected)
        if high - low <= 0:
            raise DecodeError(source, f"all amplitudes are {low:.4g}", "a channel that varies")
        empty = empty_tones(repaired)
        if np.count_nonzero(empty) > self.max_repaired * empty.size:
            reason = f"{empty.sum()} of {len(empty)} tones ({spans(empty)}) hold nothing"
            raise DecodeError(
                source,
                f"{reason}: the packets were narrower than the channel, or the rest is padding",
                f"at most {self.max_repaired:.0%}; let the sender use the whole channel",
            )
        self._check_order(repaired, source)

    def _check_order(self, repaired: FloatArray, source: str) -> None:
        """Reject noise, and tones in an order that is not that of frequency."""
        coherence = coherence_of(repaired)
        if coherence >= self.min_coherence:
            return
        reason, expected = f"neighbouring subcarriers correlate by {coherence:.2f}", "at least "
        if (agree := steady(repaired)) > _STEADY:
            reason += f", but packets by {agree:.2f} (tones in another order than by frequency)"
            expected = "tones in ascending frequency, "
        else:
            reason += " (noise)"
        raise DecodeError(source, reason, f"{expected}{self.min_coherence}")

    def reduce(self, array: FloatArray) -> FloatArray:
        """Even out gain steps, repair a checked frame and scale it to 0..1 as a whole."""
        array = levelled(array, self.gain_steps)
        if self.unit == "db":
            array = to_db(array).astype(np.float32)
        repaired = repair(array)
        low, high = repaired.min(), repaired.max()
        scaled: FloatArray = ((repaired - low) / (high - low)).astype(np.float32, copy=False)
        return scaled

    # -- injected faults, see Sensor ------------------------------------------------------------

    own_faults: ClassVar[tuple[str, ...]] = ("noise", "dead_antenna", "nan", "wrong_encoding")
    axes: ClassVar[tuple[str, ...]] = ("antennas", "subcarriers", "packets")
    noise_text: ClassVar[str] = "sigma {p:g} % of the mean amplitude"
    positive: ClassVar[bool] = True


def repair(array: FloatArray) -> FloatArray:
    """Replace non-finite values by the mean of their packet's finite values (all antennas).

    This is the clean-up MM-Fi's toolbox defines. A packet without any finite value takes the
    frame's mean, where the toolbox would leave NaN.
    """
    finite = np.isfinite(array)
    if finite.all():
        return array
    known = np.where(finite, array, np.float32(0))
    counts = finite.sum(axis=(0, 1))
    sums = known.sum(axis=(0, 1), dtype=np.float64)
    frame_mean = sums.sum() / max(counts.sum(), 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), frame_mean)
    return np.where(finite, array, means).astype(np.float32)


def coherence_of(amplitude: FloatArray) -> float:
    """Return the lag-1 correlation across subcarriers of the mean over packets, antennas pooled.

    About 0 for white noise, near 1 for a multipath channel; 0 when no antenna varies.
    """
    profile = amplitude.mean(axis=2, dtype=np.float64)
    profile = profile - profile.mean(axis=1, keepdims=True)
    a, b = profile[:, :-1], profile[:, 1:]
    energy = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / energy if energy > 0 else 0.0
