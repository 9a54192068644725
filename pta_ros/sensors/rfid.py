"""RFID: phases of passive tags over a window of five seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.window import WindowSensor, held, reject_values
from pta_ros.sensors.wire import as_floats, read


@dataclass(frozen=True)
class RfidSensor(WindowSensor):
    """Physical array: float32 (packets, tags), radians; NaN for a tag that was not read.

    `unwrap` undoes the jumps by a whole turn and subtracts each tag's mean over the window.
    """

    modality: ClassVar[str] = "rfid"

    packets: int = 148
    tags: int = 23
    unwrap: bool = True
    max_missing: float = 0.6
    max_phase_rad: float = 1e4

    @property
    def shape(self) -> tuple[int, ...]:
        """(tags, packets)."""
        return (self.tags, self.packets)

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """(tags,)."""
        return (self.tags,)

    @property
    def packet_shape(self) -> tuple[int, ...]:
        """(tags,)."""
        return (self.tags,)

    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read a pta_msgs/RfidPhases as (1, tags)."""
        phase = as_floats(read(msg, "phase", source), "phase", source)
        if phase.size != self.tags:
            raise DecodeError(source, f"{phase.size} phases", f"{self.tags}, one per tag")
        return phase.reshape(1, -1)

    def check_packets(self, packets: FloatArray, source: str) -> None:
        """Reject packets with few tags, and values that cannot be phases."""
        reject_values(packets, self.max_phase_rad, self.max_missing, "phases", source)

    def squeeze(self, packets: FloatArray) -> FloatArray:
        """As they are; what is not finite is not known."""
        squeezed: FloatArray = np.where(np.isfinite(packets), packets, np.float32(np.nan))
        return squeezed

    def finish(self, window: FloatArray) -> FloatArray:
        """Fill what is not known, and unwrap: (tags, packets)."""
        phases = held(window)
        if self.unwrap:
            phases = np.unwrap(phases, axis=0)
            phases = phases - phases.mean(axis=0)
        return np.ascontiguousarray(phases.T, np.float32)
