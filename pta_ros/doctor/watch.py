"""What is noted of one topic while its messages come: rate, stamps, frame, and a few samples."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pta_ros.clock import NS
from pta_ros.errors import DecodeError
from pta_ros.fusion.refusals import Refusals

#: Messages of a topic that are kept to be tried, and gaps that are kept for the jitter.
SAMPLES = 4
_GAPS = 2000


@dataclass(eq=False)
class Watch:
    """One topic: `type` as "sensor_msgs/msg/Image", its publishers' node names and QoS, in words.

    `problem` says why its messages cannot be read at all; `delay_ns` is the smallest delay from
    stamp to receipt, None where no stamp says.
    """

    name: str
    type: str
    publishers: tuple[str, ...] = ()
    qos: str = ""
    problem: str = ""
    count: int = 0
    unstamped: int = 0
    delay_ns: int | None = None
    unread: Refusals = field(default_factory=Refusals)
    samples: deque[tuple[Any, int]] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    _gaps: deque[int] = field(default_factory=lambda: deque(maxlen=_GAPS))
    _first_ns: int = 0
    _last_ns: int = 0
    _sampled_ns: int = 0

    def heard(self, data: bytes, now_ns: int, every_ns: int, decode: Callable[[], Any]) -> None:
        """Take one serialized message, received at `now_ns`; one is kept every `every_ns`."""
        if self.count:
            self._gaps.append(now_ns - self._last_ns)
        self._first_ns = self._first_ns if self.count else now_ns
        self._last_ns = now_ns
        self.count += 1
        self._note_stamp(data, now_ns)
        if not self.samples or now_ns - self._sampled_ns >= every_ns:
            self._sampled_ns = now_ns
            try:
                self.samples.append((decode(), now_ns))
            except DecodeError as error:
                self.unread.add(error)

    def _note_stamp(self, data: bytes, now_ns: int) -> None:
        stamp_ns = header_ns(data)
        if not stamp_ns:
            self.unstamped += 1
            return
        delay_ns = now_ns - stamp_ns
        self.delay_ns = delay_ns if self.delay_ns is None else min(self.delay_ns, delay_ns)

    @property
    def rate_hz(self) -> float:
        """Messages per second of receipt; 0 with fewer than two."""
        span_ns = self._last_ns - self._first_ns
        return (self.count - 1) * NS / span_ns if span_ns > 0 else 0.0

    @property
    def jitter_s(self) -> float:
        """Standard deviation of the gaps between messages, seconds."""
        return float(np.std(self._gaps)) / NS if self._gaps else 0.0

    @property
    def frame_id(self) -> str:
        """The frame that the newest sample names."""
        header = getattr(self.samples[-1][0], "header", None) if self.samples else None
        return str(getattr(header, "frame_id", ""))

    @property
    def zero_stamps(self) -> bool:
        """Whether most messages have no stamp."""
        return 2 * self.unstamped > self.count


def header_ns(data: bytes) -> int:
    """The stamp of a serialized message that begins with a std_msgs/Header (CDR); 0: none."""
    if len(data) < 12:
        return 0
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = np.frombuffer(data, f"{order}u4", 2, 4).tolist()
    return int(seconds) * NS + int(nanoseconds)


def described(msg: Any) -> str:
    """Size, encoding or count of points of a message, by its attributes."""
    if hasattr(msg, "encoding"):
        return f"{msg.width}x{msg.height} {msg.encoding}"
    if hasattr(msg, "point_step"):
        fields = " ".join(str(field.name) for field in msg.fields)
        return f"{msg.width}x{msg.height} = {msg.width * msg.height:,} points ({fields})"
    if hasattr(msg, "format"):
        return f"{msg.format.strip()!r}, {len(msg.data):,} bytes"
    if hasattr(msg, "subcarriers"):
        unit = {0: "linear", 1: "dB"}.get(int(getattr(msg, "unit", 0)), "unknown unit")
        return f"{msg.antennas} antennas, {msg.subcarriers} tones, {msg.packets} packets, {unit}"
    return ""
