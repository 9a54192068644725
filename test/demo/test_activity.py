"""The activity demo's summary and bounds, on a hand-made run."""

from pathlib import Path

import numpy as np
import pytest

from pta_ros.demo.activity import activity_bounds, summarise_activity
from pta_ros.demo.records import Report, Run, SkeletonEntry, StreamEntry, Tick
from pta_ros.simulate.script import load_script

SCRIPT = load_script(Path(__file__).parents[2] / "config" / "demo_activity.yaml")
NAMES = ("radar", "wifi", "rfid")
HOP_NS = 500_000_000
BEGIN_NS = 1_000_000_000_000
NOTHING = np.zeros((0, 3))


def run_of(answer=lambda index: 7, latency_ms=60.0, delay_hops=2):
    """A fusion that answers `answer(index)` and sees every lost stream after `delay_hops`."""
    ticks, entries, reports, last_good = [], [], [], dict.fromkeys(NAMES, 0)
    for index in range(round(SCRIPT.duration_s * 2)):
        phase, stamp = SCRIPT.at(index / 2), BEGIN_NS + index * HOP_NS
        faults = {m: phase.fault(m).value for m in NAMES}
        whole = 7 if index % 18 >= 10 else -1
        ticks.append(Tick(index, stamp, phase.name, faults, NOTHING, activity=whole))
        used = [m for m in NAMES if faults[m] == "none"]
        last_good.update(dict.fromkeys(used, index))
        streams = {
            m: StreamEntry(
                "LIVE" if index - last_good[m] < delay_hops and faults[m] != "garbage" else "STALE",
                1 / len(used) if m in used else 0.0, stamp * (m in used), {"received": index},
            )
            for m in NAMES
        }  # fmt: skip
        received = stamp + round(latency_ms * 1e6)
        alive = any(s.state == "LIVE" for s in streams.values())
        reports.append(Report(received, 0 if alive else 2, "", streams))
        if used:
            entry = (stamp, received, latency_ms, NOTHING, np.zeros(0), streams)
            entries.append(SkeletonEntry(*entry, class_id=answer(index)))
    session = {"rate_hz": 2.0, "seed": 0, "subject": 41, "scene": 1, "estimates": "activity"}
    return Run(session, tuple(ticks), tuple(entries), tuple(reports))


def summary_of(run):
    measured = {"start_to_first_estimate_s": 9.0, "memory": {"peak_mb": 400.0, "growth": None}}
    return summarise_activity(run, 0.8) | measured


def test_a_good_run_keeps_every_bound():
    summary = summary_of(run_of())
    assert [b.name for b in activity_bounds(summary) if not b.ok] == []
    assert summary["accuracy"] == 100.0
    assert summary["hop_s"] == 0.5
    assert [p["name"] for p in summary["phases"]] == [p.name for p in SCRIPT.phases]
    assert all(p["accuracy"] is None or p["accuracy"] == 100 for p in summary["phases"])


def test_only_windows_within_one_activity_are_judged():
    summary = summary_of(run_of(answer=lambda index: 7 if index % 18 >= 10 else 3))
    assert summary["accuracy"] == 100.0


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"answer": lambda index: 3}, "all sensors: accuracy"),
        ({"latency_ms": 120.0}, "all: latency p50"),
        ({"delay_hops": 30}, "all silent: ERROR after"),
    ],
)
def test_what_falls_short_is_missed(change, missed):
    names = [b.name for b in activity_bounds(summary_of(run_of(**change))) if not b.ok]
    assert missed in names
