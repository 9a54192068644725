import base64
import re

import cv2
import numpy as np
import pytest

from pta_ros.evaluation.report import pictures, svg, words
from pta_ros.evaluation.report.markup import Markup, el, join
from pta_ros.sensors.depth import DepthSensor


def test_markup_escapes_all_but_markup():
    made = el("p", "a < b", el("b", "&"), title='"x"', class_="y", stroke_width=1.250)
    assert made == (
        '<p title="&quot;x&quot;" class="y" stroke-width="1.25">a &lt; b<b>&amp;</b></p>'
    )
    assert join(["<", Markup("<br>")], ", ") == "&lt;, <br>"
    assert el("meta", charset="utf-8", name=None) == '<meta charset="utf-8">'


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
    assert svg.ticks(high) == pytest.approx(expected)


def test_thinning_keeps_what_stands_out():
    values = np.zeros(100_000)
    values[[777, 55_555]] = 9.0, -9.0
    times, kept = svg.thin(np.arange(100_000.0), values, 500)
    assert len(kept) <= 1000
    assert (kept.max(), kept.min()) == (9.0, -9.0)
    assert np.all(np.diff(times) > 0)


def test_series_are_cut_at_gaps_jumps_back_and_unknown_values():
    times = np.array([0.0, 0.1, 0.2, 2.0, 2.1, 1.0, 1.1])
    values = np.array([1.0, np.nan, 3.0, 4.0, 5.0, 6.0, 7.0])
    found = svg.pieces(times, values, gap=0.5)
    assert [piece[1].tolist() for piece in found] == [[1.0, 3.0], [4.0, 5.0], [6.0, 7.0]]
    assert svg.pieces(np.array([]), np.zeros((0, 3)), 0.5) == []


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
    assert words.period(begin, end) == expected


def test_shares_are_whole_only_when_they_are():
    assert [words.percent(s) for s in (1.0, 0.9999, 0.5, 0.0001, 0.0, None)] == [
        "100%",
        "99.9%",
        "50%",
        "0.1%",
        "0%",
        "–",
    ]


def decoded(drawn):
    """The grey image inside a drawing."""
    data = re.search(r"base64,([^\"]+)", drawn).group(1)
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_GRAYSCALE)


@pytest.fixture
def moment(made_up):
    return made_up().moments[0]


def points_of(drawn, kind):
    """All points of a skeleton's path, (K, 2)."""
    path = re.search(rf'd="([^"]+)" class="skeleton {kind}', drawn).group(1)
    return np.array(re.findall(r"[ML](\S+) ([^ML\"]+)", path), float)


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
        dots = np.array(re.findall(r"M(\S+) (\S+)h", drawn), float)
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
    drawn = pictures.cloud_picture(bare, 0, None)
    assert "estimate" in drawn
    assert "truth" not in drawn
    assert "points" not in drawn


def test_dead_antennas_can_be_seen(moment):
    csi = moment.frames["csi"].copy()
    csi[1] = 0.0
    dead = type(moment)(moment.stamp_ns, 30.0, {"csi": csi}, moment.joints_m, None, {})
    image = decoded(pictures.csi_picture(dead))
    assert image.shape == (34, 114)
    assert image[12:22].max() == 0
    assert image[:10].mean() > 50
