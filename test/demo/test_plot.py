from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from pta_ros.demo import bodies
from pta_ros.demo import plot as demo_plot
from pta_ros.demo import summary as demo

POSE = np.zeros((17, 3))


def drawn(run, path, pose=POSE):
    """The picture of a run, (height, width, 4)."""
    demo_plot.draw(run, demo.summarise(run, pose, {}), pose, path)
    return imread(path)


def pixels(picture, colour):
    return np.isclose(picture[..., :3], to_rgb(colour), atol=0.02).all(axis=-1).sum()


def test_the_picture_shows_skeletons_states_weights_and_errors(run, tmp_path):
    picture = drawn(run, tmp_path / "summary.png")
    empty = drawn(replace(run, estimates=()), tmp_path / "empty.png")
    colour = bodies.ESTIMATE["color"]
    assert pixels(picture, colour) > 10 * pixels(empty, colour)  # the legend's line alone


def test_activities_are_drawn_without_skeletons(activity_run, run, tmp_path):
    tall, flat = drawn(run, tmp_path / "a.png"), drawn(activity_run(), tmp_path / "b.png", None)
    assert flat.shape[1] == tall.shape[1]
    assert flat.shape[0] < tall.shape[0]


def test_people_are_drawn_from_above_and_from_the_front(people_run, tmp_path):
    run = people_run()
    picture = drawn(run, tmp_path / "people.png", None)
    nobody = replace(run, estimates=tuple(replace(e, people=()) for e in run.estimates))
    empty = drawn(nobody, tmp_path / "empty.png", None)
    colour = bodies.ESTIMATE["color"]
    assert pixels(picture, colour) > pixels(empty, colour) + 1000  # both have the counts


def test_instants_are_the_middles_of_the_phases_that_have_estimates(run, script):
    chosen = [
        (span.name, (entry.stamp_ns - span.start_ns) / 1e9) for span, entry in bodies.instants(run)
    ]
    assert [name for name, _ in chosen] == [p.name for p in script.phases if p.name != "all silent"]
    middles = [(p.end_s - p.start_s) / 2 for p in script.phases if p.name != "all silent"]
    assert [t for _, t in chosen] == pytest.approx(middles, abs=0.051)


def test_state_bars_follow_each_other_and_change_state(run):
    bars = demo_plot.state_bars(run, "lidar")
    assert [state for _, _, state in bars] == ["MISSING", "LIVE", "STALE", "LIVE", "STALE"]
    ends = [start + length for start, length, _ in bars]
    assert ends[:-1] == pytest.approx([start for start, _, _ in bars[1:]])
    assert ends[-1] == pytest.approx(30.0)
    assert bars[2][0] == pytest.approx(8.213)


def test_nothing_is_drawn_across_a_gap(run):
    times, values = demo_plot._with_gaps(run, run.within(run.spans[2]) + run.within(run.spans[4]),
                                         np.ones(90))  # fmt: skip
    assert np.flatnonzero(np.isnan(values)).tolist() == [40]
    assert np.all(np.diff(times) > 0)
