"""Hand-made runs: a simulator that keeps its pace, and a fusion that behaves as told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pta_ros.demo.records import Estimate, Report, Run, StreamEntry, Tick
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
        streams = {
            m: StreamEntry(
                state_of(faults[m], index - last_good[m], delay_hops),
                1 / len(used) if m in used else 0.0,
                stamp * (m in used),
                counters(index),
            )
            for m in names
        }
        received = stamp + round(latency_ms * MS)
        alive = any(entry.state == "LIVE" for entry in streams.values())
        reports.append(Report(received, 0 if alive else 2, streams))
        if used:
            estimates.append(Estimate(stamp, received, latency_ms, NOTHING, streams, answer(index)))
    session = {"rate_hz": 2.0, "seed": 0, "subject": 41, "scene": 1, "estimates": "activity"}
    return Run(session, tuple(ticks), tuple(estimates), tuple(reports))


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
