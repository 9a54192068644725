"""What tracks are worth: synthetic people, told by sensors with a model's errors, over time.

People are followed through streams that are late, lossy or broken; `single` is what the same frames
give one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

import numpy as np

from pta_ros.clock import NS, to_ns
from pta_ros.frames import Track
from pta_ros.simulate import estimates
from pta_ros.simulate.actions import Action
from pta_ros.simulate.estimates import Array, Cast, Fault, Told
from pta_ros.simulate.kinematics import CHANNELS
from pta_ros.simulate.wide.people import Person, draw_person
from pta_ros.tracks.consistency import Consistency
from pta_ros.tracks.tracker import Tracker

MODALITIES = tuple(estimates.DEVIATIONS_M)
_SETTLED_S = 0.6  # the first frames are nobody's figures
_TOLERANCE_S = 0.004  # with tracks every frame counts at its own stamp
_TODAY_S = 0.08  # without, the nearest frames of the others join


@dataclass(frozen=True, eq=False)
class Followed:
    """What was published of one person: N times `stamp_s` (N,), `joints` (N, 17, 3), `deviation_m`
    (N, 17), and the `truth` (N, 17, 3), metres."""

    stamp_s: Array
    joints: Array
    deviation_m: Array
    truth: Array

    @property
    def errors_m(self) -> Array:
        """Mean over the joints, (N,)."""
        return np.asarray(np.linalg.norm(self.joints - self.truth, axis=-1).mean(axis=-1))

    def within(self, sigmas: float) -> float:
        """The share of coordinates within so many deviations of the truth."""
        away = np.abs(self.joints - self.truth)
        return float((away <= sigmas * self.deviation_m[..., None]).mean())

    def jitter_m(self, until_s: float = np.inf) -> float:
        """Root of the mean square of what the error does from one to the next, per axis."""
        steps = np.diff((self.joints - self.truth)[self.stamp_s < until_s], axis=0)
        return float(np.sqrt(np.square(steps).mean()))

    def largest_step_m(self) -> tuple[float, float]:
        """The largest step of any joint, and the largest true one."""
        found = (
            np.linalg.norm(np.diff(path, axis=0), axis=-1) for path in (self.joints, self.truth)
        )
        told, true = (float(steps.max()) for steps in found)
        return told, true

    def between(self, first_s: float, last_s: float) -> Followed:
        """The part from `first_s` to before `last_s`."""
        kept = (self.stamp_s >= first_s) & (self.stamp_s < last_s)
        return Followed(*(array[kept] for array in vars(self).values()))


def draw_cast(seed: int, walks: bool | None = None, white: float = estimates.WHITE) -> Cast:
    """One person of the wide world, 3 m away; `walks` asks for one who does, or does not."""
    number = 1000 * seed
    while True:
        rng = np.random.default_rng(number)
        person = draw_person(rng, 7, 1 + number % 97, np.array([3.0, 0.0]))
        if walks is None or walks == (person.speed > 0.0):
            return Cast([person], rng, white)
        number += 1


def at_rest(seed: int) -> Person:
    """Somebody who stands and sways."""
    person = draw_cast(seed, walks=False).people[0]
    still = Action("rest", 6.0, np.arange(6) / 6, np.zeros((6, len(CHANNELS))))
    return replace(person, action=still)


def track(
    cast: Cast,
    streams: Sequence[Sequence[Told]],
    judged: bool = False,
    tracker: Tracker | None = None,
    ticks_s: Sequence[float] = (),
) -> Followed:
    """Follow the first person of a cast; `judged` leaves out who contradicts.

    With `ticks_s` what is published is what `at` gives for these times, of what had arrived.
    """
    tracker, consistency = tracker or Tracker(None, MODALITIES), Consistency(MODALITIES)
    found: list[Track] = []
    waiting = [to_ns(t) for t in ticks_s]
    for arrives_ns, stamp_ns, told in estimates.together(streams, _TOLERANCE_S):
        while waiting and waiting[0] < arrives_ns:
            found += tracker.at(waiting.pop(0))[:1]
        if judged:
            alone = {m: one.people for m, one in told.items()}
            trusted = consistency.judge(stamp_ns, alone, dict.fromkeys(alone, tracker.at(stamp_ns)))
            told = {m: one for m, one in told.items() if m in trusted}
        tracks = tracker.update(stamp_ns, estimates.everybody(told))
        found += [] if len(ticks_s) else tracks[:1]
    rows = [(t.stamp_ns, t.joints, t.deviation_m) for t in found]
    return _followed(cast, rows)


def single(cast: Cast, streams: Sequence[Sequence[Told]]) -> Followed:
    """The first person without tracks: one instant each."""
    rows, newest = [], -1
    for _, stamp_ns, told in estimates.together(streams, _TODAY_S):
        if stamp_ns <= newest:  # what is late makes no estimate
            continue
        newest, person = stamp_ns, estimates.everybody(told)[0]
        rows.append((stamp_ns, person.joints, person.deviation_m))
    return _followed(cast, rows)


def _followed(cast: Cast, rows: Sequence[tuple[int, Array, Array]]) -> Followed:
    rows = [row for row in rows if row[0] >= to_ns(_SETTLED_S)]
    stamps, joints, deviations = (np.array(column) for column in zip(*rows, strict=True))
    return Followed(stamps / NS, joints, deviations, cast.truth(stamps / NS)[0])


def late(told: Sequence[Told], every: int, by_s: float) -> list[Told]:
    """A stream whose every so manieth frame arrives late."""
    return [
        replace(one, arrives_ns=one.arrives_ns + (to_ns(by_s) if n % every == 0 else 0))
        for n, one in enumerate(told, start=1)
    ]


def lost(told: Sequence[Told], share: float, rng: np.random.Generator) -> list[Told]:
    """A stream that loses frames at random."""
    return [one for one in told if rng.random() >= share]


def broken(cast: Cast, told: Sequence[Told], fault: Fault) -> list[Told]:
    """A stream of the cast's first person with a fault on top of its own errors."""
    time_s = np.array([one.stamp_ns / NS for one in told])
    joints = fault(time_s, np.stack([one.people[0].joints for one in told]))
    witness = cast.witness(told[0].modality)
    return [
        replace(one, people=(witness.told(pose),)) for one, pose in zip(told, joints, strict=True)
    ]


def faults(first_s: float, last_s: float) -> dict[str, Fault]:
    """What may happen to one sensor from `first_s` to `last_s`, by name."""

    def during(change: Fault) -> Fault:
        def fault(time_s: Array, joints: Array) -> Array:
            inside = (time_s >= first_s) & (time_s < last_s)
            return np.where(inside[:, None, None], change(time_s, joints), joints)

        return fault

    def before(time_s: Array, joints: Array, by_s: Array | float) -> Array:
        return joints[np.maximum(np.searchsorted(time_s, time_s - by_s + 1e-6), 0)]

    rng = np.random.default_rng(1)
    return {
        "displaced 0.3 m": during(lambda t, j: j + np.array([0.2, 0.2, 0.1])),
        "rotated 10 degrees": during(lambda t, j: estimates.rotated(j, 10.0)),
        "time-shifted 0.3 s": during(lambda t, j: before(t, j, 0.3)),
        "mirrored": during(lambda t, j: estimates.mirrored(j)),
        "frozen": during(lambda t, j: before(t, j, np.maximum(t - first_s, 0.0) + 1e-3)),
        "noisy 0.15 m": during(lambda t, j: j + rng.normal(0.0, 0.15, j.shape)),
    }


@dataclass(frozen=True)
class Cost:
    """Milliseconds per update of one person: in order, and of a frame that is three late."""

    in_order_ms: float
    late_ms: float


def bench_cost(updates: int = 300) -> Cost:
    """Time updates at 30 Hz, medians."""
    cast = draw_cast(1)
    told = cast.stream("depth", 30.0, updates / 30.0)
    tracker = Tracker(None, MODALITIES)
    times: dict[bool, list[float]] = {False: [], True: []}
    order = [k - 3 if k % 10 == 3 else k for k in range(len(told))]
    for number, k in enumerate(order):
        begun = perf_counter()
        tracker.update(told[k].stamp_ns, told[k].people)
        times[number != k].append(1e3 * (perf_counter() - begun))
    return Cost(median(times[False]), median(times[True]))
