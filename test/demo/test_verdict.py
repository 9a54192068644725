"""The verdict and the bounds of summaries of hand-made runs."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from pta_ros.demo.bounds import busy_bounds, memory_bounds, speed_bounds, transport_bounds
from pta_ros.demo.records import StreamEntry
from pta_ros.demo.summary import summarise
from pta_ros.demo.verdict import did_its_job, findings, listed, verdict_text

STALE_S = {"pose": dict.fromkeys(("depth", "lidar", "csi"), 0.3)}
STALE_S["people"] = dict.fromkeys(("depth", "lidar"), 0.3)
STALE_S["activity"] = dict.fromkeys(("radar", "wifi", "rfid"), 0.8)
MS = 1_000_000


@pytest.fixture
def perfect_run(perfect_run):
    """As of the other tests, of a node that is fast enough for every bound."""
    return partial(perfect_run, latency_ms=8.0)


@pytest.fixture
def run(perfect_run, script):
    """The shipped script, played perfectly and fast."""
    return perfect_run(script)


def summary_of(run, reference_mm=30.0, start_s=5.0, peak_mb=700.0, growth=None):
    reference = {
        span.name: {tick.index: reference_mm for tick in span.ticks}
        for span in run.spans
        if span.name in ("csi corrupt", "lidar frozen")
    }
    pose = np.zeros((17, 3)) if run.task == "pose" else None
    summary = summarise(run, pose, reference)
    memory = {"peak_mb": peak_mb, "growth": growth}
    stale_s = STALE_S[summary["task"]]
    return summary | {
        "stale_after_s": stale_s, "start_to_first_estimate_s": start_s, "memory": memory
    }  # fmt: skip


def failed(summary):
    return [(f.phase, f.check) for f in findings(summary) if f.ok is False]


def missed(summary):
    return [bound.name for bound in speed_bounds(summary) if not bound.ok]


def test_a_good_run_passes_every_check(run, activity_run):
    for made in (run, activity_run()):
        found = findings(summary_of(made))
        assert {finding.ok for finding in found} == {True}
        assert did_its_job(found)
        assert missed(summary_of(made)) == []
    checks = {(f.phase, f.check) for f in findings(summary_of(run))}
    assert checks >= {
        ("all", "estimates"),
        ("all", "error"),
        ("csi alone", "error"),
        ("all silent", "silence"),
        ("csi corrupt", "state"),
        ("csi corrupt", "reference"),
        ("lidar frozen", "reference"),
        ("whole run", "instants"),
    }


def test_how_fast_it_was_decides_nothing(perfect_run, script, activity_run):
    """A busy machine: late estimates, late accounts, late start, much memory."""
    slow = perfect_run(script, latency_ms=250.0, delay_ticks=9)
    summary = summary_of(slow, start_s=60.0, peak_mb=1600.0)
    assert failed(summary) == []
    assert set(missed(summary)) >= {
        "all: latency p50",
        "lidar silent: lidar noticed",
        "all silent: ERROR",
        "start to first estimate",
        "fusion process, resident",
    }
    late = summary_of(activity_run(latency_ms=400.0))
    assert (failed(late), "all: latency p50" in missed(late)) == ([], True)


@pytest.mark.parametrize(
    ("change", "reference_mm", "expected"),
    [
        ({"error_m": 0.061}, 61.0, {("all", "error"), ("all back", "error")}),
        ({}, 28.0, {("csi corrupt", "reference"), ("lidar frozen", "reference")}),
        (
            {"delay_ticks": 1000},
            30.0,
            {
                ("lidar silent", "state"),
                ("csi alone", "state"),
                ("all silent", "state"),
                ("all silent", "silence"),
                ("lidar frozen", "state"),
            },
        ),
    ],
)
def test_a_fusion_that_does_not_do_its_job_fails(
    perfect_run, script, change, reference_mm, expected
):
    summary = summary_of(perfect_run(script, **change), reference_mm)
    assert set(failed(summary)) == expected
    assert not did_its_job(findings(summary))


def test_csi_alone_must_beat_the_mean_pose(perfect_run, script):
    summary = summary_of(perfect_run(script, error_m=0.05), 50.0)
    next(p for p in summary["phases"] if p["name"] == "csi alone")["mean_pose_mpjpe_mm"] = 66.0
    assert failed(summary) == [("csi alone", "error")]


def test_activities_must_be_right(activity_run):
    assert failed(summary_of(activity_run(lambda index: 3))) == [("whole run", "accuracy")]


def test_a_phase_without_the_expected_sensors_fails_unless_the_simulator_was_late(run):
    first = run.spans[0]
    streams = {"csi": StreamEntry("LIVE", 1.0, 1)}
    others = tuple(replace(e, streams=streams) if e in run.within(first) else e
                   for e in run.estimates)  # fmt: skip
    summary = summary_of(replace(run, estimates=others))
    assert failed(summary) == [("all", "estimates")]
    summary["phases"][0]["late_ms"] = 200.0
    found = findings(summary)
    assert [(f.phase, f.check) for f in found if f.ok is None] == [("all", "estimates")]
    assert did_its_job(found)


def test_too_few_instants_are_not_judged(perfect_run, script):
    summary = summary_of(perfect_run(script, error_m=0.061), 61.0)
    for phase in summary["phases"]:
        phase["expected"] = phase["estimates"] = min(phase["expected"], 9)
    assert failed(summary) == []
    assert {f.check for f in findings(summary) if f.ok is None} == {"error"}


def test_a_run_without_estimates_fails_rather_than_passes(run):
    empty = summary_of(replace(run, estimates=()))
    assert sum(check == "estimates" for _, check in failed(empty)) == 6
    assert ("all silent", "recovery") in failed(empty)
    for phase in empty["phases"]:
        phase["late_ms"] = 1000.0
    assert failed(empty) == []
    assert not did_its_job(findings(empty))


def test_a_sensor_that_is_hardly_ever_used_though_it_sends_good_data_is_found(run):
    summary = summary_of(run)
    summary["phases"][0]["expected"] = 1
    assert ("all", "estimates") in failed(summary)


def test_the_text_has_a_line_for_each_check_and_one_for_all(perfect_run, script):
    found = findings(summary_of(perfect_run(script, error_m=0.061), 61.0))
    lines = verdict_text(found).splitlines()
    assert len(lines) == len(found) + 1
    assert [line.split()[1] for line in lines if line.startswith("  all  ")] == ["ok"]
    assert sum(" FAILED " in line for line in lines) == 2
    assert "NOT" in lines[-1]
    assert "NOT" not in verdict_text(findings(summary_of(perfect_run(script)))).splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"start_s": 10.5}, "start to first estimate"),
        ({"start_s": None}, "start to first estimate"),
        ({"peak_mb": 1501.0}, "fusion process, resident"),
        ({"peak_mb": None}, "fusion process, resident"),
        ({"growth": 0.03}, "fusion process, growth"),
    ],
)
def test_measurements_from_outside_are_held_to_their_bounds(run, change, expected):
    assert missed(summary_of(run, **change)) == [expected]


def test_the_time_to_notice_follows_the_parameter(perfect_run, script):
    summary = summary_of(perfect_run(script, delay_ticks=9))
    assert "lidar silent: lidar noticed" in missed(summary)
    summary["stale_after_s"] = dict.fromkeys(summary["stale_after_s"], 0.9)
    assert missed(summary) == []


def test_the_memory_check_needs_a_growth():
    facts = {"peak_mb": 100.0, "growth": None}
    assert [bound.ok for bound in memory_bounds(facts, grown=True)] == [True, False]
    assert [bound.ok for bound in memory_bounds(facts)] == [True]


def test_a_lost_message_misses_its_bound_and_so_does_a_late_estimate_or_a_busy_process():
    summary = {
        "task": "pose",
        "messages": {"depth": {"sent": 100, "received": 99, "lost": 1}},
        "sent_rate_hz": 29.0,
        "latency_ms": {"p99": 26.0},
        "cpu_cores": {"fusion_node": 0.61},
    }
    assert [b.ok for b in transport_bounds(summary, 30.0)] == [False] * 4
    summary["messages"]["depth"]["lost"] = 0
    summary |= {"sent_rate_hz": 30.0, "latency_ms": {"p99": 25.0}}
    assert [b.ok for b in transport_bounds(summary, 30.0)] == [True, True, True, False]
    summary["cpu_cores"] = {}  # never seen
    assert [b.ok for b in transport_bounds(summary, 30.0)] == [True, True, True, False]


def test_beside_busy_cores_no_estimate_may_be_lost():
    summary = {"task": "pose", "instants": 300, "lost_estimates": 1, "latency_ms": {"p99": 81.0}}
    assert [b.ok for b in busy_bounds(summary)] == [False, False]
    summary |= {"lost_estimates": 0, "latency_ms": {"p99": 80.0}}
    assert [b.ok for b in busy_bounds(summary)] == [True, True]


@pytest.mark.parametrize(
    ("names", "text"),
    [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (tuple("abc"), "a, b and c")],
)
def test_names_are_listed_as_in_a_sentence(names, text):
    assert listed(list(names)) == text
