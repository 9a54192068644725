"""The few newest frames of one stream, in order of their stamps, and what became of each."""

from __future__ import annotations

import math

from pta_ros.frames import Frame


class FrameBuffer:
    """Keeps up to `size` frames; every frame added ends up in exactly one of three counts.

    `used`: it was in an estimate (once, however many estimates it served). `dropped`: a newer
    frame was used first, it was pushed out, or its stream failed. `waiting`: neither yet. Frames
    at or below the newest stamp that was used or given up come too late for an instant, so that
    frames may arrive in any order and yet none is used twice or after a newer one.

    Where late frames count (`pass_by`), those of an instant that has passed are kept apart, for
    use at their own stamps; while they fit, they may still serve a newer instant instead.
    """

    def __init__(self, size: int) -> None:
        self.used = 0
        self.dropped = 0
        self._size = size
        self._frames: list[Frame] = []  # by stamp
        self._late: list[Frame] = []  # by stamp; some are in _frames, too
        self._fresh: set[int] = set()  # stamps of those that were never taken
        self._in_flight_ns: int | None = None  # stamp of the first-time frame now being used
        self._known: set[int] = set()  # stamps that came, as long as one may be late
        self._floor_ns: float = -math.inf  # up to it none serves an instant
        self._barred_ns: float = -math.inf  # and none at all
        self._passed_ns, self._oldest_ns = -math.inf, math.inf

    @property
    def waiting(self) -> int:
        """How many frames are neither used nor dropped."""
        return len(self._fresh) + (self._in_flight_ns is not None)

    def admits(self, stamp_ns: int) -> bool:
        """Whether a frame of this stamp is new, and in time or late but of use."""
        if stamp_ns in self._known or any(f.stamp_ns == stamp_ns for f in self._frames):
            return False
        return stamp_ns > self._floor_ns or self._counts_late(stamp_ns)

    def add(self, frame: Frame) -> None:
        """Insert an admitted frame at its place in time; over `size` frames the oldest goes."""
        self._fresh.add(frame.stamp_ns)
        self._known.add(frame.stamp_ns)
        if self._counts_late(frame.stamp_ns):
            _insert(self._late, frame)
            if len(self._late) > self._size:
                self._drop_late(self._late[0])
        if frame.stamp_ns > self._floor_ns:
            _insert(self._frames, frame)
            if len(self._frames) > self._size:
                self._give_up(self._frames.pop(0))

    def nearest(self, t_ns: int, tolerance_ns: int) -> Frame | None:
        """The frame nearest to `t_ns` within the tolerance, the newer of two at equal distance."""
        best = min(self._frames, key=lambda f: (abs(f.stamp_ns - t_ns), -f.stamp_ns), default=None)
        return best if best and abs(best.stamp_ns - t_ns) <= tolerance_ns else None

    @property
    def late(self) -> Frame | None:
        """The newest of the late frames; None: none waits."""
        return self._late[-1] if self._late else None

    def pass_by(self, instant_ns: int, oldest_ns: float = math.inf) -> None:
        """An instant is sampled: later frames of stamps from `oldest_ns` up to it are late."""
        self._passed_ns, self._oldest_ns = instant_ns, oldest_ns
        self._known = {stamp for stamp in self._known if stamp >= oldest_ns}
        for frame in [f for f in self._late if f.stamp_ns < oldest_ns]:
            self._drop_late(frame)

    def take(self, frame: Frame) -> None:
        """Begin to use a frame that `nearest` gave; older ones are dropped, but for late ones."""
        self._begin(frame)
        while self._frames and self._frames[0].stamp_ns < frame.stamp_ns:
            self._give_up(self._frames.pop(0))
        self._floor_ns = max(self._floor_ns, frame.stamp_ns)

    def take_late(self) -> None:
        """Begin to use the frame that `late` gave; the others stay as they are."""
        self._begin(self._late[-1])

    def _begin(self, frame: Frame) -> None:
        self._late = [f for f in self._late if f is not frame]
        if frame.stamp_ns in self._fresh:
            self._fresh.discard(frame.stamp_ns)
            self._in_flight_ns = frame.stamp_ns

    def settle(self, used: bool) -> None:
        """End what `take` began: the estimate came out (`used`) or was thrown away."""
        if self._in_flight_ns is None:
            return
        self.used += used
        self.dropped += not used
        self._in_flight_ns = None

    def clear(self) -> None:
        """Drop every frame that waits, and admit only newer ones from here on, late or not."""
        for frame in list(self._late):
            self._drop_late(frame)
        for frame in self._frames:
            self._give_up(frame)
        self._frames = []
        self._barred_ns = max([self._barred_ns, self._floor_ns, *self._known])
        self._known.clear()

    def restart(self) -> None:
        """Drop every frame and admit any stamp: the clock jumped."""
        self.clear()
        self._floor_ns = self._barred_ns = self._passed_ns = -math.inf
        self._oldest_ns = math.inf

    def _counts_late(self, stamp_ns: int) -> bool:
        return max(self._oldest_ns, self._barred_ns + 1) <= stamp_ns <= self._passed_ns

    def _give_up(self, frame: Frame) -> None:
        self._floor_ns = max(self._floor_ns, frame.stamp_ns)
        if frame not in self._late:
            self._drop(frame)

    def _drop_late(self, frame: Frame) -> None:
        self._late.remove(frame)
        if frame not in self._frames:
            self._drop(frame)

    def _drop(self, frame: Frame) -> None:
        if frame.stamp_ns in self._fresh:
            self._fresh.discard(frame.stamp_ns)
            self.dropped += 1


def _insert(frames: list[Frame], frame: Frame) -> None:
    frames.append(frame)
    frames.sort(key=lambda kept: kept.stamp_ns)
