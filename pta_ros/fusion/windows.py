"""Streams of packets seen through sliding windows: the pipeline of radar, Wi-Fi and RFID.

Every `hop_s` (on multiples of it, on the clock of the stamps) a window ends, and `grace_s` later it
is closed: late packets are there by then. A window is usable when no more than `max_missing` of its
packets are missing and the newest is fresh; smaller gaps are interpolated. Usable windows are the
frames of the ordinary pipeline. Corrupt packets are counted and are missing from their windows; a
sensor that sends nothing else turns CORRUPT at the next hop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from pta_ros.clock import NS, to_ns
from pta_ros.errors import DecodeError
from pta_ros.frames import Frame, Sample, StreamState, StreamStatus
from pta_ros.fusion.activity_filter import ActivityFilter
from pta_ros.fusion.config import WindowConfig
from pta_ros.fusion.pace import Pace
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.ring import PacketRing
from pta_ros.fusion.streams import Stream
from pta_ros.sensors.window import WindowSensor


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
        activities: ActivityFilter | None = None,
        pace: Pace | None = None,
    ) -> None:
        windows = {m: _of_windows(s) for m, s in streams.items()}
        super().__init__(windows, estimator, activities=activities, pace=pace)
        self._rings = {m: PacketRing(sensors[m], s.config) for m, s in streams.items()}
        self._config, self._hop_ns = config, to_ns(config.hop_s)
        self._end_ns: int | None = None  # of the next window
        self._why: dict[str, str] = {}

    def push(self, frame: Frame, now_ns: int) -> bool:
        """Hand one message's packets (n, ...) to its stream; True when they may be used."""
        kept = self._rings[self._stream(frame.modality).modality].add(frame, now_ns)
        self._close_due(now_ns)
        return kept

    def reject(self, modality: str, error: Exception, now_ns: int) -> None:
        """Tell a stream of a corrupt message; it is missing from its windows."""
        self._rings[self._stream(modality).modality].reject(error)
        self._close_due(now_ns)

    def next_due_ns(self) -> int | None:
        """When the next window closes, or the waiting for streams ends."""
        closes_ns = None if self._end_ns is None else self._end_ns + to_ns(self._config.grace_s)
        times_ns = [t for t in (closes_ns, super().next_due_ns()) if t is not None]
        return min(times_ns, default=None)

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
        behind_ns = ring.clock.behind_ns
        return replace(
            status,
            rate_hz=ring.rate_hz(now_ns),
            received=ring.received,
            dropped=status.dropped + ring.dropped,
            corrupt=ring.corrupt,
            restamped=ring.clock.restamped,
            remark=ring.clock.remark,
            refused=ring.refused,
            refusal=ring.refusal,
            behind_s=math.nan if behind_ns is None else behind_ns / NS,
            reason=": ".join(filter(None, (status.reason, why))) if ailing else status.reason,
        )

    def _close_due(self, now_ns: int) -> None:
        """Close the newest window that is due; older ones that nobody asked for are let go."""
        self._tick(now_ns)
        due = (now_ns - to_ns(self._config.grace_s)) // self._hop_ns * self._hop_ns
        if self._end_ns is None:
            self._end_ns = due + self._hop_ns
        if due < self._end_ns:
            return
        self._end_ns = due + self._hop_ns
        for modality in self._rings:
            self._close(modality, due, now_ns)

    def _close(self, modality: str, end_ns: int, now_ns: int) -> None:
        """Push the window that ends now as a frame, or tell why its stream is corrupt."""
        ring = self._rings[modality]
        window, gap = ring.usable(end_ns, self._config)
        error, note = ring.close()
        self._why[modality] = ", ".join(filter(None, (gap, note)))
        if window is not None:
            try:
                array = ring.sensor.complete(window, modality)
                super().push(Frame(modality, end_ns, array, now_ns), now_ns)
            except DecodeError as fault:
                super().reject(modality, fault, now_ns)
        elif error is not None:
            super().reject(modality, error, now_ns)

    def reset(self) -> None:
        """Start over, as after a jump of the clock; counters stay."""
        super().reset()
        self._end_ns = None
        for ring in self._rings.values():
            ring.clear()


def _of_windows(stream: Stream) -> Stream:
    """The stream of a sensor's windows: the packets' clock is settled, the hop is no rate."""
    config = replace(stream.config, stamp_policy="stamp", offset_s=0.0)
    return Stream(stream.modality, config, patience=0.0)
