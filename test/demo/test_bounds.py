from pathlib import Path

import numpy as np
import pytest

from pta_ros.demo import summary as demo
from pta_ros.demo.bounds import demo_bounds, growth
from pta_ros.simulate.script import load_script

SCRIPT = load_script(Path(__file__).parents[2] / "config" / "demo.yaml")


def summary_of(run, reference_mm=30.0, start_s=5.0, peak_mb=700.0):
    reference = {
        span.name: {tick.index: reference_mm for tick in span.ticks}
        for span in run.spans
        if span.name in ("csi garbage", "lidar frozen")
    }
    summary = demo.summarise(run, np.zeros((17, 3)), reference)
    return {**summary, "start_to_first_estimate_s": start_s, "memory": {"peak_mb": peak_mb}}


def missed(summary):
    return [bound.name for bound in demo_bounds(summary) if not bound.ok]


def test_a_good_run_keeps_every_bound(perfect_run):
    summary = summary_of(perfect_run(SCRIPT))
    assert missed(summary) == []
    names = " | ".join(bound.name for bound in demo_bounds(summary))
    for part in (
        "estimates",
        "latency p50",
        "latency p99",
        "lost, reported",
        "once stale",
        "ERROR",
        "first skeleton after",
        "used once recognised",
        "the same without it",
        "MPJPE",
        "mean pose",
        "start to first",
        "resident",
    ):
        assert part in names


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"latency_ms": 26.0}, "latency p50"),
        ({"error_m": 0.061}, "all: MPJPE"),
        ({"delay_ticks": 4}, "lost, reported"),
    ],
)
def test_a_worse_run_misses_its_bound(perfect_run, change, expected):
    assert any(expected in name for name in missed(summary_of(perfect_run(SCRIPT, **change))))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"reference_mm": 28.0}, "the same without it"),
        ({"start_s": 10.5}, "start to first estimate"),
        ({"start_s": None}, "start to first estimate"),
        ({"peak_mb": 1501.0}, "resident"),
        ({"peak_mb": None}, "resident"),
    ],
)
def test_measurements_from_outside_are_held_to_their_bounds(perfect_run, change, expected):
    assert any(expected in name for name in missed(summary_of(perfect_run(SCRIPT), **change)))


def test_csi_alone_must_beat_the_mean_pose(perfect_run):
    run = perfect_run(SCRIPT, error_m=0.05)
    summary = summary_of(run, reference_mm=50.0)
    alone = next(p for p in summary["phases"] if p["name"] == "csi alone")
    alone["mean_pose_mpjpe_mm"] = 66.0
    assert missed(summary) == ["csi alone: MPJPE, 0.75 of the mean pose's"]


def test_a_run_without_estimates_misses_rather_than_passes(perfect_run):
    run = perfect_run(SCRIPT)
    empty = type(run)(run.session, run.ticks, (), run.reports)
    names = missed(summary_of(empty))
    assert sum("estimates" in name for name in names) == 6
    assert any("MPJPE" in name for name in names)


def test_growth_compares_the_last_minute_with_the_first_after_warm_up():
    samples = [(float(t), 500.0 + (300.0 if t < 30 else 0.0) + 0.05 * t) for t in range(600)]
    first, last = 500 + 0.05 * 89.5, 500 + 0.05 * 569.5
    assert growth(samples) == pytest.approx(last / first - 1, abs=2e-4)
    assert growth(samples[:100]) is None
    assert growth([]) is None
