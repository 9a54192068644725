"""The packets of one sensor, put where they belong in time, and the windows cut out of them."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np

from pta_ros.clock import NS, to_ns
from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.clocks import SensorClock
from pta_ros.fusion.config import StreamConfig, WindowConfig
from pta_ros.fusion.stamps import RATE_WINDOW_NS, FreezeRule
from pta_ros.sensors.window import WindowSensor

#: A packet stands for a moment this many periods away, so much jitter is forgiven.
_REACH = 0.75


class PacketRing:
    """The last packets of one sensor, by their stamps; what is older than a window goes."""

    def __init__(self, sensor: WindowSensor, config: StreamConfig) -> None:
        self.sensor, self.config = sensor, config
        self.clock = SensorClock(sensor.modality, config)
        self.received = self.dropped = self.corrupt = self.refused = 0
        self._error: Exception | None = None
        self._note = self.refusal = ""  # of use no more; why the last message was refused
        self._freeze = FreezeRule(config)
        self.clear()

    def clear(self) -> None:
        """Forget every packet; the counters stay."""
        self._stamps: list[int] = []
        self._packets: list[FloatArray] = []
        self._freeze.forget()
        self.clock.forget()

    def add(self, frame: Frame, now_ns: int) -> bool:
        """Keep one message's packets, the last at the frame's stamp; False if none is kept."""
        placed = self.clock.place(frame.stamp_ns, now_ns)
        if placed.why:
            self.received += 1
            self.dropped += 1
            self.refused += 1
            self._note = self.refusal = placed.why
            return False
        self._freeze.add(frame.array)
        if frozen := self._freeze.reason:
            self.reject(DecodeError(frame.modality, frozen, "packets that differ"))
            return False
        self.received += 1
        stamp = placed.stamp_ns
        period, count = to_ns(self.sensor.period_s), len(frame.array)
        kept = False
        for k, packet in enumerate(frame.array):
            kept |= self._insert(stamp - (count - 1 - k) * period, packet)
        self.dropped += not kept
        if now_ns - stamp > to_ns(self.config.stale_after_s):  # no window waits for them
            past = f"stamps lie {(now_ns - stamp) / NS:.1f} s in the past"
            self._note = self.clock.late() or past
        # What no window will hold again goes; `_insert` bounds how many are within that time.
        old = bisect_left(self._stamps, now_ns - to_ns(self.sensor.window_s + 2.0))
        del self._stamps[:old], self._packets[:old]
        return kept

    def reject(self, error: Exception) -> None:
        """Count a message that is corrupt."""
        self.received += 1
        self.corrupt += 1
        self._error = error

    def close(self) -> tuple[Exception | None, str]:
        """Since the last call: the last corrupt message, and why packets were of little use."""
        told, self._error, self._note = (self._error, self._note), None, ""
        return told

    def newest_ns(self) -> float:
        """Stamp of the newest packet; minus infinity without one."""
        return self._stamps[-1] if self._stamps else -math.inf

    def rate_hz(self, now_ns: int) -> float:
        """Packets per second over the last 2 s."""
        recent = len(self._stamps) - bisect_left(self._stamps, now_ns - RATE_WINDOW_NS)
        return recent * NS / RATE_WINDOW_NS

    def window(self, end_ns: int) -> tuple[FloatArray | None, float]:
        """Packets at the window's own moments, oldest first, gaps interpolated; missing share."""
        count, period = self.sensor.packets, to_ns(self.sensor.period_s)
        if not self._stamps:
            return None, 1.0
        moments = end_ns - to_ns(self.sensor.window_s) + period // 2 + period * np.arange(count)
        stamps = np.asarray(self._stamps, dtype=np.int64)
        right = np.clip(np.searchsorted(stamps, moments), min(1, len(stamps) - 1), len(stamps) - 1)
        left = np.maximum(right - 1, 0)
        before, after = np.abs(moments - stamps[left]), np.abs(stamps[right] - moments)
        nearest = np.where(before <= after, left, right)
        known = np.minimum(before, after) <= _REACH * period
        if not known.any():
            return None, 1.0
        used = np.stack([self._packets[i] for i in nearest[known]])
        return _filled(used, np.flatnonzero(known), count), 1.0 - float(known.mean())

    def usable(self, end_ns: int, config: WindowConfig) -> tuple[FloatArray | None, str]:
        """The window that ends at `end_ns`, and what is missing of it, in words; None where that is
        too much, or the newest packet is old."""
        window, missing = self.window(end_ns)
        late_ns = to_ns(max(config.hop_s, 2 * self.sensor.period_s))
        gap = f"{missing:.0%} of the window is missing" if missing else ""
        fresh = self.newest_ns() > end_ns - late_ns
        return (window if fresh and missing <= config.max_missing else None), gap

    def _insert(self, stamp: int, packet: FloatArray) -> bool:
        place = bisect_left(self._stamps, stamp)
        near = self._stamps[max(place - 1, 0) : place + 1]
        if stamp in near:
            self._note = "stamps do not advance"
            return False
        if len(self._stamps) > 2 * self.sensor.packets and any(
            abs(stamp - other) < to_ns(self.sensor.period_s) // 4 for other in near
        ):
            return False  # a faster sensor than the model's: enough of its packets stay
        self._stamps.insert(place, stamp)
        self._packets.insert(place, packet)
        return True


def _filled(used: FloatArray, places: np.ndarray, count: int) -> FloatArray:
    """A window of `count` packets of those at `places`; the others lie between their neighbours."""
    if len(places) == count:
        return used
    moments = np.arange(count)
    right = np.clip(np.searchsorted(places, moments), 0, len(places) - 1)
    left = np.maximum(right - (places[right] > moments), 0)
    span = np.maximum(places[right] - places[left], 1)
    share = np.clip((moments - places[left]) / span, 0.0, 1.0).astype(np.float32)
    share = share.reshape(-1, *[1] * (used.ndim - 1))
    filled: FloatArray = used[left] * (1 - share) + used[right] * share
    return filled
