import base64
import json
import re

import cv2
import numpy as np
import plotly.graph_objects as go
import pytest

from pta_ros.evaluation.report import numerals, pictures
from pta_ros.evaluation.report.bars import Bar, Chart, bar_charts
from pta_ros.evaluation.report.charts import Part, answers, strip, ticks
from pta_ros.evaluation.report.measure import measure, stages_ms
from pta_ros.evaluation.report.scores import score
from pta_ros.evaluation.report.series import pieces, thin
from pta_ros.evaluation.report.timeline import figure
from pta_ros.sensors.depth import DepthSensor


@pytest.fixture
def part(made_up, silent_lidar):
    """A plan beside the fault-free replay, and a second of silence in it."""
    fault, states = silent_lidar
    out = {name: [(25.0, "STALE", "silent"), (26.0, "LIVE", "")] for name in ("depth", "csi")}
    out["lidar"] = [*states["lidar"], *out["depth"]]
    run, free = score(made_up("lidar silent", [fault], out)), score(made_up())
    return Part(run, free, free, measure(run, free), stages_ms(run.run), "replay-lidar-silent")


def check(made):
    """Raise for a name or a value that plotly has not; the page's colours are put in by it."""
    go.Figure(json.loads(re.sub(r'"--[a-z-]+"', '"#123456"', json.dumps(made))))


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        (30.0, [0, 5, 10, 15, 20, 25, 30]),
        (0.9, [0, 0.2, 0.4, 0.6, 0.8]),
        (0.0, [0]),
        (7, [0, 2, 4, 6]),
    ],
)
def test_ticks_are_round_and_inside(high, expected):
    assert ticks(high) == pytest.approx(expected)


def test_thinning_keeps_what_stands_out():
    values = np.zeros(100_000)
    values[[777, 55_555]] = 9.0, -9.0
    times, kept = thin(np.arange(100_000.0), values, 500)
    assert len(kept) <= 1000
    assert (kept.max(), kept.min()) == (9.0, -9.0)
    assert np.all(np.diff(times) > 0)


def test_series_are_cut_at_gaps_jumps_back_and_unknown_values():
    times = np.array([0.0, 0.1, 0.2, 2.0, 2.1, 1.0, 1.1])
    values = np.array([1.0, np.nan, 3.0, 4.0, 5.0, 6.0, 7.0])
    found = pieces(times, values, gap=0.5)
    assert [piece[1].tolist() for piece in found] == [[1.0, 3.0], [4.0, 5.0], [6.0, 7.0]]
    assert pieces(np.array([]), np.zeros((0, 3)), 0.5) == []


def test_a_strip_has_faults_above_states_at_their_times(part):
    boxes = strip(part)
    (fault,) = (box for box in boxes if box.fill == "url(#fault)")
    stale = next(box for box in boxes if box.fill == "url(#stale)" and box.y > 20)
    second = 520 / 30
    assert (fault.x, fault.width) == pytest.approx((10 * second, 10 * second), abs=0.01)
    assert (stale.x, stale.width) == pytest.approx((10.3 * second, 10.1 * second), abs=0.01)
    assert fault.y + fault.height < stale.y
    assert stale.outlined
    assert not fault.outlined


def test_a_figure_is_one_that_plotly_knows_with_bars_at_their_times(part):
    made = figure(part)
    check(made)
    bars = {trace["name"]: trace for trace in made["data"] if trace["type"] == "bar"}
    assert set(bars) == {
        "depth LIVE",
        "lidar LIVE",
        "csi LIVE",
        "MISSING",
        "STALE",
        "fault injected",
    }
    assert (bars["fault injected"]["base"], bars["fault injected"]["x"]) == ([10.0], [10.0])
    row = bars["STALE"]["base"].index(10.3)
    assert bars["STALE"]["x"][row] == pytest.approx(10.1)
    assert bars["STALE"]["y"][row] == bars["lidar LIVE"]["y"][0]


def test_lines_and_weights_stop_where_there_is_no_estimate(part):
    data = {trace["name"]: trace for trace in figure(part)["data"] if trace["type"] == "scatter"}
    own, depth = data["error of this replay"], data["depth"]
    cut = own["y"].index(None)
    assert own["x"][cut - 1] < 25.05 < 25.95 < own["x"][cut + 1]
    kept = [(x, y) for x, y in zip(own["x"], own["y"], strict=True) if x is not None]
    times, errors = zip(*kept, strict=True)
    assert times == pytest.approx(part.run.seconds, abs=1e-3)
    assert errors == pytest.approx(part.run.error_mm, abs=0.06)
    assert data["fault-free"]["y"].count(None) == 1
    end = depth["y"].index(0.0)
    assert depth["x"][end] == pytest.approx(own["x"][cut - 1] + 0.1, abs=0.01)


def test_alike_answers_in_a_row_are_one(activity_run):
    found = answers(score(activity_run), "said")
    assert [(s.begin_s, s.end_s, s.what, s.label) for s in found] == [
        (0.0, 1.0, "right", ""),
        (1.0, 1.5, "wrong", "run"),
        (1.5, 2.0, "not judged", ""),
        (6.5, 7.0, "not judged", ""),
    ]


def test_the_figure_of_activities_has_a_row_of_truth_and_of_answers(activity_run):
    run = score(activity_run)
    made = figure(Part(run, None, None, measure(run, run), {}, "a"))
    check(made)
    assert made["layout"]["yaxis3"]["ticktext"] == ["true", "said"]
    bars = {trace["name"]: trace for trace in made["data"]}
    assert bars["true"]["text"] == ["walk"]
    assert bars["wrong"]["text"] == ["run"]
    assert bars["right"]["y"] == [made["layout"]["yaxis3"]["tickvals"][1]]


def test_bars_are_as_long_as_their_values_and_say_what_their_lines_are(part):
    chart = Chart("x", "", "mm", [Bar("a", 10.0, 40.0), Bar("b", 20.0)])
    assert [chart.x(v) for v in (0, 20, 40)] == [120, 187, 254]
    columns = bar_charts(part, part.seen)
    units = [[chart.unit for chart in column] for column in columns]
    assert units == [["mm", "ms"], ["mm"], ["m/s²"], ["%"]]
    assert columns[1][0].note == "upright line: fault-free"
    alone = bar_charts(part, None)[3][0]
    assert (alone.note, alone.bars[0].mark) == ("", None)


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (10, 20, "10–20 s"),
        (3.25, 4.0, "3.2–4 s"),
        (90, 150, "90 s–2:30 min"),
        (120, 185, "2:00–3:05 min"),
    ],
)
def test_periods_in_words(begin, end, expected):
    assert numerals.period(begin, end) == expected


def test_shares_are_whole_only_when_they_are():
    assert [numerals.percent(s) for s in (1.0, 0.9999, 0.5, 0.0001, 0.0, None)] == [
        "100%",
        "99.9%",
        "50%",
        "0.1%",
        "0%",
        "–",
    ]


def decoded(picture):
    """The grey image of a picture."""
    data = base64.b64decode(picture.image.partition("base64,")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


@pytest.fixture
def moment(made_up):
    return made_up().moments[0]


def points_of(picture, kind):
    """All points of a skeleton's path, (K, 2)."""
    path = next(path for name, path in picture.skeletons if name.split()[0] == kind)
    return np.array(re.findall(r"[ML](\S+) ([^ML]+)", path), float)


def dots_of(picture):
    """All points of a cloud, (K, 2)."""
    steps = re.findall(r"m(-?\d+) ?(-?\d+)h0", picture.points)
    return np.cumsum(np.array(steps, float), axis=0) * pictures.POINTS_SCALE


def test_the_skeleton_lies_on_the_person_in_the_depth_map(moment):
    drawn = pictures.depth_picture(moment, DepthSensor())
    image = decoded(drawn)
    assert image.shape == (96, 128)
    truth = points_of(drawn, "truth") * 96 / 300
    columns, rows = truth.astype(int).T
    assert np.median(image[rows, columns]) > 2 * np.median(image[10:])


def test_no_return_is_black_and_near_is_bright(moment):
    image = decoded(pictures.depth_picture(moment, DepthSensor()))
    depth = moment.frames["depth"]
    assert image[depth == 0].max() == 0
    assert image[(depth > 0) & (depth < 3.2)].mean() > image[depth > 4.0].mean() > 0


def test_cloud_and_skeleton_share_a_place(moment):
    for across in (0, 2):
        drawn = pictures.cloud_picture(moment, across, None)
        dots = dots_of(drawn)
        assert len(dots) > 400
        assert np.median(dots, axis=0) == pytest.approx(
            np.median(points_of(drawn, "truth"), axis=0), abs=12
        )


def test_a_given_place_of_the_lidar_is_used():
    points = np.array([[3.0, 0.5, 0.2]], np.float32)
    np.testing.assert_allclose(pictures.in_camera(points, None), [[-0.5, -0.2, 3.0]], atol=1e-6)
    moved = pictures.TURNED.copy()
    moved[1, 3] = -0.15
    np.testing.assert_allclose(pictures.in_camera(points, moved), [[-0.5, -0.35, 3.0]], atol=1e-6)


def test_without_truth_and_sensors_the_estimate_is_drawn_alone(moment):
    bare = type(moment)(moment.stamp_ns, 30.0, {}, moment.joints_m, None, {})
    drawn = pictures.pictures(bare, DepthSensor(), None)
    assert [picture.name for picture in drawn] == ["front", "side"]
    assert [kind for kind, _ in drawn[0].skeletons] == ["estimate"]
    assert drawn[0].points == ""


def test_dead_antennas_can_be_seen(moment):
    csi = moment.frames["csi"].copy()
    csi[1] = 0.0
    image = decoded(pictures.csi_picture(csi))
    assert image.shape == (34, 114)
    assert image[12:22].max() == 0
    assert image[:10].mean() > 50
