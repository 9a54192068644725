"""Rows from a wide tree, their figures against what was put in, and the page of one command."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("open3d")

from pta_ros import checkpoint
from pta_ros.cli import evaluate_geometry
from pta_ros.datasets.people import visible
from pta_ros.datasets.setting import between
from pta_ros.datasets.wide import Clip, clips_of
from pta_ros.evaluation.geometry import figures
from pta_ros.evaluation.geometry.bounds import bounds_of
from pta_ros.evaluation.geometry.collect import SENSORS, collect
from pta_ros.evaluation.geometry.page import Context, page, tables
from pta_ros.fusion.people import PeopleEstimator, Person
from pta_ros.metrics.presence import match
from pta_ros.people.centred import trunk


@pytest.fixture(scope="module")
def tree(wide_tree_of):
    return wide_tree_of((0, 0, 8), frames=1)


def person(joints, deviation=0.05):
    return Person(0.9, trunk(joints), joints, np.full(17, deviation), {})


class Oracle(PeopleEstimator):
    """Says where everybody is whom the sensors show, 30 mm too far left, and somebody where nobody
    is when plain."""

    def __call__(self, readings):
        given = [sensor for sensor in (readings.depth, readings.lidar) if sensor]
        everybody = self.known[tuple(given[0].place)][0]
        shown = np.any([self.known[tuple(sensor.place)][1] for sensor in given], axis=0)
        people = everybody[shown]
        near = [person(joints + np.array([0.0, 0.03, 0.0])) for joints in people]
        ghost = person(np.full((17, 3), 7.5))
        return tuple(near) if self.refine else (*near, ghost)


@pytest.fixture(scope="module")
def rows(tree, untrained):
    Oracle.known = {}
    for folder in clips_of(tree, "test"):
        clip = Clip.open(folder)
        readings = clip.readings(0)
        for column, one in enumerate((readings.depth, readings.lidar)):
            shown = visible(clip)[0][:, column]
            Oracle.known[tuple(one.place)] = clip.people[0].astype(float), shown
    oracle = Oracle(checkpoint.load(untrained))
    return collect(clips_of(tree, "test"), oracle, lambda done, total: None)


def test_every_visible_person_has_a_row_for_each_set_and_way(tree, rows):
    people, frames = rows
    assert len(frames) == 8 * len(SENSORS) * 2
    clips = [Clip.open(folder) for folder in clips_of(tree, "test")]
    seen = sum(int(visible(clip)[0, :, 0].sum()) for clip in clips)
    assert sum(row.sensors == "depth" and row.refined for row in people) == seen > 3
    assert {row.setting.people for row in people} >= {1}


def test_errors_coverage_and_presence_are_what_was_put_in(rows):
    people, frames = rows
    found = tables(people, frames)
    for sensors in SENSORS:
        one = found["overall"][sensors]["refined"]
        assert one["found"] == 1.0
        assert one["in_sight_mm"] == pytest.approx(30.0, abs=0.01)
        assert one["all_coverage_1"] == 1.0
        presence = found["presence"][sensors]
        assert presence["false_per_other_frame"] == 0.0
        assert all(presence[f"right_of_{n}"] in (1.0, None) for n in range(4))
    plain = [frame for frame in frames if not frame.refined]
    assert figures.of_presence([], plain)["false_per_other_frame"] == 1.0


def test_groups_of_an_attribute_make_up_the_whole(rows):
    people = [row for row in rows[0] if row.refined and row.sensors == "depth + LiDAR"]
    for attribute in figures.ATTRIBUTES:
        groups = figures.of_attribute(people, attribute)
        assert sum(one["people"] for one in groups.values()) == len(people)


def test_who_is_not_found_has_no_error():
    assert figures.of_people([]) == {"people": 0, "found": None}
    nobody = match(np.zeros((1, 17, 3)), (person(np.full((17, 3), 0.25)),))
    assert nobody == {}  # 0.35 m away
    truth = np.stack([np.zeros((17, 3)), np.full((17, 3), 0.2)])
    pairs = match(truth, (person(truth[1]), person(truth[0])))
    assert pairs[0].centre[0] == 0.0
    assert pairs[1].centre[0] == pytest.approx(0.2)


def test_bins_have_names_and_open_ends():
    assert list(between((0.0, 1.0, 2.0, 9.0), "m")) == [
        "below 1 m", "1 to 2 m", "above 2 m"
    ]  # fmt: skip


def test_the_page_has_a_table_for_each_attribute(rows):
    found = tables(*rows)
    bounds = bounds_of(*rows, found)
    text = page(found, bounds, Context("evaluate_geometry x", "people_lite", 8, "test"))
    for attribute in figures.ATTRIBUTES:
        assert f"## By {attribute}\n" in text
    assert "synthetic: 8 scenes\nof the wide world's test split" in text
    assert "by which settings were chosen" in page(
        found, bounds, Context("evaluate_geometry x --split val", "people_lite", 8, "val")
    )
    assert "nan" not in text
    assert f"{text.count('| missed |')} of {len(bounds)} bounds are missed." in text
    kept = {bound.name: bound for bound in bounds}
    assert kept["depth: joints in sight, 1 to 5 m"].value == pytest.approx(30.0, abs=0.01)
    assert kept["depth: joints in sight, 1 to 5 m"].ok
    assert kept["adding to depth"].value == pytest.approx(0.0, abs=1e-6)
    assert kept["LiDAR: somebody in empty frames"].ok
    # Eight people are too few for a cell of a table: not measured is missed.
    assert not kept["depth: worst lens, height or pitch"].ok


def test_what_a_second_sensor_costs(rows):
    people = [row for row in rows[0] if row.refined]
    worse = [
        replace(r, error_mm=r.error_mm * 1.1) if r.sensors == "depth + LiDAR" else r for r in people
    ]
    found = figures.of_additions(worse)
    assert set(found) == {"depth", "LiDAR"}
    assert found["depth"]["rise"] == pytest.approx(0.1)
    assert found["depth"]["people"] == sum(r.sensors == "depth" for r in people)
    lost = [r for r in worse if r.sensors != "depth + LiDAR"]
    assert figures.of_additions(lost) == {}


def test_whom_the_other_sensor_does_not_see_is_told_apart(rows):
    people = [row for row in rows[0] if row.refined]
    seen = {s: {key_of(r) for r in people if r.sensors == s} for s in ("depth", "LiDAR")}
    hidden = seen["LiDAR"] - seen["depth"]
    assert hidden
    assert seen["LiDAR"] & seen["depth"]
    lost = [
        replace(r, found=False) if r.sensors == "depth + LiDAR" and key_of(r) in hidden else r
        for r in people
    ]
    found = figures.of_additions(lost)["LiDAR"]
    assert found["hidden"]["people"] == len(hidden)
    assert (found["hidden"]["found_alone"], found["hidden"]["found_both"]) == (1.0, 0.0)
    assert found["hidden"]["rise"] is None
    assert found["found_both"] == pytest.approx(1 - len(hidden) / len(seen["LiDAR"]))
    assert found["rise"] == pytest.approx(0.0, abs=1e-6)
    worse = [
        replace(r, error_mm=r.error_mm * 1.2) if r.sensors == "depth + LiDAR" else r for r in people
    ]
    assert figures.of_additions(worse)["LiDAR"]["hidden"]["rise"] == pytest.approx(0.2)
    kept = {b.name: b for b in bounds_of(worse, rows[1], tables(worse, rows[1]))}
    assert kept["adding to LiDAR: error of whom the other does not see"].value == pytest.approx(0.2)
    found, bounds = tables(lost, rows[1]), bounds_of(lost, rows[1], tables(lost, rows[1]))
    text = page(found, bounds, Context("evaluate_geometry x", "people_lite", 8, "test"))
    assert f"| LiDAR | and the other does not | {len(hidden)} | 100 % / 0 % | – / – | – |" in text
    kept = {bound.name: bound for bound in bounds}
    assert not kept["adding to LiDAR: fewer of whom the other does not see"].ok
    assert kept["adding to LiDAR"].ok


def key_of(row):
    return row.setting.scene, row.number, row.who


def test_a_cell_that_is_worse_than_the_others_is_named(rows):
    many = [row for row in rows[0] for _ in range(40)]
    high = [
        replace(r, error_mm=r.error_mm * 3)
        if figures.ATTRIBUTES["height of the camera"][0](r) == "above 1.25 m" else r
        for r in many
    ]  # fmt: skip
    assert high != many
    found = tables(high, rows[1])
    worst = {b.name: b for b in bounds_of(high, rows[1], found)}[
        "depth: worst lens, height or pitch"
    ]
    assert not worst.ok
    assert worst.value > 1.25


def test_the_command_writes_page_and_figures(tree, untrained, tmp_path, capsys):
    options = ["--model", str(untrained), "--scenes", "2", "--docs", str(tmp_path / "docs")]
    file = tmp_path / "g.json"
    assert evaluate_geometry.main([str(tree), *options, "--json", str(file)]) == 0
    text = (tmp_path / "docs" / "geometry.md").read_text()
    assert text in capsys.readouterr().out
    assert set(json.loads(file.read_text())["overall"]) == set(SENSORS)


def test_no_test_split_and_no_scenes_are_one_line(tree, untrained, tmp_path, capsys):
    (tmp_path / "E01").mkdir()
    assert evaluate_geometry.main([str(tmp_path), "--model", str(untrained)]) == 1
    assert "no clips for test" in capsys.readouterr().err
    assert evaluate_geometry.main([str(tree), "--split", "val", "--model", str(untrained)]) == 1
    assert "no clips for val" in capsys.readouterr().err
    for wrong in (["--scenes", "0"], ["--presence", "1.5"], ["--split", "val", "--docs", "d"]):
        assert evaluate_geometry.main([str(tree), *wrong]) == 1
        assert capsys.readouterr().err.count("\n") == 1
