"""Hand-made runs: a 10 Hz simulator and a fusion that behaves as told."""

from __future__ import annotations

import numpy as np
import pytest

from pta_ros.demo.records import Report, Run, SkeletonEntry, StreamEntry, Tick
from pta_ros.simulate.script import MODALITIES, Script

BEGIN_NS = 1_000_000_000_000
PERIOD_NS = 100_000_000
MS = 1_000_000
JOINTS = np.arange(51.0).reshape(17, 3) / 50.0


def ticks_of(script: Script) -> list[Tick]:
    """The ticks of a script at 10 Hz, after three ticks before it."""
    made = [Tick(i, BEGIN_NS + (i - 3) * PERIOD_NS, None, {}, JOINTS) for i in range(3)]
    for index in range(round(script.duration_s * 10)):
        phase = script.at(index / 10)
        faults = {m: phase.fault(m).value for m in MODALITIES}
        stamp = BEGIN_NS + index * PERIOD_NS
        made.append(Tick(index, stamp, phase.name, faults, JOINTS + 0.01 * index))
    return made


def _perfect_run(
    script: Script, latency_ms: float = 12.0, error_m: float = 0.03, delay_ticks: int = 3
) -> Run:
    """A fusion that is right but for `error_m`, and sees a lost stream after `delay_ticks`."""
    ticks = ticks_of(script)
    skeletons, reports = [], []
    good_since = dict.fromkeys(MODALITIES, BEGIN_NS)
    last_good = dict.fromkeys(MODALITIES, BEGIN_NS)
    for tick in ticks[3:]:
        streams = {}
        used = [m for m in MODALITIES if tick.faults[m] == "none"]
        for m in MODALITIES:
            if m in used:
                if tick.stamp_ns - last_good[m] > 1.5 * PERIOD_NS:
                    good_since[m] = tick.stamp_ns
                last_good[m] = tick.stamp_ns
            live = tick.stamp_ns - last_good[m] < delay_ticks * PERIOD_NS
            if tick.faults[m] == "garbage":
                live = False
            state = "LIVE" if live else "STALE"
            share = 1 / len(used) if m in used else 0.0
            counters = dict.fromkeys(("received", "used", "dropped", "corrupt", "lost"), tick.index)
            streams[m] = StreamEntry(state, share, tick.stamp_ns * (m in used), counters)
        received = tick.stamp_ns + round(latency_ms * MS) + MS
        alive = any(entry.state == "LIVE" for entry in streams.values())
        reports.append(Report(received, 0 if alive else 2, "", streams, "cpu"))
        if used:
            shift = np.array([error_m, 0.0, 0.0])
            entry = SkeletonEntry(
                tick.stamp_ns, received, latency_ms, tick.joints_m + shift, np.ones(17), streams
            )
            skeletons.append(entry)
    session = {"rate_hz": 10.0, "seed": 1, "subject": 41, "scene": "E01"}
    return Run(session, tuple(ticks), tuple(skeletons), tuple(reports))


@pytest.fixture
def perfect_run():
    """A maker of runs whose fusion behaves as it should; see its arguments."""
    return _perfect_run
