"""Replays a bag through the node's own streams, pipeline and model, on the bag's clock.

What the node's worker does with threads and waiting is done here with the recorder's times: an
estimate is made when the pipeline is ready, windows of packets are closed and predictions made when
they are due. The model counts as infinitely fast, so that the same bag gives the same numbers on
any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from pta_ros.clock import to_ns
from pta_ros.errors import DecodeError, PtaError
from pta_ros.evaluation.faults.injector import FaultPlan
from pta_ros.evaluation.replay.decode import Arrival
from pta_ros.evaluation.replay.judge import Judge
from pta_ros.evaluation.replay.record import Change, EstimateLog, Heard, LeftOut, Replayed
from pta_ros.evaluation.replay.truth import Truth
from pta_ros.frames import Estimate, FloatArray, Frame, Sample, StreamState, StreamStatus
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.refusals import Refusals

#: Time between two looks at the states, as in the node.
_TICK_NS = to_ns(0.05)


class Observer(Protocol):
    """Sees a replay as it goes on, for example to draw it."""

    def frame(self, frame: Frame) -> None:
        """A reading that was usable."""

    def truth(self, stamp_ns: int, joints_m: FloatArray) -> None:
        """A ground truth pose (17, 3), metres."""

    def estimate(self, estimate: Estimate) -> None:
        """An estimate."""

    def states(self, time_ns: int, statuses: tuple[StreamStatus, ...]) -> None:
        """The streams' states, every 50 ms."""


class _Hearing:
    """What comes of one sensor."""

    def __init__(self) -> None:
        self._messages, self._refusals = 0, Refusals()

    def add(self, content: object) -> None:
        """Take note of one message: its frame, or why it was refused."""
        self._messages += 1
        if isinstance(content, DecodeError):
            self._refusals.add(content)

    def heard(self, topic: str, absent: str) -> Heard:
        """All of it."""
        return Heard(topic, self._messages, self._refusals.most(), absent)


class Replay:
    """One replay through `pipeline`, which must be as fresh as `judge`."""

    def __init__(
        self,
        pipeline: FusionPipeline,
        judge: Judge,
        observer: Observer | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._judge, self._observer = judge, observer
        self._tick_ns: int | None = None
        self._changes: list[Change] = []
        self._estimates = EstimateLog(tuple(pipeline.streams), judge.joints)
        self._statuses: tuple[StreamStatus, ...] = ()
        self._predicted_ns: list[int] = []
        self._corrected_ns: list[int] = []
        self._out: dict[str, LeftOut] = {}  # now
        self._left_out: list[LeftOut] = []  # before
        self._failures: dict[str, int] = {}
        self._hearing = {modality: _Hearing() for modality in pipeline.streams}

    def run(self, arrivals: Iterable[Arrival], begin_ns: int, end_ns: int) -> None:
        """Feed everything that arrives between two times of the bag's clock (ns)."""
        self._tick_ns = begin_ns
        for arrival in arrivals:
            self._pass_time(arrival.time_ns)
            self._take(arrival)
            self._settle(arrival.time_ns)
        self._pass_time(max(end_ns, self._tick_ns))
        self._note_states(max(end_ns, self._tick_ns))

    def result(
        self,
        plan: FaultPlan,
        begin_ns: int,
        end_ns: int,
        losses: list[str],
        topics: Mapping[str, str] = MappingProxyType({}),
        absent: Mapping[str, str] = MappingProxyType({}),
    ) -> Replayed:
        """What came of it, under the plan's name; sensors are read from `topics` or `absent`."""
        columns = self._estimates.columns()
        judged: dict[str, Any] = {**columns, **self._judge.fields(columns["stamp_ns"])}
        failed = [f"{count} estimates failed: {text}" for text, count in self._failures.items()]
        unsound = self._pipeline.unsound
        failed += [f"{unsound} estimates were not finite"] if unsound else []
        return Replayed(
            name=plan.name,
            faults=plan.faults,
            begin_ns=begin_ns,
            end_ns=end_ns,
            modalities=tuple(self._pipeline.streams),
            timings_ms=self._estimates.timings_ms(),
            changes=tuple(self._changes),
            statuses=self._statuses,
            losses=(*losses, *self._judge.losses(), *failed),
            failed=tuple(failed),
            predicted_ns=np.array(self._predicted_ns, np.int64),
            corrected_ns=np.array(self._corrected_ns, np.int64),
            left_out=(*self._left_out, *self._out.values()),
            heard={
                modality: hearing.heard(topics.get(modality, ""), absent.get(modality, ""))
                for modality, hearing in self._hearing.items()
            },
            **judged,
        )

    # -- time -----------------------------------------------------------------------------------

    def _pass_time(self, now_ns: int) -> None:
        """Do what is due before `now_ns`: a step that waited long enough, a window's end, states.

        Asking for the states closes windows too, so it comes last of what is due at one moment.
        """
        while self._tick_ns is not None:
            next_ns = self._pipeline.next_due_ns()
            due = min(t for t in (next_ns, self._tick_ns) if t is not None)
            if due > now_ns:
                return
            if due == next_ns:
                self._settle(due)
            else:
                self._note_states(due)
                self._tick_ns += _TICK_NS

    def _note_states(self, now_ns: int) -> None:
        before = {status.modality: status.state for status in self._statuses}
        self._statuses = self._pipeline.statuses(now_ns)
        self._changes += [
            Change(now_ns, status.modality, status.state.name, status.reason)
            for status in self._statuses
            if status.state is not before.get(status.modality)
        ]
        self._note_left_out(now_ns)
        if self._observer is not None:
            self._observer.states(now_ns, self._statuses)

    def _note_left_out(self, now_ns: int) -> None:
        """Which LIVE sensors are left out now; the reason is the last one that was given."""
        for status in self._statuses:
            out = status.reason if status.state is StreamState.LIVE else ""
            last = self._out.get(status.modality)
            if out:
                begin_ns = last.begin_ns if last else now_ns
                self._out[status.modality] = LeftOut(status.modality, begin_ns, now_ns, out)
            elif last:
                self._left_out.append(replace(self._out.pop(status.modality), end_ns=now_ns))

    # -- what arrives ---------------------------------------------------------------------------

    def _take(self, arrival: Arrival) -> None:
        content, now_ns = arrival.content, arrival.time_ns
        if arrival.modality:
            self._hearing[arrival.modality].add(content)
        if isinstance(content, Frame):
            if self._pipeline.push(content, now_ns):
                self._tell(lambda observer: observer.frame(content))
        elif not isinstance(content, DecodeError):
            self._judge.learn(content)
            if isinstance(content, Truth):
                self._tell(lambda observer: observer.truth(content.stamp_ns, content.joints_m))
        elif arrival.modality:
            self._pipeline.reject(arrival.modality, content, now_ns)
        else:
            self._fail(content)

    def _settle(self, now_ns: int) -> None:
        """Make the estimates that are ready, or the prediction that is due."""
        while self._pipeline.pending(now_ns):
            if not self._pipeline.ready(now_ns):
                return
            self._step(now_ns)
        predicted = self._pipeline.predict(now_ns)
        if predicted is not None:
            self._predicted_ns.append(predicted.stamp_ns)
            self._tell(lambda observer: observer.estimate(predicted))

    def _step(self, now_ns: int) -> None:
        sample = self._pipeline.sample(now_ns)
        if sample is None:
            return
        try:
            estimate = self._pipeline.answer(sample, lambda: now_ns)
        except PtaError as error:
            self._fail(error)
            return
        if estimate is not None:
            self._keep(sample, estimate)

    def _keep(self, sample: Sample, estimate: Estimate) -> None:
        """Note what was estimated of an instant; of what late frames correct, the stamp."""
        if estimate.predicted:
            self._predicted_ns.append(estimate.stamp_ns)
        elif sample.late:
            self._corrected_ns.append(estimate.stamp_ns)
        else:
            self._estimates.add(estimate)
            self._judge.add(sample, estimate)
        self._tell(lambda observer: observer.estimate(estimate))

    def _fail(self, error: PtaError | DecodeError) -> None:
        self._failures[str(error)] = self._failures.get(str(error), 0) + 1

    def _tell(self, call: Callable[[Observer], None]) -> None:
        if self._observer is not None:
            call(self._observer)
