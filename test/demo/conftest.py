"""Hand-made runs: a simulator that keeps its pace, and a fusion that behaves as told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pta_ros.demo.records import Estimate, Report, Run, StreamEntry, Tick, TruePerson
from pta_ros.frames import Person
from pta_ros.people.centred import trunk
from pta_ros.simulate.script import MODALITIES, Script, load_script

CONFIG = Path(__file__).parents[2] / "config"
BEGIN_NS = 1_000_000_000_000
PERIOD_NS, HOP_NS = 100_000_000, 500_000_000
MS = 1_000_000
JOINTS = np.arange(51.0).reshape(17, 3) / 50.0
NOTHING = np.zeros((0, 3))


def ticks_of(script: Script) -> list[Tick]:
    """The ticks of a script at 10 Hz, after three ticks before it."""
    made = [Tick(i, BEGIN_NS + (i - 3) * PERIOD_NS, None, {}, JOINTS) for i in range(3)]
    for index in range(round(script.duration_s * 10)):
        phase = script.at(index / 10)
        faults = {m: phase.fault(m).value for m in MODALITIES}
        stamp = BEGIN_NS + index * PERIOD_NS
        made.append(Tick(index, stamp, phase.name, faults, JOINTS + 0.01 * index))
    return made


def state_of(fault: str, unseen: int, delay: int) -> str:
    """The state of a stream without a good frame for `unseen` ticks."""
    if fault == "corrupt":
        return "CORRUPT"
    return "LIVE" if unseen < delay else "STALE"


def entries(faults, last_good, index, stamp, delay):
    """Every stream's entry at a tick: used in equal shares where no fault is."""
    used = [m for m in faults if faults[m] == "none"]
    return {
        m: StreamEntry(
            state_of(faults[m], index - last_good[m], delay),
            1 / len(used) if m in used else 0.0,
            stamp * (m in used),
            counters(index),
        )
        for m in faults
    }


def counters(index: int) -> dict[str, int]:
    return dict.fromkeys(("received", "used", "dropped", "corrupt", "lost"), index)


def _perfect_run(
    script: Script, latency_ms: float = 12.0, error_m: float = 0.03, delay_ticks: int = 3
) -> Run:
    """A fusion that is right but for `error_m`, and sees a lost stream after `delay_ticks`."""
    ticks = ticks_of(script)
    estimates, reports = [], []
    last_good = dict.fromkeys(MODALITIES, 0)
    for tick in ticks[3:]:
        used = [m for m in MODALITIES if tick.faults[m] == "none"]
        last_good.update(dict.fromkeys(used, tick.index))
        streams = {
            m: StreamEntry(
                state_of(tick.faults[m], tick.index - last_good[m], delay_ticks),
                1 / len(used) if m in used else 0.0,
                tick.stamp_ns * (m in used),
                counters(tick.index),
            )
            for m in MODALITIES
        }
        received = tick.stamp_ns + round(latency_ms * MS) + MS
        alive = any(entry.state == "LIVE" for entry in streams.values())
        reports.append(Report(received, 0 if alive else 2, streams, "cpu"))
        if used:
            joints = tick.joints_m + np.array([error_m, 0.0, 0.0])
            estimates.append(Estimate(tick.stamp_ns, received, latency_ms, joints, streams))
    session = {"rate_hz": 10.0, "seed": 1, "subject": 41, "scene": "E01"}
    return Run(session, tuple(ticks), tuple(estimates), tuple(reports))


def _activity_run(answer=lambda index: 7, latency_ms: float = 60.0, delay_hops: int = 2) -> Run:
    """Activities: a fusion that answers `answer(index)`; nine of eighteen windows hold just one."""
    script = load_script(CONFIG / "demo_activity.yaml")
    names = script.phases[0].modalities
    ticks, estimates, reports, last_good = [], [], [], dict.fromkeys(names, 0)
    for index in range(round(script.duration_s * 2)):
        phase, stamp = script.at(index / 2), BEGIN_NS + index * HOP_NS
        faults = {m: phase.fault(m).value for m in names}
        whole = 7 if index % 18 >= 10 else -1
        ticks.append(Tick(index, stamp, phase.name, faults, NOTHING, activity=whole))
        used = [m for m in names if faults[m] == "none"]
        last_good.update(dict.fromkeys(used, index))
        streams = entries(faults, last_good, index, stamp, delay_hops)
        received = stamp + round(latency_ms * MS)
        alive = any(entry.state == "LIVE" for entry in streams.values())
        reports.append(Report(received, 0 if alive else 2, streams))
        if used:
            estimates.append(Estimate(stamp, received, latency_ms, NOTHING, streams, answer(index)))
    session = {"rate_hz": 2.0, "seed": 0, "subject": 41, "scene": 1, "estimates": "activity"}
    return Run(session, tuple(ticks), tuple(estimates), tuple(reports))


def body(x, y):
    """Somebody upright at a place: joints (17, 3) in the level frame."""
    heights = np.array([9, 9, 5, 1, 9, 5, 1, 11, 14, 15, 17, 14, 11, 9, 14, 11, 9]) / 10
    sides = np.array([0, -1, -1, -1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, -2, -2, -3]) / 10
    return np.column_stack([np.full(17, x), y + sides, heights])


def _people_run(
    error_m: float = 0.05, deviation_m: float = 0.06, extra: int = 0, delay_ticks: int = 3,
    quiet: bool = False, latency_ms: float = 30.0,
) -> Run:  # fmt: skip
    """Lists of people: joints off by `error_m` along y, and `extra` people who are not there.

    The second person is hidden from the camera. With `quiet` diagnostics do not say who is seen.
    """
    script = load_script(CONFIG / "demo_people.yaml")
    names = script.phases[0].modalities
    ticks, estimates, reports, last_good, skeletons = [], [], [], dict.fromkeys(names, 0), []
    for index in range(round(script.duration_s * 10)):
        phase, stamp = script.at(index / 10), BEGIN_NS + index * PERIOD_NS
        faults = {m: phase.fault(m).value for m in names}
        bodies = [body(2.0 + 0.001 * index, 0.5), body(3.0, -1.2)][: phase.people]
        every = tuple(range(17))
        truth = tuple(
            TruePerson(
                b, {"depth": () if n else every, "lidar": every},
                {"depth": 0 if n else 900, "lidar": 90},
            )
            for n, b in enumerate(bodies)
        )  # fmt: skip
        ticks.append(Tick(index, stamp, phase.name, faults, NOTHING, people=truth))
        used = [m for m in names if faults[m] == "none"]
        last_good.update(dict.fromkeys(used, index))
        streams = entries(faults, last_good, index, stamp, delay_ticks)
        received = stamp + round(latency_ms * MS)
        alive = any(entry.state == "LIVE" for entry in streams.values())
        said = "" if quiet or bodies else "all streams live; nobody is seen"
        reports.append(Report(received, 0 if alive else 2, streams, "cpu", said))
        if used:
            told = [b + np.array([0.0, error_m, 0.0]) for b in bodies] + [body(4.0, 2.0)] * extra
            weights = {m: 1 / len(used) for m in used}
            people = tuple(
                Person(0.9, trunk(b), b, np.full(17, deviation_m), weights) for b in told
            )
            estimates.append(Estimate(stamp, received, latency_ms, NOTHING, streams, people=people))
            skeletons += [stamp] * bool(people)
    session = {
        "rate_hz": 10.0, "seed": 1, "subject": 41, "scene": 1, "estimates": "people",
        "floor": [[-2.0, -3.0], [6.0, 3.0]], "view_deg": 70.0,
    }  # fmt: skip
    return Run(session, tuple(ticks), tuple(estimates), tuple(reports), tuple(skeletons))


@pytest.fixture
def people_run():
    """A maker of runs of people; see its arguments."""
    return _people_run


@pytest.fixture
def perfect_run():
    """A maker of runs whose fusion behaves as it should; see its arguments."""
    return _perfect_run


@pytest.fixture
def activity_run():
    """A maker of runs of activities; see its arguments."""
    return _activity_run


@pytest.fixture(scope="session")
def script():
    """The shipped script."""
    return load_script(CONFIG / "demo.yaml")


@pytest.fixture
def run(script):
    """A perfect run of the shipped script."""
    return _perfect_run(script)
