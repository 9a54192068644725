"""The last packets of one sensor on the clock of their stamps, and windows made of them."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.rates import NS, RATE_WINDOW_NS, to_ns
from pta_ros.sensors.window import WindowSensor

#: A packet stands for a moment this many periods away, so much jitter is forgiven.
_REACH = 0.75


class PacketRing:
    """The last packets of one sensor, by their stamps; what is older than a window goes."""

    def __init__(self, sensor: WindowSensor, config: StreamConfig) -> None:
        self.sensor, self._config, self.offset_s = sensor, config, config.offset_s
        self.received = self.dropped = self.bad = 0
        #: The last bad message since the last window, and whether a good one came after it.
        self.error: DecodeError | None = None
        #: Why packets since the last window were of little use, in words.
        self.note = ""
        self.clear()

    def clear(self) -> None:
        """Forget every packet; the counters stay."""
        self._stamps: list[int] = []
        self._packets: list[FloatArray] = []
        self._last: FloatArray | None = None
        self._repeats = 0

    def add(self, frame: Frame, now_ns: int) -> None:
        """Take the packets of one message, the last of them at the frame's stamp."""
        self.received += 1
        stamp = self._placed(frame.stamp_ns, now_ns)
        if stamp is None:
            self.dropped += 1
            return
        if self._is_frozen(frame.array):
            self._spoil_frozen(frame.modality)
            return
        period, count = to_ns(self.sensor.period_s), len(frame.array)
        kept = False
        for k, packet in enumerate(frame.array):
            kept |= self._insert(stamp - (count - 1 - k) * period, packet)
        self.dropped += not kept
        self._note_delay(now_ns - stamp)
        self._trim(now_ns)

    def spoil(self, error: DecodeError) -> None:
        """Note a message that cannot be used."""
        self.received += 1
        self.bad += 1
        self.error = error

    def _spoil_frozen(self, modality: str) -> None:
        """Note a message that repeats the ones before it: a fault as a bad one is."""
        self.bad += 1
        reason = f"frozen: {self._repeats} messages repeat the content before them"
        self.error = DecodeError(modality, reason, "packets that differ, as a real sensor's do")

    def _note_delay(self, late_ns: int) -> None:
        """Remark on packets that come so late that no window waits for them."""
        if late_ns > to_ns(self._config.stale_after_s):
            self.note = f"stamps lie {late_ns / NS:.1f} s in the past"

    def newest_ns(self) -> int | None:
        """Stamp of the newest packet."""
        return self._stamps[-1] if self._stamps else None

    def rate_hz(self, now_ns: int) -> float:
        """Packets per second over the last 2 s."""
        return (len(self._stamps) - bisect_left(self._stamps, now_ns - RATE_WINDOW_NS)) / (
            RATE_WINDOW_NS / NS
        )

    def window(self, end_ns: int) -> tuple[FloatArray | None, float]:
        """Packets at the window's own moments, oldest first, gaps interpolated; missing share."""
        count, period = self.sensor.packets, to_ns(self.sensor.period_s)
        if not self._stamps:
            return None, 1.0
        moments = end_ns - to_ns(self.sensor.window_s) + period // 2 + period * np.arange(count)
        stamps = np.asarray(self._stamps, dtype=np.int64)
        right = np.clip(np.searchsorted(stamps, moments), 1, len(stamps) - 1)
        if len(stamps) == 1:
            right[:] = 0
        left = np.maximum(right - 1, 0)
        before, after = np.abs(moments - stamps[left]), np.abs(stamps[right] - moments)
        nearest = np.where(before <= after, left, right)
        known = np.minimum(before, after) <= _REACH * period
        if not known.any():
            return None, 1.0
        used = np.stack([self._packets[i] for i in nearest[known]])
        return _filled(used, np.flatnonzero(known), count), 1.0 - float(known.mean())

    def _placed(self, stamp_ns: int, now_ns: int) -> int | None:
        """The stamp on the common clock; None when the policy rules it out."""
        stamp = stamp_ns + to_ns(self.offset_s)
        if stamp_ns > 0 and stamp - now_ns <= to_ns(self._config.future_tolerance_s):
            return stamp
        if self._config.stamp_policy == "receive":
            return now_ns
        ahead = f"stamps lie {(stamp - now_ns) / NS:.3f} s in the future"
        self.note = "stamps are zero" if stamp_ns <= 0 else ahead
        return None

    def _is_frozen(self, packets: FloatArray) -> bool:
        """Whether the same content came `freeze_frames` times in a row: real packets have noise."""
        same = self._last is not None and np.array_equal(packets, self._last, equal_nan=True)
        self._last, self._repeats = packets, self._repeats + 1 if same else 0
        return same and 0 < self._config.freeze_frames <= self._repeats

    def _insert(self, stamp: int, packet: FloatArray) -> bool:
        place = bisect_left(self._stamps, stamp)
        near = self._stamps[max(place - 1, 0) : place + 1]
        if stamp in near:
            self.note = "stamps do not advance"
            return False
        if len(self._stamps) > 2 * self.sensor.packets and any(
            abs(stamp - other) < to_ns(self.sensor.period_s) // 4 for other in near
        ):
            return False  # a faster sensor than the model's: enough of its packets stay
        self._stamps.insert(place, stamp)
        self._packets.insert(place, packet)
        return True

    def _trim(self, now_ns: int) -> None:
        """Drop what no window will hold again; `_insert` bounds how many are within that time."""
        keep = bisect_left(self._stamps, now_ns - to_ns(self.sensor.window_s + 2.0))
        if keep > 0:
            del self._stamps[:keep], self._packets[:keep]


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
