"""Streams of packets seen through sliding windows: the pipeline of radar, Wi-Fi and RFID.

Every `hop_s` (on multiples of it, on the clock of the stamps) a window ends, and `grace_s` later it
is closed: late packets are there by then. A window is usable when no more than `max_missing` of its
packets are missing and the newest is fresh; smaller gaps are interpolated. Usable windows are the
frames of the ordinary pipeline. Bad packets are counted and are missing from their windows; a
sensor that sends nothing else turns CORRUPT at the next hop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import Frame, Sample, StreamState, StreamStatus
from pta_ros.fusion.pipeline import FusionPipeline, Prediction
from pta_ros.fusion.rates import to_ns
from pta_ros.fusion.ring import PacketRing
from pta_ros.fusion.streams import Stream
from pta_ros.sensors.window import WindowSensor


@dataclass(frozen=True)
class WindowConfig:
    """When windows end and when they count; raises ConfigError for values that cannot work."""

    hop_s: float = 0.5
    grace_s: float = 0.03
    max_missing: float = 0.3

    def __post_init__(self) -> None:
        if not (self.hop_s > 0 and 0 <= self.grace_s < self.hop_s and 0 <= self.max_missing < 1):
            raise ConfigError(
                f"window hop_s {self.hop_s}, grace_s {self.grace_s}, max_missing "
                f"{self.max_missing}; expected 0 <= grace_s < hop_s and a share below 1"
            )


class WindowedPipeline(FusionPipeline):
    """The pipeline whose frames are windows; `push` and `reject` take packets.

    In `statuses`, received, corrupt and the rate are those of the packets' messages; used and
    dropped count windows.
    """

    def __init__(
        self,
        streams: Mapping[str, Stream],
        estimator: Callable[[Sample], Prediction],
        sensors: Mapping[str, WindowSensor],
        config: WindowConfig,
    ) -> None:
        super().__init__(streams, estimator)
        self._rings = {m: PacketRing(sensors[m], s.config) for m, s in self.streams.items()}
        self._config, self._hop_ns = config, to_ns(config.hop_s)
        self._end_ns: int | None = None  # of the next window
        self._why: dict[str, str] = {}

    def push(self, frame: Frame, now_ns: int) -> bool:
        """Take one message's packets (n, ...); True when a window was closed."""
        self._ring(frame.modality).add(frame, now_ns)
        return self._close_due(now_ns)

    def reject(self, modality: str, error: Exception, now_ns: int) -> None:
        """Take note of a message that cannot be used; it is missing from its windows."""
        bad = error if isinstance(error, DecodeError) else DecodeError(modality, str(error), "data")
        self._ring(modality).spoil(bad)
        self._close_due(now_ns)

    def next_due_ns(self) -> int | None:
        """When the next window closes."""
        return None if self._end_ns is None else self._end_ns + to_ns(self._config.grace_s)

    def pending(self, now_ns: int) -> bool:
        """As in FusionPipeline; closes the window that is due."""
        self._close_due(now_ns)
        return super().pending(now_ns)

    def statuses(self, now_ns: int) -> tuple[StreamStatus, ...]:
        """Every stream's status, with the packets' counters."""
        self._close_due(now_ns)
        return tuple(self._told(status, now_ns) for status in super().statuses(now_ns))

    def _told(self, status: StreamStatus, now_ns: int) -> StreamStatus:
        ring, why = self._rings[status.modality], self._why.get(status.modality, "")
        ailing = status.state in (StreamState.MISSING, StreamState.STALE)
        return replace(
            status,
            rate_hz=ring.rate_hz(now_ns),
            received=ring.received,
            dropped=status.dropped + ring.dropped,
            corrupt=ring.bad,
            reason=": ".join(filter(None, (status.reason, why))) if ailing else status.reason,
        )

    def _ring(self, modality: str) -> PacketRing:
        self._stream(modality)  # raises for an unknown one
        return self._rings[modality]

    def _close_due(self, now_ns: int) -> bool:
        """Close the newest window that is due; older ones that nobody asked for are let go."""
        self._tick(now_ns)
        due = (now_ns - to_ns(self._config.grace_s)) // self._hop_ns * self._hop_ns
        if self._end_ns is None:
            self._end_ns = due + self._hop_ns
        if due < self._end_ns:
            return False
        self._end_ns = due + self._hop_ns
        for modality, ring in self._rings.items():
            self._close(modality, ring, due, now_ns)
        return True

    def _close(self, modality: str, ring: PacketRing, end_ns: int, now_ns: int) -> None:
        window, missing = ring.window(end_ns)
        error, ring.error = ring.error, None
        note, ring.note = ring.note, ""
        newest = ring.newest_ns()
        late_ns = to_ns(max(self._config.hop_s, 2 * ring.sensor.period_s))
        fresh = newest is not None and newest > end_ns - late_ns
        gap = f"{missing:.0%} of the window is missing" if missing else ""
        self._why[modality] = ", ".join(filter(None, (gap, note)))
        if window is not None and fresh and missing <= self._config.max_missing:
            try:
                array = ring.sensor.complete(window, modality)
                stamp = end_ns - to_ns(ring.offset_s)  # the stream adds it; the packets have it
                super().push(Frame(modality, stamp, array, now_ns), now_ns)
            except DecodeError as fault:
                super().reject(modality, fault, now_ns)
        elif error is not None:
            super().reject(modality, error, now_ns)

    def _restart(self) -> None:
        super()._restart()
        self._end_ns = None
        for ring in self._rings.values():
            ring.clear()
