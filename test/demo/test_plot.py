from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pta_ros.demo import plot as demo_plot
from pta_ros.demo import summary as demo
from pta_ros.simulate.script import load_script

SCRIPT = load_script(Path(__file__).parents[2] / "config" / "demo.yaml")
POSE = np.zeros((17, 3))


@pytest.fixture
def run(perfect_run):
    return perfect_run(SCRIPT)


def test_the_picture_is_written(run, tmp_path):
    path = tmp_path / "summary.png"
    demo_plot.draw(run, demo.summarise(run, POSE, {}), POSE, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 50_000


def test_a_run_without_estimates_can_be_drawn(run, tmp_path):
    empty = replace(run, skeletons=())
    demo_plot.draw(empty, demo.summarise(empty, POSE, {}), POSE, tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 10_000


def test_instants_are_the_middles_of_the_phases_that_have_estimates(run):
    chosen = [
        (span.name, (entry.stamp_ns - span.start_ns) / 1e9)
        for span, entry in demo_plot.instants(run)
    ]
    assert [name for name, _ in chosen] == [p.name for p in SCRIPT.phases if p.name != "all silent"]
    middles = [(p.end_s - p.start_s) / 2 for p in SCRIPT.phases if p.name != "all silent"]
    assert [t for _, t in chosen] == pytest.approx(middles, abs=0.051)


def test_state_bars_follow_each_other_and_change_state(run):
    bars = demo_plot.state_bars(run, "lidar")
    assert [state for _, _, state in bars] == ["MISSING", "LIVE", "STALE", "LIVE", "STALE"]
    ends = [start + length for start, length, _ in bars]
    assert ends[:-1] == pytest.approx([start for start, _, _ in bars[1:]])
    assert ends[-1] == pytest.approx(30.0)
    assert bars[2][0] == pytest.approx(8.213)


def test_nothing_is_drawn_across_a_gap():
    times, values = demo_plot._with_gaps(np.array([0.0, 0.1, 2.0, 2.1]), np.ones(4))
    assert np.isnan(values).tolist() == [False, False, True, False, False]
    assert np.all(np.diff(times) > 0)
