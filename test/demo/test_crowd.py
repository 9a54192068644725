"""What a list of people gets right, of hand-made runs."""

from dataclasses import replace

import numpy as np
import pytest

from pta_ros.demo.accuracy import expected
from pta_ros.demo.crowd import judge, of_people, presence
from pta_ros.demo.summary import summarise
from pta_ros.demo.verdict import did_its_job, findings, verdict_text

STALE_S = {"depth": 0.3, "lidar": 0.3}


def summary_of(run):
    return summarise(run) | {"stale_after_s": STALE_S}


def failed(run):
    return {(f.phase, f.check) for f in findings(summary_of(run)) if f.ok is False}


def span(run, name):
    return next(s for s in run.spans if s.name == name)


def test_a_good_run_passes_every_check(people_run):
    found = findings(summary_of(people_run()))
    assert {finding.ok for finding in found} == {True}
    assert did_its_job(found)
    assert {(f.phase, f.check) for f in found} >= {
        ("one person", "number"), ("two people", "number"), ("two people", "error"),
        ("lidar alone", "deviations"), ("nobody", "nobody"), ("nobody", "diagnostics"),
        ("all silent", "silence"), ("all silent", "recovery"), ("lidar corrupt", "state"),
    }  # fmt: skip
    assert "NOT" not in verdict_text(found).splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        ({"error_m": 0.13, "deviation_m": 0.2}, {"error"}),
        ({"deviation_m": 0.01}, {"deviations"}),
        ({"extra": 1}, {"number", "nobody"}),
        ({"quiet": True}, {"diagnostics"}),
        ({"delay_ticks": 1000}, {"state", "silence"}),
    ],
)
def test_a_fusion_that_does_not_do_its_job_fails(people_run, change, checks):
    assert {check for _, check in failed(people_run(**change))} == checks


def test_errors_of_one_sensor_alone_may_be_larger(people_run):
    phases = {phase for phase, _ in failed(people_run(error_m=0.13, deviation_m=0.2))}
    assert phases == {"one person", "two people", "all back"}


def test_figures_are_those_of_the_people_who_are_found(people_run):
    run = people_run(error_m=0.05, deviation_m=0.03)
    facts = of_people(run, expected(run, span(run, "two people")))
    assert (facts["lists"], facts["right"], facts["found"]) == (120, 100.0, 100.0)
    assert facts["visible"] == 240
    assert facts["centre_mm"] == pytest.approx(50.0)
    assert facts["within_1"] == pytest.approx(200 / 3, abs=0.01)
    assert facts["within_2"] == 100.0


def test_who_is_hidden_from_the_sensors_that_were_used_does_not_count(people_run):
    run = people_run()
    both = next(e for e in run.within(span(run, "two people")))
    tick = run.truth[both.stamp_ns]
    alone = {**both.streams, "lidar": replace(both.streams["lidar"], used_ns=0)}
    one = judge(tick, replace(both, streams=alone, people=both.people[:1]))
    assert (one.expected, one.visible, len(one.found)) == (1, 1, 1)


def test_a_count_with_somebody_half_hidden_is_a_matter_of_opinion(people_run):
    run = people_run()
    both = next(e for e in run.within(span(run, "two people")))
    tick = run.truth[both.stamp_ns]
    half = replace(tick.people[1], sight={"depth": (), "lidar": (0, 1)})
    one = judge(replace(tick, people=(tick.people[0], half)), both)
    assert (one.expected, one.visible, one.count) == (None, 1, 2)


def test_somebody_too_far_away_is_not_found(people_run):
    run = people_run(error_m=0.4)
    facts = of_people(run, expected(run, span(run, "one person")))
    assert (facts["right"], facts["found"], facts["centre_mm"]) == (100.0, 0.0, None)
    assert ("one person", "found") in failed(run)


def test_the_empty_room_is_told_apart(people_run):
    run = people_run()
    empty = presence(run, span(run, "nobody"))
    assert empty == {"in_room": 0, "skeletons": 0, "told_nobody": True}
    busy = presence(run, span(run, "two people"))
    assert busy == {"in_room": 2, "skeletons": 120, "told_nobody": False}


def test_nothing_to_measure_is_none(people_run):
    run = people_run()
    facts = of_people(run, expected(run, span(run, "nobody")))
    assert (facts["right"], facts["naming_somebody"], facts["lists"]) == (100.0, 0, 60)
    assert facts["found"] is facts["centre_mm"] is facts["within_2"] is None
    assert of_people(run, [])["right"] is None
    assert np.isfinite([v for v in facts.values() if v is not None]).all()
