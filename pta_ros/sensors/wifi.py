"""Wi-Fi: channel amplitudes of several links over a window of five seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.channel import amplitudes, bandwidth_mhz, check_antennas, regrid
from pta_ros.sensors.csi import coherence_of
from pta_ros.sensors.window import WindowSensor, divides, held, pool, reject_values


@dataclass(frozen=True)
class WifiSensor(WindowSensor):
    """Physical array: float32 (packets, links * subcarriers), linear amplitude.

    Each link's subcarriers are pooled to `groups`, the window's packets to `steps`. `relative`
    gives the change of every channel against its own mean over the window; what is static in a
    room, and the receivers' gain, drop out.
    """

    modality: ClassVar[str] = "wifi"
    sensor_set: ClassVar[str] = "xrf55"
    topic: ClassVar[str] = "wifi/csi"
    message_type: ClassVar[str] = "pta_msgs/msg/CsiFrame"
    frame_id: ClassVar[str] = "wifi_frame"
    colour: ClassVar[str] = "#009E73"
    letter: ClassVar[str] = "W"
    values_field: ClassVar[str] = "amplitude"

    packets: int = 1000
    links: int = 9
    subcarriers: int = 30
    groups: int = 3
    steps: int = 500
    relative: bool = True
    max_missing: float = 0.3
    max_amplitude: float = 1e6
    #: Least lag-1 correlation over subcarriers: noise is no channel.
    min_coherence: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        divides(self.groups, self.subcarriers, "wifi: groups")
        divides(self.steps, self.packets, "wifi: steps")

    @property
    def shape(self) -> tuple[int, ...]:
        """(links * groups, steps)."""
        return (*self.packet_shape, self.steps)

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """(links * subcarriers,)."""
        return (self.links * self.subcarriers,)

    @property
    def packet_shape(self) -> tuple[int, ...]:
        """(links * groups,)."""
        return (self.links * self.groups,)

    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read a pta_msgs/CsiFrame whose antennas are the links: (packets in it, 270)."""
        array = amplitudes(msg, source)
        check_antennas(array, self.links, "wifi: links", source)
        # The bandwidth of XRF55's receivers is not published: the sender's is taken as the model's.
        array = regrid(array, msg, self.subcarriers, bandwidth_mhz(msg), source)
        return np.ascontiguousarray(array.reshape(-1, array.shape[2]).T)

    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """A pta_msgs/CsiFrame of packets (n, links * subcarriers)."""
        links = np.ascontiguousarray(array.T, np.float32).reshape(self.links, -1, len(array))
        return {
            "antennas": self.links,
            "subcarriers": links.shape[1],
            "packets": len(array),
            "amplitude": links.reshape(-1),
        }

    def check_packets(self, packets: FloatArray, source: str) -> None:
        """Reject what cannot be amplitudes: not finite, absurd, negative, all alike, or noise."""
        reject_values(packets, self.max_amplitude, self.max_missing, "amplitudes", source)
        known = packets[np.isfinite(packets)]
        if known.min() < 0 or known.max() <= known.min():
            reason = f"amplitudes from {known.min():.4g} to {known.max():.4g}"
            raise DecodeError(source, reason, "a channel that varies, 0 or more")
        links = np.nan_to_num(packets, nan=float(known.mean()), posinf=0.0, neginf=0.0)
        coherence = coherence_of(links.T.reshape(self.links, self.subcarriers, -1))
        if coherence < self.min_coherence:
            reason = f"neighbouring subcarriers correlate by {coherence:.2f} (noise)"
            raise DecodeError(source, reason, f"at least {self.min_coherence}")

    def squeeze(self, packets: FloatArray) -> FloatArray:
        """Pool subcarriers; a group with a value that is not finite is not known."""
        grouped = packets.reshape(len(packets), self.links * self.groups, -1)
        with np.errstate(invalid="ignore"):
            means = grouped.mean(axis=2, dtype=np.float32)
        squeezed: FloatArray = np.where(np.isfinite(means), means, np.float32(np.nan))
        return squeezed

    def finish(self, window: FloatArray) -> FloatArray:
        """Fill what is not known, pool in time, and take the change: (channels, steps)."""
        pooled = pool(held(window), 0, self.steps)
        if self.relative:
            level = pooled.mean(axis=0)
            pooled = (pooled - level) / np.maximum(level, 1e-6)
        return np.ascontiguousarray(pooled.T, np.float32)

    # -- injected faults, see Sensor ------------------------------------------------------------

    own_faults: ClassVar[tuple[str, ...]] = ("noise", "dead_antenna", "nan", "wrong_encoding")
    axes: ClassVar[tuple[str, ...]] = ("antennas", "subcarriers", "packets")
    noise_text: ClassVar[str] = "sigma {p:g} % of the mean amplitude"
    positive: ClassVar[bool] = True
