"""What a sensor node tells: its readings, and what is to be known of them."""

from __future__ import annotations

from typing import Any, Protocol

from pta_ros.errors import DecodeError
from pta_ros.frames import Frame


class Sink(Protocol):
    """Where a sensor node's readings go; times are ns on the sensor node's clock."""

    def push(self, frame: Frame, msg: Any) -> None:
        """A good reading and the message it came from."""

    def reject(self, modality: str, error: DecodeError, msg: Any, now_ns: int) -> None:
        """A message that cannot be used."""

    def note(self, modality: str, text: str) -> None:
        """A standing remark on the connection, such as an incompatible QoS."""

    def remark(self, modality: str, text: str) -> None:
        """What is to be known now of a stream that is read; empty: nothing any more."""

    def lost(self, modality: str, total: int) -> None:
        """Messages that the middleware knows it lost since the subscription began."""
