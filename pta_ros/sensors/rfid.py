"""RFID: phases of passive tags over a window of five seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.window import WindowSensor, held, reject_values
from pta_ros.sensors.wire import as_floats, read


@dataclass(frozen=True)
class RfidSensor(WindowSensor):
    """Physical array: float32 (packets, tags), radians; NaN for a tag that was not read.

    `unwrap` undoes the jumps by a whole turn and subtracts each tag's mean over the window. A live
    window whose `coherence` is below `min_coherence` is noise, not motion, and is refused.
    """

    modality: ClassVar[str] = "rfid"
    sensor_set: ClassVar[str] = "xrf55"
    topic: ClassVar[str] = "rfid/phase"
    message_type: ClassVar[str] = "pta_msgs/msg/RfidPhases"
    frame_id: ClassVar[str] = "rfid_frame"
    colour: ClassVar[str] = "#56B4E9"
    letter: ClassVar[str] = "RF"
    values_field: ClassVar[str] = "phase"

    packets: int = 148
    tags: int = 23
    unwrap: bool = True
    max_missing: float = 0.6
    max_phase_rad: float = 1e4
    min_coherence: float = 0.5

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

    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """A pta_msgs/RfidPhases of one packet (tags,) or (1, tags)."""
        return {"phase": np.ascontiguousarray(array, np.float32).reshape(-1)}

    def check_packets(self, packets: FloatArray, source: str) -> None:
        """Reject packets with few tags, and values that cannot be phases."""
        reject_values(packets, self.max_phase_rad, self.max_missing, "phases", source)

    def complete(self, window: FloatArray, source: str) -> FloatArray:
        """As in WindowSensor; DecodeError, too, for phases that jump at random."""
        found = coherence(held(window))
        if found < self.min_coherence:
            told = f"phases that jump at random (coherence {found:.2f})"
            raise DecodeError(source, told, f"{self.min_coherence:g} or more")
        return super().complete(window, source)

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

    # -- injected faults, see Sensor ------------------------------------------------------------

    noise_text: ClassVar[str] = "sigma {v:g} rad"

    def add_noise(self, values: NDArray[Any], strength: float, rng: np.random.Generator) -> None:
        """Every phase is off by `strength` radians (one sigma)."""
        values += rng.standard_normal(values.shape, np.float32) * np.float32(strength)


def coherence(phases: FloatArray) -> float:
    """How alike a tag's changes of phase from packet to packet are, 0 to 1; the median tag's.

    `phases` (packets, tags), radians. It is the length of the mean direction of the changes:
    near exp(-variance) for noise, whatever the offset and the turns.
    """
    changes = np.diff(phases, axis=0)
    lengths = np.hypot(np.cos(changes).mean(axis=0), np.sin(changes).mean(axis=0))
    return float(np.median(lengths))
