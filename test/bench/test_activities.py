"""The bench of activities: what it judges, and that it runs the shipped model's sensors."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from pta_ros.bench.activities import Told, as_record, bounds, compare, judge
from pta_ros.cli import bench_activities
from pta_ros.fusion.activity_filter import OFF, ActivityConfig


def session(noise, seed=0, classes=6, seconds=60.0):
    """Ten estimates a second of six seconds of each class; some of them are of another."""
    rng = np.random.default_rng(seed)
    times = np.arange(0.0, seconds, 0.1)
    truth = (times // 6).astype(int) % classes
    said = np.where(rng.random(len(times)) < noise, rng.integers(classes, size=len(times)), truth)
    probabilities = np.full((len(times), classes), 0.3 / (classes - 1), np.float32)
    probabilities[np.arange(len(times)), said] = 0.7
    return Told(times, probabilities, truth, times % 6 > 1)


def test_following_takes_the_flicker_away():
    sessions = [{"all": session(0.3, seed)} for seed in range(3)]
    alone, followed = compare(sessions, ActivityConfig())["all"]
    assert followed.changes < 0.3 * alone.changes
    assert followed.settled.accuracy > alone.settled.accuracy + 10
    assert alone.true_changes == pytest.approx(9.0, abs=0.1)
    assert 0.0 <= alone.delay_s < followed.delay_s < 1.0
    assert all(bound.ok for bound in bounds("mmfi", alone, followed)[:3])
    assert "changes a minute, 9.0 true" in str(followed)


def test_switched_off_nothing_changes():
    alone, followed = compare([{"all": session(0.3)}], OFF)["all"]
    assert alone == followed


def test_what_flickers_errs_or_lags_misses():
    alone = judge([session(0.3)])
    worse = replace(alone.settled, accuracy=alone.settled.accuracy - 1, calibration=99.0)
    late = replace(alone, settled=worse, delay_s=alone.delay_s + 2)
    missed = bounds("mmfi", alone, late)
    assert [bound.ok for bound in missed] == [False, False, True, False, False]


def test_a_change_that_is_never_followed_is_none_in_json():
    blind = session(0.0)
    always = replace(blind, probabilities=np.tile(blind.probabilities[:1], (600, 1)))
    record = as_record(judge([always]))
    assert record["delay_p90_s"] is None
    assert json.loads(json.dumps(record))["settled"]["accuracy"] < 50


@pytest.mark.parametrize(("sensor_set", "seconds"), [("mmfi", "2"), ("xrf55", "15")])
def test_the_tool_measures_and_writes(sensor_set, seconds, tmp_path, capsys):
    pytest.importorskip("open3d")
    found = tmp_path / "found.json"
    given = [sensor_set, "--people", "41", "--seconds", seconds, "--json", str(found)]
    assert bench_activities.main(given) in (0, 3)
    told = json.loads(found.read_text())
    assert len(told["subsets"]) == 7
    assert len(told["bounds"]) == 5
    assert "followed" in capsys.readouterr().out
