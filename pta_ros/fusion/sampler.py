"""Which moment is estimated next, and from which frames; times as in pipeline.py."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pta_ros.frames import Frame, Sample
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.streams import Stream


class Sampler:
    """Takes samples from streams, one in flight at a time.

    An instant is the newest stamp among the LIVE streams, and the others join with the frame
    nearest to it, or not at all. With a follower, a frame that comes after its instant has passed
    makes a sample of its own, when no newer instant waits.
    """

    def __init__(self, streams: Mapping[str, Stream], follower: Follower | None) -> None:
        self._streams, self._follower = streams, follower
        self._last_ns: int | None = None  # the instant of the last sample
        self.in_flight: Sample | None = None

    def pending(self, now_ns: int) -> bool:
        """Whether there is a sample: some LIVE stream is past the last instant, or a frame late."""
        news = any(self._is_new(stamp) for stamp in self.newest(now_ns).values())
        return news or self._late(now_ns) is not None

    def ready(self, now_ns: int) -> bool:
        """Whether there is a sample and waiting would not improve it.

        So every LIVE stream is past the last instant, or is a slow one whose next frame will not
        lie nearer to this instant than the one it has.
        """
        newest = self.newest(now_ns)
        t_ns = max(newest.values(), default=None)
        if t_ns is None or not self._is_new(t_ns):
            return self._late(now_ns) is not None
        return all(
            self._is_new(stamp) or not self._streams[name].may_come_nearer(t_ns)
            for name, stamp in newest.items()
        )

    def newest(self, now_ns: int) -> dict[str, int]:
        """The newest stamp of each LIVE stream."""
        stamps = {name: stream.newest_ns(now_ns) for name, stream in self._streams.items()}
        return {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def upcoming(self, now_ns: int) -> list[Frame]:
        """The new frames that a sample taken now would hold: worth encoding while others come."""
        newest = max(self.newest(now_ns).values(), default=None)
        if newest is None or not self._is_new(newest):
            return []
        frames = (stream.nearest(newest, now_ns) for stream in self._streams.values())
        return [frame for frame in frames if frame is not None and self._is_new(frame.stamp_ns)]

    def take(self, now_ns: int) -> Sample | None:
        """The frames at the newest instant, or a late one; None without a new frame."""
        newest = max(self.newest(now_ns).values(), default=None)
        if newest is not None and self._is_new(newest):
            self.in_flight = self._at(newest, now_ns)
        else:
            self.in_flight = self._take_late(now_ns)
        return self.in_flight

    def settle(self, used: bool) -> None:
        """End the sample in flight, if any."""
        self.in_flight = None
        for stream in self._streams.values():
            stream.buffer.settle(used)

    def restart(self) -> None:
        """Start over: any stamp makes an instant."""
        self.settle(used=False)
        self._last_ns = None

    def pass_by(self) -> None:
        """Tell the streams which frames are late from now on, and which too late."""
        if self._last_ns is None:
            return
        history_ns = self._follower.history_ns if self._follower else 0
        oldest_ns = self._last_ns - history_ns if history_ns else math.inf
        for stream in self._streams.values():
            stream.buffer.pass_by(self._last_ns, oldest_ns)

    def _is_new(self, stamp_ns: int) -> bool:
        return self._last_ns is None or stamp_ns > self._last_ns

    def _at(self, instant_ns: int, now_ns: int) -> Sample:
        frames = {}
        for name, stream in self._streams.items():
            frame = stream.nearest(instant_ns, now_ns)
            if frame is not None:
                stream.buffer.take(frame)
                frames[name] = frame
        self._last_ns = instant_ns
        self.pass_by()
        return Sample(instant_ns, frames)

    def _late(self, now_ns: int) -> Frame | None:
        """The newest of the late frames that may be used."""
        if self._follower is None:
            return None
        trusted = [m for m in self._streams if not self._follower.reason(m)]
        frames = (self._streams[modality].late(now_ns) for modality in trusted)
        return max(filter(None, frames), key=lambda frame: frame.stamp_ns, default=None)

    def _take_late(self, now_ns: int) -> Sample | None:
        frame = self._late(now_ns)
        if frame is None:
            return None
        self._streams[frame.modality].buffer.take_late()
        return Sample(frame.stamp_ns, {frame.modality: frame}, late=True)
