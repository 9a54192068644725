"""The few newest frames of one stream, in order of their stamps, and what became of each."""

from __future__ import annotations

import math

from pta_ros.frames import Frame


class FrameBuffer:
    """Keeps up to `size` frames; every frame added ends up in exactly one of three counts.

    `used`: it was in an estimate (once, however many estimates it served). `dropped`: a newer
    frame was used first, it was pushed out, or its stream failed. `waiting`: neither yet. Frames
    at or below the newest stamp that was used or given up come too late and are not admitted, so
    that frames may arrive in any order and yet none is used twice or after a newer one.
    """

    def __init__(self, size: int) -> None:
        self.used = 0
        self.dropped = 0
        self._size = size
        self._frames: list[Frame] = []  # by stamp
        self._fresh: set[int] = set()  # stamps in _frames that were never taken
        self._in_flight_ns: int | None = None  # stamp of the first-time frame now being used
        self._floor_ns: float = -math.inf

    @property
    def waiting(self) -> int:
        """How many frames are neither used nor dropped."""
        return len(self._fresh) + (self._in_flight_ns is not None)

    def admits(self, stamp_ns: int) -> bool:
        """Whether a frame of this stamp is new and in time."""
        return stamp_ns > self._floor_ns and all(f.stamp_ns != stamp_ns for f in self._frames)

    def add(self, frame: Frame) -> None:
        """Insert an admitted frame at its place in time; over `size` frames the oldest goes."""
        self._frames.append(frame)
        self._frames.sort(key=lambda kept: kept.stamp_ns)
        self._fresh.add(frame.stamp_ns)
        if len(self._frames) > self._size:
            self._give_up(self._frames.pop(0))

    def nearest(self, t_ns: int, tolerance_ns: int) -> Frame | None:
        """The frame nearest to `t_ns` within the tolerance, the newer of two at equal distance."""
        best = min(self._frames, key=lambda f: (abs(f.stamp_ns - t_ns), -f.stamp_ns), default=None)
        return best if best and abs(best.stamp_ns - t_ns) <= tolerance_ns else None

    def take(self, frame: Frame) -> None:
        """Begin to use a frame that `nearest` gave; the older ones are dropped."""
        stamp = frame.stamp_ns
        while self._frames and self._frames[0].stamp_ns < stamp:
            self._give_up(self._frames.pop(0))
        if stamp in self._fresh:
            self._fresh.discard(stamp)
            self._in_flight_ns = stamp
        self._floor_ns = max(self._floor_ns, stamp)

    def settle(self, used: bool) -> None:
        """End what `take` began: the estimate came out (`used`) or was thrown away."""
        if self._in_flight_ns is None:
            return
        self.used += used
        self.dropped += not used
        self._in_flight_ns = None

    def clear(self) -> None:
        """Drop every frame that waits, and admit only newer ones from here on."""
        for frame in self._frames:
            self._give_up(frame)
        self._frames = []

    def restart(self) -> None:
        """Drop every frame and admit any stamp: the clock jumped."""
        self.clear()
        self._floor_ns = -math.inf

    def _give_up(self, frame: Frame) -> None:
        self._floor_ns = max(self._floor_ns, frame.stamp_ns)
        if frame.stamp_ns in self._fresh:
            self._fresh.discard(frame.stamp_ns)
            self.dropped += 1
