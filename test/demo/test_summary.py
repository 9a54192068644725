from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pta_ros.demo import summary as demo
from pta_ros.simulate.script import load_script

CONFIG = Path(__file__).parents[2] / "config" / "demo.yaml"
SCRIPT = load_script(CONFIG)
KEYS = {
    "schema",
    "synthetic",
    "phases",
    "latency_ms",
    "lost_stream_detected_s",
    "recovered_s",
    "frames",
    "mean_pose_mpjpe_mm",
}
PHASE_KEYS = {
    "name",
    "start_s",
    "end_s",
    "available",
    "estimates",
    "rate_hz",
    "mpjpe_mm",
    "latency_ms",
    "weights",
}
POSE = np.zeros((17, 3))


@pytest.fixture
def run(perfect_run):
    return perfect_run(SCRIPT)


def test_the_summary_has_the_promised_keys(run):
    summary = demo.summarise(run, POSE, {})
    assert set(summary) >= KEYS
    assert (summary["schema"], summary["synthetic"]) == (1, True)
    assert all(set(phase) >= PHASE_KEYS for phase in summary["phases"])
    assert set(summary["frames"]["csi"]) == {"received", "used", "dropped", "corrupt"}


def test_phases_are_the_scripts(run):
    phases = demo.summarise(run, POSE, {})["phases"]
    assert [(p["name"], p["start_s"], p["end_s"]) for p in phases] == [
        (p.name, p.start_s, p.end_s) for p in SCRIPT.phases
    ]
    assert [set(p["available"]) for p in phases] == [set(p.available) for p in SCRIPT.phases]
    assert [p["estimates"] for p in phases] == [80, 50, 40, 0, 50, 30, 30]


def test_rate_counts_from_the_first_live_stream(run):
    phases = {p["name"]: p for p in demo.summarise(run, POSE, {})["phases"]}
    assert phases["all"]["rate_hz"] == pytest.approx(10.0)
    assert phases["all silent"]["rate_hz"] == 0.0
    back = phases["all back"]
    assert back["live_s"] == pytest.approx(5.0 - 0.013, abs=1e-3)
    assert back["rate_hz"] == pytest.approx(50 / back["live_s"], abs=1e-3)


def test_missing_estimates_lower_the_rate(run):
    thinner = replace(run, skeletons=run.skeletons[::2])
    phases = demo.summarise(thinner, POSE, {})["phases"]
    assert phases[0]["rate_hz"] == pytest.approx(5.0)


def test_errors_are_in_millimetres_at_the_estimates_own_stamps(run):
    summary = demo.summarise(run, POSE, {})
    assert summary["mpjpe_mm"] == pytest.approx(30.0)
    assert [p["mpjpe_mm"] for p in summary["phases"] if p["estimates"]] == pytest.approx([30.0] * 6)
    assert summary["phases"][3]["mpjpe_mm"] is None


def test_an_estimate_of_an_unknown_instant_is_counted_and_not_scored(run):
    odd = replace(run.skeletons[5], stamp_ns=run.skeletons[5].stamp_ns + 1, joints_m=POSE + 9.0)
    summary = demo.summarise(replace(run, skeletons=(*run.skeletons[:5], odd)), POSE, {})
    assert summary["unmatched_estimates"] == 1
    assert summary["mpjpe_mm"] == pytest.approx(30.0)


def test_the_mean_pose_is_scored_on_the_same_instants(run):
    alone = next(s for s in run.spans if s.name == "csi alone")
    truth = np.stack([t.joints_m for t in alone.ticks])
    expected = 1e3 * np.linalg.norm(truth, axis=-1).mean()
    phase = demo.phase_summary(run, alone, POSE)
    assert phase["mean_pose_mpjpe_mm"] == pytest.approx(expected, abs=0.01)


def test_latency_percentiles(perfect_run):
    run = perfect_run(SCRIPT)
    late = replace(run.skeletons[0], latency_ms=50.0)
    summary = demo.summarise(replace(run, skeletons=(late, *run.skeletons[1:])), POSE, {})
    assert summary["latency_ms"]["p50"] == 12.0
    values = [50.0] + [12.0] * (len(run.skeletons) - 1)
    assert summary["latency_ms"]["p99"] == pytest.approx(np.percentile(values, 99), abs=0.01)


def test_weights_are_means_over_the_phase(run):
    phases = demo.summarise(run, POSE, {})["phases"]
    assert phases[0]["weights"] == pytest.approx(
        {"csi": 1 / 3, "depth": 1 / 3, "lidar": 1 / 3}, abs=1e-4
    )
    assert phases[2]["weights"] == {"csi": 1.0, "depth": 0.0, "lidar": 0.0}


def test_the_reference_is_compared_on_common_instants(run):
    span = next(s for s in run.spans if s.name == "csi garbage")
    inside = {t.index: 25.0 for t in span.ticks[:10]}
    pair = demo.compare(run, span, inside)
    assert pair == {"mpjpe_mm": 30.0, "reference_mpjpe_mm": 25.0, "ratio": 1.2}
    assert demo.compare(run, span, {})["ratio"] is None


def test_counters_are_the_largest_that_were_told(run):
    assert demo.frame_counters(run)["lidar"]["received"] == 299


def test_spans_do_not_overlap_and_cover_the_script(run):
    assert all(a.end_ns == b.start_ns for a, b in pairwise(run.spans))
    assert run.spans[-1].end_ns - run.spans[0].start_ns == 30 * 10**9
