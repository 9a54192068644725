"""Which moment is estimated next, and from which frames; times as in pipeline.py."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pta_ros.frames import Frame, Sample
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.pace import Instant, Pace
from pta_ros.fusion.streams import Stream


class Sampler:
    """Takes samples from streams, one in flight at a time.

    An instant is the newest stamp among the LIVE streams that lead (see Pace), and the others join
    with the frame nearest to it, or not at all. With a follower, a frame of a stream that leads and
    that comes after its instant has passed makes a sample of its own, when no newer instant waits.
    """

    def __init__(
        self, streams: Mapping[str, Stream], follower: Follower | None, pace: Pace
    ) -> None:
        self._streams, self._follower = streams, follower
        #: Which streams lead, and how long others are waited for.
        self.pace = pace
        self._last_ns: int | None = None  # the instant of the last sample
        self._allowed_ns = -math.inf  # from here on the next may be
        self._wanted: Instant | None = None  # for which others are awaited
        self.in_flight: Sample | None = None
        #: When waiting for the other streams ends; None: no instant waits.
        self.due_ns: int | None = None

    def pending(self, now_ns: int) -> bool:
        """Whether there is a sample: a stream that leads is past the last instant, or a frame is
        late."""
        return self._next(now_ns) is not None or self._late(now_ns) is not None

    def ready(self, now_ns: int) -> bool:
        """Whether there is a sample and waiting would not improve it, or has lasted too long."""
        found = self._next(now_ns)
        if found is None:
            return self._late(now_ns) is not None
        self.due_ns = self._until_ns(*found, now_ns)
        return now_ns >= self.due_ns

    def _until_ns(self, lead: str, t_ns: int, now_ns: int) -> int:
        """Until when others are waited for. It counts from the first frame that set an instant, or
        from the first of a better stream: newer ones of the same do not put it off."""
        weight, wanted = self.pace.weight, self._wanted
        if wanted is None or weight(lead) > weight(wanted.lead):
            wanted = self._wanted = Instant(lead, t_ns, now_ns)
        waits = [
            self.pace.until_ns(wanted, self._streams[m], self._is_past(stamp))
            for m, stamp in self.newest(now_ns).items()
            if m != lead
        ]
        return max(waits, default=now_ns)

    def newest(self, now_ns: int) -> dict[str, int]:
        """The newest stamp of each LIVE stream."""
        stamps = {name: stream.newest_ns(now_ns) for name, stream in self._streams.items()}
        return {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def _next(self, now_ns: int) -> tuple[str, int] | None:
        """Which stream sets the next instant, and when it is.

        Of those that lead the best one with a new frame, as long as that is near to the newest.
        """
        stamps = {m: t for m, t in self._leading(now_ns).items() if self._may_follow(t)}
        newest = max(stamps.values(), default=None)
        if newest is None:
            self._wanted = self.due_ns = None
            return None
        near = [m for m, t in stamps.items() if newest - t <= self._streams[m].timing.tolerance_ns]
        lead = max(near, key=lambda m: (self.pace.weight(m), stamps[m]))
        return lead, stamps[lead]

    def _leading(self, now_ns: int) -> dict[str, int]:
        """The newest stamps of the streams that lead."""
        newest = self.newest(now_ns)
        leading = self.pace.leading({m: self._streams[m] for m in newest}, now_ns)
        return {m: newest[m] for m in leading}

    def _may_follow(self, stamp_ns: int) -> bool:
        return self._is_past(stamp_ns) and stamp_ns >= self._allowed_ns

    def upcoming(self, now_ns: int) -> list[Frame]:
        """The new frames that the next sample will hold: worth encoding while others come.

        Before there is an instant, those that no later one of their stream will lie nearer to it.
        """
        found = self._next(now_ns)
        t_ns = found[1] if found else self._due_instant_ns(now_ns)
        if t_ns is None:
            return []
        nearest = [stream.nearest(t_ns, now_ns) for stream in self._streams.values()]
        frames = [f for f in nearest if f is not None and self._is_past(f.stamp_ns)]
        return frames if found else [f for f in frames if self._stays(f, t_ns)]

    def _due_instant_ns(self, now_ns: int) -> int | None:
        """Stamp of the next frame of a stream that leads; None while no period is known."""
        dues = (self._streams[m].timing.due(t) for m, t in self._leading(now_ns).items())
        stamps = (due.stamp_ns for due in dues if due is not None)
        return min(filter(self._may_follow, stamps), default=None)

    def _stays(self, frame: Frame, t_ns: int) -> bool:
        """Whether no later frame of its stream will lie nearer to `t_ns`."""
        due = self._streams[frame.modality].timing.due(t_ns)
        return due is not None and abs(due.stamp_ns - t_ns) > abs(frame.stamp_ns - t_ns)

    def take(self, now_ns: int) -> Sample | None:
        """The frames at the next instant, or a late one; None without a new frame."""
        found = self._next(now_ns)
        self._wanted = self.due_ns = None
        self.in_flight = self._at(found[1], now_ns) if found else self._take_late(now_ns)
        return self.in_flight

    def settle(self, used: bool) -> None:
        """End the sample in flight, if any."""
        self.in_flight = None
        for stream in self._streams.values():
            stream.buffer.settle(used)

    def restart(self) -> None:
        """Start over: any stamp makes an instant."""
        self.settle(used=False)
        self._last_ns = self._wanted = self.due_ns = None
        self._allowed_ns = -math.inf

    def pass_by(self) -> None:
        """Tell the streams which frames are late from now on, and which too late."""
        if self._last_ns is None:
            return
        history_ns = self._follower.history_ns if self._follower else 0
        oldest_ns = self._last_ns - history_ns if history_ns else math.inf
        for stream in self._streams.values():
            stream.buffer.pass_by(self._last_ns, oldest_ns)

    def _is_past(self, stamp_ns: int) -> bool:
        return self._last_ns is None or stamp_ns > self._last_ns

    def _at(self, instant_ns: int, now_ns: int) -> Sample:
        frames = {}
        for name, stream in self._streams.items():
            frame = stream.nearest(instant_ns, now_ns)
            if frame is not None:
                stream.buffer.take(frame)
                frames[name] = frame
        self._last_ns = instant_ns
        self._allowed_ns = self.pace.next_allowed_ns(self._allowed_ns, instant_ns)
        self.pass_by()
        return Sample(instant_ns, frames, expected=self._expected(instant_ns))

    def _late(self, now_ns: int) -> Frame | None:
        """The newest of the late frames that may be used."""
        if self._follower is None:
            return None
        trusted = [m for m in self._leading(now_ns) if not self._follower.reason(m)]
        frames = (self._streams[modality].late(now_ns) for modality in trusted)
        return max(filter(None, frames), key=lambda frame: frame.stamp_ns, default=None)

    def _take_late(self, now_ns: int) -> Sample | None:
        frame = self._late(now_ns)
        if frame is None:
            return None
        self._streams[frame.modality].buffer.take_late()
        expected = self._expected(frame.stamp_ns)
        return Sample(frame.stamp_ns, {frame.modality: frame}, late=True, expected=expected)

    def _expected(self, stamp_ns: int) -> NDArray[np.float64]:
        """Where people's centres (K, 3) are expected at a stamp."""
        return self._follower.expected(stamp_ns) if self._follower else np.zeros((0, 3))
