"""The one thread that runs the model: newest data wins, callbacks never wait for an inference."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from pta_ros.errors import PtaError
from pta_ros.frames import Estimate, Frame, Sample, StreamStatus
from pta_ros.fusion.pipeline import FusionPipeline

_STOP_TIMEOUT_S = 5.0
#: A thread that waits for Python gets it after this long. With Python's own 5 ms the model waits
#: for the executor at each message, for up to half of an estimate's time.
_SWITCH_S = 0.0005


class Outlet(Protocol):
    """What the worker's thread calls; an exception out of `publish` comes back as `failed`."""

    def publish(self, estimate: Estimate) -> None:
        """A new estimate."""

    def failed(self, error: Exception) -> None:
        """An estimate that could not be made or published."""


class Worker:
    """Owns the pipeline's lock. `now_ns` reads the clock of the stamps.

    An estimate starts when the pipeline is ready; with an `encoder` (an Estimator), frames that
    will be in the next one are encoded when they come. While no estimate comes, what the tracks
    predict is published when it is due.
    """

    def __init__(
        self,
        pipeline: FusionPipeline,
        now_ns: Callable[[], int],
        outlet: Outlet,
        encoder: Any = None,
    ) -> None:
        self._pipeline, self._now_ns, self._outlet = pipeline, now_ns, outlet
        self._encoder = encoder
        self._exchange: Callable[[FusionPipeline], Any] | None = None
        self._changed = threading.Condition()
        self._stopping = self._abandoned = False
        self._unfit: Frame | None = None
        self._thread = threading.Thread(target=self._loop, name="fusion", daemon=True)

    def start(self) -> None:
        """Begin; once per worker."""
        sys.setswitchinterval(_SWITCH_S)
        self._thread.start()

    def stop(self) -> bool:
        """End after the estimate in flight; False when the thread hangs in the model."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(_STOP_TIMEOUT_S)
        self._abandoned = self._thread.is_alive()
        if self._abandoned:
            return False  # whatever comes out of the model later is nobody's
        with self._changed:
            self._exchanged()  # what was asked for at the last moment
        return True

    def push(self, frame: Frame) -> None:
        """Hand one reading to its stream; the clock is its time of arrival."""
        with self._changed:
            if self._pipeline.push(frame, frame.received_ns):
                self._changed.notify()

    def reject(self, modality: str, error: Exception, now_ns: int) -> None:
        """Tell a stream of a message that cannot be used."""
        with self._changed:
            self._pipeline.reject(modality, error, now_ns)
            self._changed.notify()  # one stream less to wait for

    def enable(self, modality: str, enabled: bool) -> None:
        """Switch a stream on or off."""
        with self._changed:
            self._pipeline.streams[modality].enable(enabled)
            self._changed.notify()

    def follow(self, enabled: bool | None = None, consistency: bool | None = None) -> None:
        """Switch the following of people, or the judgement of sensors, on or off."""
        with self._changed:
            follower = self._pipeline.follower
            if follower is None:
                return
            if enabled is not None:
                self._pipeline.follow(enabled)
            if consistency is not None:
                follower.watch(consistency)
            if self._encoder is not None:
                self._encoder.alone = follower.wants_alone

    def refine(self, enabled: bool) -> None:
        """Refined or plain features, from the next estimate on."""
        with self._changed:
            self._encoder.refine = enabled

    def exchange(self, change: Callable[[FusionPipeline], Any]) -> None:
        """Call `change` between two estimates, in the worker's thread; it gives the new encoder."""
        with self._changed:
            self._exchange = change
            self._changed.notify()

    def _exchanged(self) -> None:
        change, self._exchange = self._exchange, None
        if change is not None:
            self._encoder = change(self._pipeline)

    def statuses(self) -> tuple[StreamStatus, ...]:
        """Every stream's status now."""
        with self._changed:
            return self._pipeline.statuses(self._now_ns())

    def _loop(self) -> None:
        while not self._stopping:
            try:
                found = self._next()
                if isinstance(found, Sample):
                    self._estimate(found)
                elif found is not None:
                    self._outlet.publish(found)
            except Exception as error:  # reported, counted and judged by the node
                if not self._abandoned:
                    self._outlet.failed(error)

    def _next(self) -> Sample | Estimate | None:
        """Wait for the next sample, or for a prediction; None when asked to stop."""
        with self._changed:
            while not self._stopping:
                self._exchanged()
                found = self._found()
                if found is not None:
                    return found
                if not self._encode_ahead():
                    self._changed.wait(self._until_due_s())
        return None

    def _found(self) -> Sample | Estimate | None:
        """The sample that is ready, or the prediction that is due."""
        now_ns = self._now_ns()
        if not self._pipeline.pending(now_ns):
            return self._pipeline.predict(now_ns)
        return self._pipeline.sample(now_ns) if self._pipeline.ready(now_ns) else None

    def _until_due_s(self) -> float | None:
        due_ns = self._pipeline.next_due_ns()
        return None if due_ns is None else max((due_ns - self._now_ns()) / 1e9, 0.0) + 0.001

    def _encode_ahead(self) -> bool:
        """Encode one new frame without the lock; False when there is none left to encode."""
        if self._encoder is None:
            return False
        frames = self._pipeline.upcoming(self._now_ns())
        todo = next((f for f in frames if f is not self._unfit and not self._encoder.has(f)), None)
        if todo is None:
            return False
        self._changed.release()
        try:
            self._encoder.encode(todo)
        except Exception:
            self._unfit = todo  # once: the estimate that needs it tries again
            raise
        finally:
            self._changed.acquire()
        return True

    def _estimate(self, sample: Sample) -> None:
        unsound = self._pipeline.unsound
        estimate = self._pipeline.answer(sample, self._now_ns, self._changed)
        unsound = self._pipeline.unsound - unsound
        if unsound:
            used = sorted(sample.frames)
            raise PtaError(f"the model gave numbers that are not finite from {used}")
        if estimate is not None and not self._abandoned:
            self._outlet.publish(estimate)


class Meter:
    """Count, rate and recent latencies of what was published; times are ns on a steady clock."""

    def __init__(self) -> None:
        self.count = 0
        self._recent: deque[tuple[int, float]] = deque(maxlen=600)

    def add(self, steady_ns: int, latency_ms: float) -> None:
        """Note one publication."""
        self.count += 1
        self._recent.append((steady_ns, latency_ms))

    def latencies_ms(self) -> tuple[float, ...]:
        """Latencies of the last 600."""
        return tuple(latency for _, latency in list(self._recent))

    def rate_hz(self, steady_ns: int, window_s: float = 2.0) -> float:
        """Publications per second over the last `window_s`."""
        begin = steady_ns - int(window_s * 1e9)
        return sum(when > begin for when, _ in list(self._recent)) / window_s
