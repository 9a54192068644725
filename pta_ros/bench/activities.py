"""What following activities over time does to their labels, on simulated sessions of one person.

Each instant is told by itself with every subset of the sensors, and goes through the filter of the
live pipeline. Synthetic. MM-Fi's session blends actions for 1.6 s: the next one counts from the
middle on, and neither is settled meanwhile. XRF55's windows look back five seconds: the truth is
that of a window's end, and settled are those that lie within one activity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import NS, to_ns
from pta_ros.demo.reference import physical
from pta_ros.frames import FloatArray, Frame, Sample
from pta_ros.fusion.activity_filter import ActivityConfig, ActivityFilter
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params
from pta_ros.metrics.activities import calibration_error, changes_per_min, delays_s, log_loss
from pta_ros.metrics.bound import Bound, at_least, at_most
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.simulate.recording import Session
from pta_ros.simulate.rf_session import RfSession
from pta_ros.simulate.session import BLEND_S

#: The clock's begin, ns.
T0 = 1_700_000_000 * NS
#: Synthetic people who took no part in any training or choice, and seconds of each.
HELD_OUT = {"mmfi": (6, 15, 16, 30, 32, 34), "xrf55": (3, 8, 10)}
SECONDS = {"mmfi": 80.0, "xrf55": 495.0}
RATE_HZ, _HOP_S, _ACTIVITY_S, _LOSS = 10.0, 0.5, 9.0, 0.02
#: Of all sensors, against each instant by itself: at most this share of its changes, this much
#: later (median, s), and this much worse calibrated (points).
_CHANGES, _LATER_S, _UNSURE = {"mmfi": 0.25, "xrf55": 0.75}, {"mmfi": 0.5, "xrf55": 0.6}, 3.0

Scene = tuple[Sample, int, bool]


@dataclass(frozen=True, eq=False)
class Told:
    """N estimates of a session: `seconds` (N,), `probabilities` (N, K) of each, by itself or not.

    `truth` (N,) is the class; `settled` (N,) whether nothing else is in what was seen.
    """

    seconds: NDArray[np.float64]
    probabilities: FloatArray
    truth: NDArray[np.int64]
    settled: NDArray[np.bool_]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The most probable classes (N,)."""
        return self.probabilities.argmax(axis=1)

    def followed(self, config: ActivityConfig) -> Told:
        """The same, followed over time."""
        follow = ActivityFilter(config)
        stamps = [T0 + to_ns(s) for s in self.seconds]
        rows = [follow(p, t) for p, t in zip(self.probabilities, stamps, strict=True)]
        return Told(self.seconds, np.stack(rows), self.truth, self.settled)


@dataclass(frozen=True)
class Scores:
    """Accuracy and expected calibration error in percent, and the log loss."""

    accuracy: float
    log_loss: float
    calibration: float

    @classmethod
    def of(cls, told: Told, chosen: NDArray[np.bool_]) -> Scores:
        """Over the chosen estimates (N,)."""
        probabilities, truth = told.probabilities[chosen], told.truth[chosen]
        right = 100.0 * float((told.labels[chosen] == truth).mean())
        unsure = 100.0 * calibration_error(probabilities, truth)
        return cls(right, log_loss(probabilities, truth), unsure)

    def __str__(self) -> str:
        accuracy = f"accuracy {self.accuracy:5.1f} %"
        return f"{accuracy}, log loss {self.log_loss:.2f}, ECE {self.calibration:4.1f} %"


@dataclass(frozen=True)
class Figures:
    """Of all estimates and of settled ones; label changes a minute, and true ones; seconds until a
    true change is followed: the median, and nine of ten (inf: never before the next one)."""

    every: Scores
    settled: Scores
    changes: float
    true_changes: float
    delay_s: float
    delay_p90_s: float

    def __str__(self) -> str:
        changes = f"{self.changes:5.1f} changes a minute, {self.true_changes:.1f} true"
        middle, most = (
            f"{s:.1f} s" if np.isfinite(s) else "never" for s in (self.delay_s, self.delay_p90_s)
        )
        delays = f"followed after {middle}, p90 {most}"
        return f"{self.every}; settled {self.settled}; {changes}; {delays}"


def start(sensor_set: str) -> Engine:
    """The engine of the shipped model of a set, on the CPU."""
    engine = Engine.load(*read_params(None, sensor_set))
    engine.start()
    return engine


def tell(engine: Engine, sensor_set: str, subject: int, seconds: float) -> dict[str, Told]:
    """A session of one person, each instant by itself, by subset of the sensors."""
    scenes = {"mmfi": _frames, "xrf55": _windows}[sensor_set](engine, subject, seconds)
    every = subsets(tuple(engine.sensors))
    rows: dict[str, list[tuple[float, FloatArray, int, bool]]] = {subset_name(s): [] for s in every}
    for sample, truth, settled in scenes:
        at_s = (sample.stamp_ns - T0) / NS
        for subset in every:
            if all(m in sample.frames for m in subset):
                part = Sample(sample.stamp_ns, {m: sample.frames[m] for m in subset})
                told = engine.estimator(part).probabilities  # type: ignore[misc]
                rows[subset_name(subset)].append((at_s, told, truth, settled))
    return {
        name: Told(*(np.array(column) for column in zip(*listed, strict=True)))
        for name, listed in rows.items()
    }


def _frames(engine: Engine, subject: int, seconds: float) -> Iterator[Scene]:
    session = Session(0, subject, rate_hz=RATE_HZ)
    for number in range(round(seconds * RATE_HZ)):
        at_s, frame = number / RATE_HZ, session.frame(number)
        stamp = T0 + to_ns(at_s)
        frames = {
            m: Frame(m, stamp, sensor.prepare(physical(frame, m), "simulated"), stamp)
            for m, sensor in engine.sensors.items()
        }
        before, now = session.action(at_s - BLEND_S), session.action(at_s)
        yield Sample(stamp, frames), session.action(at_s - BLEND_S / 2) - 1, before == now


def _windows(engine: Engine, subject: int, seconds: float) -> Iterator[Scene]:
    session, pipeline = RfSession(0, subject, activity_s=_ACTIVITY_S), engine.pipeline()
    lost = np.random.default_rng([0, subject])
    for hop in range(round(seconds / _HOP_S)):
        begin_s, end_s = hop * _HOP_S, (hop + 1) * _HOP_S
        for packet in sorted(session.between(begin_s, end_s), key=lambda p: p.time_s):
            if lost.random() >= _LOSS:
                raw = np.asarray(packet.content, np.float32)
                raw = raw if raw.ndim > 1 and packet.modality == "wifi" else raw[None]
                array = engine.sensors[packet.modality].receive(raw, "simulated")
                stamp = T0 + to_ns(packet.time_s)
                pipeline.push(Frame(packet.modality, stamp, array, stamp), stamp)
        now_ns = T0 + to_ns(end_s + engine.params.window_grace_s + 0.01)
        sample = pipeline.sample(now_ns) if pipeline.pending(now_ns) else None
        if sample is not None:
            at_s = (sample.stamp_ns - T0) / NS
            yield sample, session.action(at_s - 1e-6) - 1, session.whole(at_s)
    session.close()


def judge(told: Sequence[Told]) -> Figures:
    """The figures over several people."""
    columns = zip(*(vars(t).values() for t in told), strict=True)
    together = Told(*(np.concatenate(column) for column in columns))
    every = np.ones(len(together.truth), np.bool_)
    changes, true = (
        float(np.mean([changes_per_min(t.seconds, getattr(t, what)) or 0.0 for t in told]))
        for what in ("labels", "truth")
    )
    delays = np.sort(np.concatenate([delays_s(t.seconds, t.labels, t.truth) for t in told]))
    delays = delays if len(delays) else np.array([np.inf])
    middle, most = (float(delays[int(share * len(delays))]) for share in (0.5, 0.9))
    scores, settled = (Scores.of(together, chosen) for chosen in (every, together.settled))
    return Figures(scores, settled, changes, true, middle, most)


def compare(
    sessions: Iterable[dict[str, Told]], config: ActivityConfig
) -> dict[str, tuple[Figures, Figures]]:
    """By subset: each instant by itself, and followed over time."""
    listed = list(sessions)
    return {
        name: (
            judge([session[name] for session in listed]),
            judge([session[name].followed(config) for session in listed]),
        )
        for name in listed[0]
    }


def bounds(sensor_set: str, alone: Figures, followed: Figures) -> list[Bound]:
    """What following must keep to, of all sensors together."""
    known = np.isfinite([alone.delay_s, followed.delay_s]).all()
    later_s = followed.delay_s - alone.delay_s if known else None
    return [
        at_most("changes of the label, of each instant's", followed.changes / alone.changes,
                _CHANGES[sensor_set], "x"),
        at_least("accuracy gained, settled", followed.settled.accuracy - alone.settled.accuracy,
                 0.0, "points"),
        at_most("log loss, of each instant's", followed.every.log_loss / alone.every.log_loss,
                1.0, "x"),
        at_most("calibration error added, settled",
                followed.settled.calibration - alone.settled.calibration, _UNSURE, "points"),
        at_most("a change is followed later by (median)", later_s, _LATER_S[sensor_set], "s"),
    ]  # fmt: skip


def as_record(figures: Figures) -> dict[str, Any]:
    """Plain values, for JSON; a change that is never followed is None."""
    delays = {k: v if np.isfinite(v) else None for k, v in vars(figures).items() if "delay" in k}
    return {**asdict(figures), **delays}
