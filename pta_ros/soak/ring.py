"""A ring of rendered readings (synthetic) as messages at made-up times, damaged by a fault script.

No ROS: the messages are those of recordings, which the decoders read like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pta_ros.bags.messages import header, message
from pta_ros.sensors import SENSORS
from pta_ros.simulate.outbox import Fields, pack
from pta_ros.simulate.recording import Session, SimFrame
from pta_ros.simulate.script import Phase, Script


@dataclass(frozen=True)
class Sent:
    """One message of one instant."""

    modality: str
    message: Any


class Ring:
    """`size` frames of a session, again and again; the script's faults over and over."""

    def __init__(self, session: Session, size: int, script: Script) -> None:
        self._frames = [session.frame(number) for number in range(size)]
        self._seed, self._script = session.seed, script
        clean = Phase("clean", 0.0, 1.0)
        self._clean = [pack(f, clean, n, session.seed).fields for n, f in enumerate(self._frames)]
        self._last: dict[str, Any] = {}

    def at(self, index: int, time_s: float, stamp_ns: int) -> Iterator[Sent]:
        """What is sent at the instant `index`, `time_s` after the first one, with this stamp."""
        phase = self.phase(time_s)
        place = index % len(self._frames)
        fields = self._clean[place]
        if len(phase.available) < len(phase.modalities):
            fields = self._damaged(self._frames[place], phase, index)
        for modality, given in fields.items():
            self._last[modality] = _message(modality, given, stamp_ns)
            yield Sent(modality, self._last[modality])
        for modality, fault in phase.faults.items():
            if fault.value == "frozen" and modality in self._last:
                yield Sent(modality, self._last[modality])

    def phase(self, time_s: float) -> Phase:
        """The phase of the script at a time after the first instant."""
        phase = self._script.at(time_s % self._script.duration_s)
        return phase or self._script.phases[0]  # half a microsecond before the end it starts over

    def _damaged(self, frame: SimFrame, phase: Phase, index: int) -> dict[str, Fields]:
        return pack(frame, phase, index, self._seed).fields


def _message(modality: str, fields: Fields, stamp_ns: int) -> Any:
    """The message of a reading's fields."""
    sensor = SENSORS[modality]()
    head = header(stamp_ns, sensor.frame_id)
    return message(sensor.message_type, header=head, **{**sensor.device, **fields})
