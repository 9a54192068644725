"""What made-up recordings say together: totals, the order of the worst, page and table."""

import csv
import re
from dataclasses import replace

import pytest

from pta_ros.evaluation.archive.files import write_archive
from pta_ros.evaluation.archive.find import Recording
from pta_ros.evaluation.archive.page import BAR_WIDTH, About, archive_page, bar
from pta_ros.evaluation.archive.result import (
    Figure,
    Result,
    SensorResult,
    _outages,
    kept,
    namespace,
    save,
)
from pta_ros.evaluation.archive.run import Archive
from pta_ros.evaluation.archive.summary import Row, own_sensors, summarise
from pta_ros.evaluation.report.recording import Wishes

ABOUT = About("fleet", "evaluate_bag fleet", "mmfi_lite", True)


def sensor(name, live=10.0, topic="/t", out=0.0, **states):
    upper = {state.upper(): value for state, value in states.items()}
    outages = sum(state != "empty" for state in states)
    return SensorResult(
        name, topic, {"LIVE": live, **upper}, out, int(out > 0), outages, 100, 3, ""
    )  # fmt: skip


def result(*sensors, robot="", judged=None, estimates=100):
    return Result(
        robot, 10.0, estimates, 10.0, 0.0, judged, sensors, "It went <so>.", "", 0, (), False
    )  # fmt: skip


def row(name, found=None, robot="ada", failed=""):
    return Row(name, name, f"recordings/{name}", robot, found, failed)


WELL = result(sensor("depth"), sensor("lidar"))


def test_the_worst_come_first():
    rows = [
        row("fine", WELL),
        row("later"),
        row("stale", result(sensor("depth", 8.0, stale=2.0), sensor("lidar"))),
        row("nobody", result(sensor("depth", 4.0, empty=6.0), sensor("lidar"))),
        row("torn", failed="no messages in it"),
        row("mute", result(sensor("depth", 9.0, missing=1.0), sensor("lidar"), estimates=0)),
        row("odd", result(sensor("depth", out=5.0), sensor("lidar"))),
    ]
    found = [one.name for one in summarise(rows).rows]
    assert found == ["torn", "mute", "odd", "stale", "fine", "nobody", "later"]


def test_robots_and_sensors_are_summed_over_their_time():
    judged = [Figure("MPJPE", "mm", 20.0, 100), Figure("MPJPE", "mm", 50.0, 50)]
    rows = [
        row("a", result(sensor("depth", 6.0, stale=4.0), sensor("lidar"), judged=judged[0])),
        row("b", result(sensor("depth"), sensor("lidar", 9.0, corrupt=1.0), judged=judged[1])),
        row("c", failed="torn"),
        row("d", WELL, robot="bob"),
    ]
    summary = summarise(rows)
    ada, bob = summary.robots
    assert (ada.robot, ada.recordings, ada.failed, ada.estimates) == ("ada", 3, 1, 200)
    assert ada.hours == pytest.approx(20 / 3600)
    assert ada.judged == (Figure("MPJPE", "mm", 30.0, 150),)
    assert ada.lost == pytest.approx(5 / 40)
    assert (bob.failed, bob.lost, bob.judged) == (0, 0.0, ())
    depth, lidar = summary.sensors
    assert (depth.modality, depth.lost) == ("depth", pytest.approx(4 / 30))
    assert (depth.recordings, depth.with_outage, depth.outages) == (3, 1, 1)
    assert depth.outages_per_h == pytest.approx(1 / (30 / 3600))
    assert (lidar.received, lidar.refused) == (300, 9)


def test_a_sensor_that_a_robot_never_has_is_not_lost_and_one_that_is_gone_once_is():
    gone = sensor("csi", 0.0, topic="", missing=10.0)
    without = [row("a", result(sensor("depth"), gone), robot=robot) for robot in ("ada", "bob")]
    summary = summarise([*without, row("b", result(sensor("depth"), sensor("csi")), robot="bob")])
    assert {one.robot: sorted(one.sensors) for one in summary.robots} == {
        "ada": ["depth"], "bob": ["csi", "depth"]
    }  # fmt: skip
    csi = next(one for one in summary.sensors if one.modality == "csi")
    assert (csi.recordings, csi.absent, csi.lost) == (2, 1, pytest.approx(0.5))
    unknown = [replace(one, robot="", name=f"n{i}") for i, one in enumerate(without)]
    assert own_sensors(unknown) == {"/n0": {"depth"}, "/n1": {"depth"}}


@pytest.mark.parametrize(
    ("states", "count"),
    [
        (["MISSING", "LIVE"], 0),
        (["MISSING", "LIVE", "STALE", "MISSING", "LIVE", "CORRUPT"], 2),
        (["MISSING", "EMPTY", "LIVE", "EMPTY"], 0),
        (["MISSING"], 1),
        (["DISABLED"], 0),
    ],
)
def test_outages_count_from_the_first_frame_on(states, count):
    assert _outages(states) == count


@pytest.mark.parametrize(
    ("topics", "name"),
    [
        ({"depth": "/depth/image", "lidar": "/lidar/points"}, ""),
        ({"depth": "/spot3/depth/image", "lidar": "/spot3/lidar/points"}, "spot3"),
        ({"depth": "/spot3/depth/image"}, "spot3"),
        ({"depth": "/spot3/camera/depth/image_raw", "lidar": "/spot3/lidar/points"}, "spot3"),
        ({"depth": "/a/depth/image", "lidar": "/b/lidar/points"}, ""),
        ({}, ""),
    ],
)
def test_a_robot_is_what_all_topics_have_in_common(topics, name):
    assert namespace(topics, {"depth": "depth/image", "lidar": "lidar/points"}) == name


def test_robots_by_namespace_then_by_folder(tmp_path):
    names = ["bob/a", "bob/b", "bob/torn", "eve/mon/a", "eve/torn", "top"]
    archive = Archive([Recording(name, ()) for name in names], tmp_path, Wishes())
    archive.results = {name: replace(WELL, robot="") for name in ("eve/mon/a", "top")}
    archive.results |= {name: replace(WELL, robot="robo2") for name in ("bob/a", "bob/b")}
    archive.failures = {"bob/torn": "torn", "eve/torn": "torn"}
    assert [one.robot for one in archive.rows()] == ["robo2", "robo2", "robo2", "eve", "eve", ""]


def test_a_list_is_shown_without_the_folders_that_all_have_in_common(tmp_path):
    names = ["data/fleet/ada/a", "data/fleet/bob/b"]
    archive = Archive([Recording(name, ()) for name in names], tmp_path, Wishes(), listed=True)
    rows = archive.rows()
    assert [(one.shown, one.robot, one.folder) for one in rows] == [
        ("ada/a", "ada", "recordings/data/fleet/ada/a"),
        ("bob/b", "bob", "recordings/data/fleet/bob/b"),
    ]


def test_a_bar_is_the_whole_time():
    pieces = bar(sensor("depth", 6.0, out=1.0, stale=2.0, empty=1.0, disabled=1.0))
    assert pieces[0].x == 0
    assert sum(piece.width for piece in pieces) == pytest.approx(BAR_WIDTH, abs=0.05)
    assert [piece.told.partition(":")[0] for piece in pieces] == [
        "depth LIVE", "left out, as it contradicted the others", "EMPTY", "STALE", "DISABLED"
    ]  # fmt: skip


def test_page_and_table_have_every_recording_once_and_what_comes_in_is_escaped(tmp_path):
    rows = [
        row("a/x & <y> #1", WELL),
        row("b", failed="<broken>, \"no\" recording"),
        row("c"),
    ]  # fmt: skip
    page = write_archive(tmp_path, rows, replace(ABOUT, interrupted=True))
    text = page.read_text(encoding="utf-8")
    named = re.findall(r'data-recording="([^"]*)" data-state="(\w+)"', text)
    assert named == [
        ("b", "failed"), ("a/x &amp; &lt;y&gt; #1", "evaluated"), ("c", "open")
    ]  # fmt: skip
    assert 'href="recordings/a/x%20%26%20%3Cy%3E%20%231/report.html"' in text
    assert "<broken>" not in text
    assert "It went &lt;so&gt;." in text
    assert "interrupted: 1 not evaluated yet" in text
    with (tmp_path / "archive.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(one["recording"], one["state"]) for one in lines] == [
        ("a/x & <y> #1", "evaluated"), ("b", "failed"), ("c", "open")
    ]  # fmt: skip
    assert lines[1]["reason"] == '<broken>, "no" recording'
    assert lines[0]["depth_live_percent"] == "100.0"
    assert lines[0]["lost_percent"] == "0.0"


def test_a_page_of_nothing_but_failures(tmp_path):
    text = archive_page([row("a", failed="torn")], ABOUT)
    assert 'data-failed="1"' in text
    assert "no ground truth" in text


def test_a_result_comes_back_and_only_for_what_it_is_of(tmp_path):
    given = result(sensor("depth"), robot="r", judged=Figure("accuracy", "%", 91.5, 12))
    (tmp_path / "report.html").touch()
    save(tmp_path, "digest", given)
    assert kept(tmp_path, "digest") == given
    assert kept(tmp_path, "another") is None
    assert kept(tmp_path / "no", "digest") is None
