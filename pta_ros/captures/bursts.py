"""Packets as bursts: the consecutive packets that one pta_msgs/CsiFrame holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.captures.packet import CsiPacket, Losses
from pta_ros.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    """How packets become bursts.

    `packets` consecutive packets of one layout and transmitter make a burst (MM-Fi's have 10). A
    pause of more than `gap_s` ends it; what it has then is sent when it is at least half of it,
    with NaN for the packets that did not come, and is else counted as lost. `antennas` chooses and
    orders them, all when it is empty; `streams` takes every stream of the transmitter as antennas
    of its own, where else the first is taken. `source` takes one transmitter only.
    `center_hz` and `bandwidth_hz` say what the capture does not.
    """

    packets: int = 10
    gap_s: float = 0.5
    antennas: tuple[int, ...] = ()
    streams: bool = False
    source: str = ""
    center_hz: float = 0.0
    bandwidth_hz: float = 0.0

    def __post_init__(self) -> None:
        if self.packets < 1 or not self.gap_s > 0 or any(a < 0 for a in self.antennas):
            raise ConfigError(
                f"{self.packets} packets, {self.gap_s} s, antennas {self.antennas}; expected 1 or "
                "more packets, a positive pause, antennas from 0 on"
            )


@dataclass
class Bursts:
    """Packets go in, the fields of CsiFrame messages with their times come out."""

    plan: Plan
    losses: Losses
    _held: list[CsiPacket] = field(default_factory=list)

    def add(self, packet: CsiPacket) -> Iterator[tuple[int, dict[str, Any]]]:
        """Take a packet; gives the bursts (time of the last packet in ns, fields) that it ends."""
        plan = self.plan
        if plan.source and packet.source.lower() != plan.source.lower():
            self.losses.add(f"a packet of another transmitter than {plan.source}")
            return
        if self._held and not self._continues(packet):
            yield from self.end()
        self._held.append(packet)
        if len(self._held) == plan.packets:
            yield from self.end()

    def _continues(self, packet: CsiPacket) -> bool:
        last = self._held[-1]
        gap_ns = packet.time_ns - last.time_ns
        return packet.layout == last.layout and 0 <= gap_ns <= self.plan.gap_s * 1e9

    def overdue(self, now_ns: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """The burst that has waited too long for its next packet, at a time of the packets."""
        if self._held and now_ns - self._held[-1].time_ns > self.plan.gap_s * 1e9:
            yield from self.end()

    def end(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The burst that there is, complete or not."""
        held, self._held = self._held, []
        if not held:
            return
        if 2 * len(held) < self.plan.packets:
            reason = f"a packet of a burst with less than half of its {self.plan.packets} packets"
            self.losses.add(reason, len(held))
            return
        yield held[-1].time_ns, self._fields(held)

    def _fields(self, held: list[CsiPacket]) -> dict[str, Any]:
        """The message's fields; the packets that did not come are NaN."""
        first, plan = held[0], self.plan
        csi = np.stack([self._links(packet.csi) for packet in held], axis=2)
        lacking = plan.packets - len(held)
        csi = np.pad(csi, ((0, 0), (0, 0), (0, lacking)), constant_values=np.nan)
        phase = np.angle(csi).astype(np.float32)
        return {
            "antennas": csi.shape[0],
            "subcarriers": csi.shape[1],
            "packets": csi.shape[2],
            "amplitude": np.abs(csi).astype(np.float32).reshape(-1),
            "phase": phase.reshape(-1),
            "unit": 0,
            "center_frequency_hz": plan.center_hz or first.center_hz,
            "bandwidth_hz": plan.bandwidth_hz or first.bandwidth_hz,
        }

    def _links(self, csi: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """(antennas, tones) of a packet's (streams, antennas, tones)."""
        taken = csi.reshape(-1, csi.shape[2]) if self.plan.streams else csi[0]
        if not self.plan.antennas:
            return taken
        if max(self.plan.antennas) >= len(taken):
            raise ConfigError(
                f"antennas {list(self.plan.antennas)}: the receiver gives {len(taken)}, "
                f"numbered from 0; choose of these"
            )
        chosen: NDArray[np.complex64] = taken[list(self.plan.antennas)]
        return chosen
