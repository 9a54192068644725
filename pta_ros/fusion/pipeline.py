"""From frames of several streams to estimates: the one loop behind the node and the evaluation.

Times are ints in ns on one clock, that of the stamps, handed in by the caller; nothing here reads
a clock but to time its own stages. A clock that jumps back resets everything, and stamps of
estimates start over; otherwise they never go back: they increase from instant to instant, and a
late frame corrects the newest estimate.

Not thread-safe. A caller with threads holds one lock around every method except `infer`, which
touches no state, and `answer`, which takes the lock itself: so frames come in while the model runs.
One sample is in flight at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from time import perf_counter

from pta_ros.errors import ConfigError
from pta_ros.frames import Estimate, Frame, Sample, StreamState, StreamStatus
from pta_ros.fusion.activity_filter import OFF, ActivityFilter
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.pace import Pace
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.sampler import Sampler
from pta_ros.fusion.stamps import ClockWatch
from pta_ros.fusion.streams import Stream
from pta_ros.fusion.teller import Teller


class FusionPipeline:
    """Streams, an estimator and, for models with joints, a follower; frames go in, estimates out.

    It never waits for a stream; which moment is estimated, and from which frames: see Sampler.
    """

    def __init__(
        self,
        streams: Mapping[str, Stream],
        estimator: Callable[[Sample], Prediction],
        follower: Follower | None = None,
        activities: ActivityFilter | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.streams = dict(streams)
        self.follower = follower
        #: Estimates that were thrown away because the model gave numbers that are not finite.
        self.unsound = 0
        self._estimator = estimator
        self._sampler = Sampler(self.streams, follower, pace or Pace())
        self._teller = Teller(activities or ActivityFilter(OFF))
        self._clock = ClockWatch()
        self._sample_ms = 0.0

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
        if status.state is not StreamState.LIVE:
            return status
        share = self._teller.weights.get(stream.modality, 0.0)
        left_out = self.follower.reason(stream.modality) if self.follower else ""
        return replace(status, weight=share, reason=left_out)

    def pending(self, now_ns: int) -> bool:
        """Whether there is a sample, at once or after some waiting."""
        self._tick(now_ns)
        return self._sampler.pending(now_ns)

    def ready(self, now_ns: int) -> bool:
        """Whether there is a sample and waiting would not improve it, or has lasted too long."""
        self._tick(now_ns)
        return self._sampler.ready(now_ns)

    def upcoming(self, now_ns: int) -> list[Frame]:
        """The new frames that the next sample will hold: worth encoding while others come."""
        self._tick(now_ns)
        return self._sampler.upcoming(now_ns)

    def next_due_ns(self) -> int | None:
        """When something happens without a new message; None: never.

        While an instant waits for streams, when that ends; nothing is predicted meanwhile.
        """
        if self._sampler.due_ns is not None:
            return self._sampler.due_ns
        return self.follower.due_ns if self.follower else None

    def follow(self, enabled: bool) -> None:
        """Follow people over time or not, from now on."""
        if self.follower is not None:
            self.follower.enable(enabled)
            self._sampler.pass_by()

    def exchange(
        self, estimator: Callable[[Sample], Prediction], pace: Pace, same_classes: bool
    ) -> None:
        """Answer with another model from the next sample on; between samples only.

        It reads the same frames. Streams and people go on; the activity starts over unless the
        classes are the same.
        """
        self._estimator, self._sampler.pace = estimator, pace
        if not same_classes:
            self._teller.activities.reset()

    # -- from a sample to its estimate --------------------------------------------------------

    def step(self, now_ns: int) -> Estimate | None:
        """Sample and answer in one go; None when there is nothing new to say."""
        sample = self.sample(now_ns)
        return None if sample is None else self.answer(sample, lambda: now_ns)

    def sample(self, now_ns: int) -> Sample | None:
        """The frames to estimate from; None without a LIVE stream or without a new frame.

        A sample that was never finished (the model raised) is given up, its frames are dropped.
        """
        begin = perf_counter()
        self._tick(now_ns)
        self._sampler.settle(used=False)
        sample = self._sampler.take(now_ns)
        self._sample_ms = _since_ms(begin)
        return sample

    def answer(
        self,
        sample: Sample,
        now_ns: Callable[[], int],
        lock: AbstractContextManager[object] | None = None,
    ) -> Estimate | None:
        """The estimate of the sample in flight, None as of `finish`; the model runs without `lock`.

        Where some of the frames contradict the tracks it runs again without them.
        """
        lock = lock or nullcontext()
        prediction = self.infer(sample)
        begin = perf_counter()
        with lock:
            trusted = self.judge(sample, prediction, now_ns())
        prediction.timings_ms["judge"] = _since_ms(begin)
        if trusted is not sample:
            prediction = self._again(trusted, prediction)
        with lock:
            return self.finish(sample, prediction, now_ns())

    def infer(self, sample: Sample) -> Prediction:
        """Run the estimator; adds its time as `infer`. Needs no lock."""
        begin = perf_counter()
        prediction = self._estimator(sample)
        return replace(prediction, timings_ms={**prediction.timings_ms, "infer": _since_ms(begin)})

    def _again(self, trusted: Sample, first: Prediction) -> Prediction:
        """What the model says of the frames that are left; times add up. Without any, no weights:
        nothing is to be used."""
        if not trusted.frames:
            return replace(first, weights={})
        second = self.infer(trusted)
        timings = {n: ms + second.timings_ms.get(n, 0.0) for n, ms in first.timings_ms.items()}
        return replace(second, timings_ms=timings)

    def judge(self, sample: Sample, prediction: Prediction, now_ns: int) -> Sample:
        """The sample in flight without the frames that contradict the tracks.

        Without any where another stream that is LIVE will have a better say; otherwise the last one
        is never left out. Whether a late frame is trusted is known before.
        """
        follower, in_flight = self.follower, sample is self._sampler.in_flight
        if follower is None or sample.late or not (in_flight and prediction.is_sound()):
            return sample
        trusted = follower.trusted(sample, prediction.alone)
        others = [m for m in self._sampler.newest(now_ns) if not follower.reason(m)]
        if len(trusted) == len(sample.frames) or not (trusted or others):
            return sample
        kept = {m: f for m, f in sample.frames.items() if m in trusted}
        return replace(sample, frames=kept, judged=True)

    def finish(self, sample: Sample, prediction: Prediction, now_ns: int) -> Estimate | None:
        """Complete the estimate of the sample in flight.

        None when the clock jumped back meanwhile, when another sample was taken since, or when
        the prediction is not sound (counted in `unsound`): the frames then count as dropped. None,
        too, of a late frame where there is nothing to correct.
        """
        begin = perf_counter()
        self._tick(now_ns)
        if sample is not self._sampler.in_flight:
            return None
        sound = prediction.is_sound()
        self._sampler.settle(used=sound)
        if not sound:
            self.unsound += 1
            return None
        estimate = self._teller.estimate(sample, prediction)
        if self.follower is not None and self.follower.enabled:
            followed = self.follower.follow(estimate, sample, prediction, now_ns)
            if followed is None:
                return None
            estimate = followed
        stages = {"sample": self._sample_ms, **prediction.timings_ms, "finish": _since_ms(begin)}
        return replace(estimate, streams=self.statuses(now_ns), timings_ms=stages)

    def predict(self, now_ns: int) -> Estimate | None:
        """Where people are expected while no estimate comes; None: it is not due, or nobody is."""
        begin = perf_counter()
        self._tick(now_ns)
        estimate = self.follower.predict(now_ns) if self.follower else None
        if estimate is None:
            return None
        unused = tuple(replace(status, weight=0.0) for status in self.statuses(now_ns))
        return replace(estimate, streams=unused, timings_ms={"finish": _since_ms(begin)})

    # -- starting over ------------------------------------------------------------------------

    def _tick(self, now_ns: int) -> None:
        if self._clock.went_back(now_ns):
            self.reset()

    def reset(self) -> None:
        """Start over, as after a jump of the clock; counters stay."""
        self._sampler.restart()
        for stream in self.streams.values():
            stream.reset()
        if self.follower is not None:
            self.follower.reset()
        self._teller.reset()


def _since_ms(begin: float) -> float:
    return 1e3 * (perf_counter() - begin)
