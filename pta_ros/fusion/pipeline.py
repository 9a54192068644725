"""From frames of several streams to estimates: the one loop behind the node and the evaluation.

Times are ints in ns on one clock, that of the stamps, handed in by the caller; nothing here reads
a clock but to time its own stages. A clock that jumps back resets everything, and stamps of
estimates start over; otherwise they strictly increase.

Not thread-safe. A caller with threads holds one lock around every method except `infer`, which
touches no state: so frames come in while the model runs. One sample is in flight at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from pta_ros.errors import ConfigError
from pta_ros.frames import (
    Estimate,
    FloatArray,
    Frame,
    Person,
    Sample,
    StreamState,
    StreamStatus,
    nothing,
)
from pta_ros.fusion.activity_filter import OFF, ActivityFilter
from pta_ros.fusion.smoothing import OneEuroFilter
from pta_ros.fusion.stamps import ClockWatch
from pta_ros.fusion.streams import Stream
from pta_ros.skeleton import NUM_JOINTS


@dataclass(frozen=True)
class Prediction:
    """What a model says of one sample; fields as in `Estimate`."""

    joints_m: FloatArray
    std_m: FloatArray
    weights: dict[str, float]
    timings_ms: dict[str, float] = field(default_factory=dict)
    probabilities: FloatArray = field(default_factory=nothing)
    people: tuple[Person, ...] | None = None

    def is_sound(self) -> bool:
        """Whether shapes fit, something is told, and every number is finite."""
        numbers = (self.joints_m, self.std_m, self.probabilities)
        return (
            self.joints_m.shape in ((NUM_JOINTS, 3), (0, 3))
            and self.std_m.shape == self.joints_m.shape[:1]
            and (len(self.joints_m) + len(self.probabilities) > 0 or self.people is not None)
            and all(bool(np.isfinite(array).all()) for array in numbers)
            and all(person.is_finite() for person in self.people or ())
        )


class FusionPipeline:
    """Streams, an estimator and an optional smoother; frames go in, estimates come out.

    It never waits for a stream: an instant is the newest stamp among the LIVE streams, and the
    others join with the frame nearest to it, or not at all.
    """

    def __init__(
        self,
        streams: Mapping[str, Stream],
        estimator: Callable[[Sample], Prediction],
        smoother: OneEuroFilter | None = None,
        activities: ActivityFilter | None = None,
    ) -> None:
        self.streams = dict(streams)
        #: Estimates that were thrown away because the model gave numbers that are not finite.
        self.unsound = 0
        self._estimator = estimator
        self._smoother = smoother
        self._activities = activities or ActivityFilter(OFF)
        self._clock = ClockWatch()
        self._last_ns: int | None = None  # the instant of the last sample
        self._in_flight: Sample | None = None
        self._sample_ms = 0.0
        self._weights: dict[str, float] = {}

    def push(self, frame: Frame, now_ns: int) -> bool:
        """Hand one decoded frame to its stream; True when it may be used."""
        self._tick(now_ns)
        return self._stream(frame.modality).push(frame, now_ns)

    def reject(self, modality: str, error: Exception, now_ns: int) -> None:
        """Tell a stream that a message of it could not be decoded or failed its check."""
        self._tick(now_ns)
        self._stream(modality).reject(error, now_ns)

    def _stream(self, modality: str) -> Stream:
        if modality not in self.streams:
            known = ", ".join(self.streams)
            raise ConfigError(f"no stream for modality {modality!r}; this pipeline has {known}")
        return self.streams[modality]

    def statuses(self, now_ns: int) -> tuple[StreamStatus, ...]:
        """Every stream's status, with its weight in the last estimate while it is LIVE."""
        self._tick(now_ns)
        return tuple(self._status(stream, now_ns) for stream in self.streams.values())

    def _status(self, stream: Stream, now_ns: int) -> StreamStatus:
        status = stream.status(now_ns)
        live = status.state is StreamState.LIVE
        return replace(status, weight=self._weights.get(stream.modality, 0.0) if live else 0.0)

    def pending(self, now_ns: int) -> bool:
        """Whether a step would give an estimate: some LIVE stream is past the last instant."""
        return any(self._is_new(stamp) for stamp in self._newest(now_ns).values())

    def ready(self, now_ns: int) -> bool:
        """Whether a step would give an estimate and waiting would not improve it.

        So every LIVE stream is past the last instant, or is a slow one whose next frame will not
        lie nearer to this instant than the one it has.
        """
        newest = self._newest(now_ns)
        t_ns = max(newest.values(), default=None)
        if t_ns is None or not self._is_new(t_ns):
            return False
        return all(
            self._is_new(stamp) or not self.streams[name].may_come_nearer(t_ns)
            for name, stamp in newest.items()
        )

    def next_due_ns(self) -> int | None:
        """When something happens without a new message; None: never."""
        return None

    def _newest(self, now_ns: int) -> dict[str, int]:
        """The newest stamp of each LIVE stream."""
        self._tick(now_ns)
        stamps = {name: stream.newest_ns(now_ns) for name, stream in self.streams.items()}
        return {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def _is_new(self, stamp_ns: int) -> bool:
        return self._last_ns is None or stamp_ns > self._last_ns

    def step(self, now_ns: int) -> Estimate | None:
        """Sample, infer and finish in one go; None when there is nothing new to say."""
        sample = self.sample(now_ns)
        return None if sample is None else self.finish(sample, self.infer(sample), now_ns)

    def upcoming(self, now_ns: int) -> list[Frame]:
        """The new frames that a sample taken now would hold: worth encoding while others come."""
        newest = max(self._newest(now_ns).values(), default=None)
        if newest is None or not self._is_new(newest):
            return []
        frames = (stream.nearest(newest, now_ns) for stream in self.streams.values())
        return [frame for frame in frames if frame is not None and self._is_new(frame.stamp_ns)]

    def sample(self, now_ns: int) -> Sample | None:
        """The frames at the newest instant; None without a LIVE stream or without a new frame.

        A sample that was never finished (the model raised) is given up, its frames are dropped.
        """
        begin = perf_counter()
        self._settle(used=False)
        newest = max(self._newest(now_ns).values(), default=None)
        if newest is None or not self._is_new(newest):
            return None
        frames = {}
        for name, stream in self.streams.items():
            frame = stream.nearest(newest, now_ns)
            if frame is not None:
                stream.buffer.take(frame)
                frames[name] = frame
        self._last_ns = newest
        self._in_flight = Sample(newest, frames)
        self._sample_ms = _since_ms(begin)
        return self._in_flight

    def infer(self, sample: Sample) -> Prediction:
        """Run the estimator; adds its time as `infer`. Needs no lock."""
        begin = perf_counter()
        prediction = self._estimator(sample)
        timings = {**prediction.timings_ms, "infer": _since_ms(begin)}
        return replace(prediction, timings_ms=timings)

    def finish(self, sample: Sample, prediction: Prediction, now_ns: int) -> Estimate | None:
        """Smooth and complete the estimate of the sample in flight.

        None when the clock jumped back meanwhile, when another sample was taken since, or when
        the prediction is not sound (counted in `unsound`): the frames then count as dropped.
        """
        begin = perf_counter()
        self._tick(now_ns)
        if sample is not self._in_flight:
            return None
        sound = prediction.is_sound()
        self._settle(used=sound)
        if not sound:
            self.unsound += 1
            return None
        self._weights = dict(prediction.weights)
        joints = prediction.joints_m
        if self._smoother is not None and len(joints):
            joints = self._smoother(joints, sample.stamp_ns)
        streams = self.statuses(now_ns)
        stages = {"sample": self._sample_ms, **prediction.timings_ms, "finish": _since_ms(begin)}
        return Estimate(
            stamp_ns=sample.stamp_ns,
            joints_m=joints,
            std_m=prediction.std_m,
            weights=self._weights,
            stamps_ns={name: frame.stamp_ns for name, frame in sample.frames.items()},
            streams=streams,
            timings_ms=stages,
            probabilities=self._activities(prediction.probabilities, sample.stamp_ns),
            people=prediction.people,
        )

    def _tick(self, now_ns: int) -> None:
        if self._clock.went_back(now_ns):
            self.reset()

    def reset(self) -> None:
        """Start over, as after a jump of the clock; counters stay."""
        self._settle(used=False)
        for stream in self.streams.values():
            stream.reset()
        if self._smoother is not None:
            self._smoother.reset()
        self._activities.reset()
        self._last_ns = None
        self._weights = {}

    def _settle(self, used: bool) -> None:
        """End the sample in flight, if any."""
        self._in_flight = None
        for stream in self.streams.values():
            stream.buffer.settle(used)


def _since_ms(begin: float) -> float:
    return 1e3 * (perf_counter() - begin)
