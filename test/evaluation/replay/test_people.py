"""A recording replayed with a model that finds people: nobody, one, two, and who is right."""

import csv
import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("open3d")

from pta_ros.bags.bag import Bag, BagWriter
from pta_ros.bags.messages import (
    TRUE_PEOPLE,
    TRUE_POSE,
    header,
    message,
    reading,
    transforms,
    true_people,
)
from pta_ros.cli import evaluate_bag
from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.injector import Fault, FaultPlan
from pta_ros.evaluation.replay.people import PeopleTruth, TruePeople, people_of
from pta_ros.evaluation.replay.record import People
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay
from pta_ros.evaluation.report.measure import measure
from pta_ros.evaluation.report.people import score_people
from pta_ros.evaluation.report.scores import score
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params
from pta_ros.people.readings import OPTICAL
from pta_ros.sensors import SENSORS
from pta_ros.sensors.camera import CAMERA_INFO, info_fields
from pta_ros.skeleton import skeleton_fields

T0, STEP = 1_700_000_000 * 10**9, 10**8
#: Who stands where in each third of the recording.
SCENES = ((), ((2.5, 0.4),), ((2.5, 0.4), (3.2, -0.9)))
EACH = 8
IDENTITY = [0.0, 0.0, 0.0, 1.0]
OPTICAL_QUATERNION = [-0.5, 0.5, -0.5, 0.5]


@pytest.fixture(scope="module")
def seen():
    """What camera and LiDAR see of each scene, and everybody's joints."""
    from pta_ros.simulate.wide.hall import hall

    return [hall(places).at(0.0, np.random.default_rng(4)) for places in SCENES]


@pytest.fixture(scope="module")
def write(seen, tmp_path_factory):
    """Writes the recording; `true` gives topic and message of the truth."""
    from pta_ros.simulate.wide.hall import CAMERA

    lens = CAMERA.intrinsics(np.random.default_rng(0))

    def written(true):
        out, rng = tmp_path_factory.mktemp("people") / "bag", np.random.default_rng(2)
        places = {
            "depth_optical_frame": ([0.0, 0.0, 1.0], OPTICAL_QUATERNION),
            "lidar_frame": ([0.0, 0.0, 1.3], IDENTITY),
        }
        with BagWriter(out) as bag:
            bag.write("/tf_static", T0, transforms("base_link", places, T0))
            for number in range(EACH * len(SCENES)):
                scene, now = seen[number // EACH], T0 + number * STEP
                depth = scene.depth_mm + rng.integers(0, 2, scene.depth_mm.shape)
                depth = np.where(scene.depth_mm > 0, depth, 0).astype(np.uint16)
                lidar = scene.lidar_m + rng.normal(0, 0.002, scene.lidar_m.shape)
                head = header(now, "depth_optical_frame")
                info = message(CAMERA_INFO, header=head, **info_fields(lens))
                bag.write("/depth/camera_info", now, info)
                bag.write("/depth/image", now, reading(SENSORS["depth"](), depth, now))
                cloud = reading(SENSORS["lidar"](), lidar.astype(np.float32), now)
                bag.write("/lidar/points", now, cloud)
                for topic, msg in true(scene.joints, now).items():
                    bag.write(topic, now, msg)
        return out

    return written


def everybody(joints, now):
    return {TRUE_PEOPLE[0]: true_people(joints, now, "base_link")}


@pytest.fixture(scope="module")
def bag(write):
    return write(everybody)


@pytest.fixture(scope="module")
def engine(people_model):
    params, streams = read_params(None)
    engine = Engine.load(type(params)(model=str(people_model), device="cpu"), streams)
    engine.start()
    return engine


def run(engine, path, plan=FAULT_FREE):
    with Bag([path]) as bag:
        return replay(engine, bag, find_source(bag, engine, {}, None), plan)


@pytest.fixture(scope="module")
def replayed(engine, bag):
    return run(engine, bag)


def test_the_poses_are_those_of_a_level_camera():
    from pta_ros.fusion.transforms import rotation

    np.testing.assert_allclose(rotation(OPTICAL_QUATERNION, "camera"), OPTICAL, atol=1e-9)


def test_everybody_is_found_at_every_moment(replayed):
    assert replayed.task == "people"
    assert not [loss for loss in replayed.losses if "assumed" in loss or "fail" in loss]
    assert len(replayed.stamp_ns) == EACH * len(SCENES)
    number = (replayed.stamp_ns - T0) // STEP // EACH
    new = ((replayed.stamp_ns - T0) // STEP % EACH == 0) & (number > 0)
    np.testing.assert_array_equal(replayed.people.counts, number - new)  # told from the second on
    np.testing.assert_array_equal(replayed.people.true_counts, number)
    assert set(replayed.people.ids.tolist()) == {1, 2}
    scored = score(replayed)
    figures = measure(scored, scored).whole
    assert (figures.there, figures.found, figures.false) == (3 * EACH, 3 * EACH - 2, 0)
    assert figures.right_percent == pytest.approx(100.0 * (1 - 2 / len(number)))
    assert figures.centre_mm < 300.0
    assert figures.mpjpe_mm > 0
    assert 0 <= figures.within_1_percent <= figures.within_2_percent <= 100
    assert scored.joint_errors_mm(np.ones(len(scored.seconds), bool)).shape == (17,)


def test_figures_of_every_subset_of_live_sensors(engine, bag, replayed):
    plan = FaultPlan("lidar silent", (Fault("drop", "lidar", 1.2, 9.0, 1.0, 0),))
    without = run(engine, bag, plan)
    scored, free = score(without), score(replayed)
    found = measure(scored, free)
    assert [subset.name for subset in found.subsets] == ["depth", "depth+lidar"]
    assert all(subset.errors.estimates == subset.estimates for subset in found.subsets)
    assert found.window.there < found.whole.there
    assert found.changed_percent is not None
    assert found.shift_mm is None


def test_two_reports_are_byte_equal_but_for_the_timings(bag, people_model, tmp_path, capsys):
    reports = []
    for name in ("one", "two"):
        out = tmp_path / name / "out"
        arguments = [str(bag), "--model", str(people_model), "--out", str(out)]
        assert evaluate_bag.main(arguments) == 0
        text = (out / "report.json").read_text().replace(str(out), "OUT")
        reports.append(text[: text.index('"timings"')])
        reports.append((out / "people_fault-free.csv").read_bytes())
    assert reports[:2] == reports[2:]
    said = capsys.readouterr().out
    assert "22 of 24 people found, 0 false; the number is right in 9" in said
    with (out / "people_fault-free.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    named = 3 * EACH - 2  # everybody is from the second frame on
    assert len(rows) == named
    assert all(float(row["centre_mm"]) < 300 for row in rows)
    whole = json.loads((out / "report.json").read_text())["replays"][0]
    assert whole["whole"]["found"] == named
    assert set(whole["joints_mm"]) >= {"head", "pelvis"}
    page = (out / "report.html").read_text()
    assert "number right (%)" in page
    assert "jitter" not in page


def test_the_time_line_has_the_number_of_people_and_gaps(replayed):
    from dataclasses import replace

    from pta_ros.evaluation.report.charts import Part
    from pta_ros.evaluation.report.measure import stages_ms
    from pta_ros.evaluation.report.timeline import figure

    scored = score(replayed)
    part = Part(scored, None, None, measure(scored, scored), stages_ms(replayed), "x")
    lines = {trace["name"]: trace for trace in figure(part)["data"]}
    assert set(lines["people told"]["y"]) == {0, 1, 2, None}
    assert lines["people told"]["y"][-1] is None
    late = replace(scored, seconds=scored.seconds + 9.0 * (np.arange(len(scored.seconds)) >= 5))
    told = {t["name"]: t for t in figure(replace(part, run=late))["data"]}["people told"]
    assert told["y"].count(None) == 2


def test_one_true_skeleton_in_the_cameras_frame_is_placed(engine, write, replayed):
    def skeleton(joints, now):
        if len(joints) != 1:
            return {}
        local = (joints[0] - [0.0, 0.0, 1.0]) @ OPTICAL
        fields = skeleton_fields(local, np.zeros(17), "ground truth (synthetic)")
        head = header(now, "depth_optical_frame")
        return {TRUE_POSE[0]: message(TRUE_POSE[1], header=head, **fields)}

    one = run(engine, write(skeleton))
    assert set(one.people.true_counts.tolist()) == {-1, 1}
    here = one.people.true_counts == 1
    np.testing.assert_allclose(one.people.true_m[0], replayed.people.true_m[0], atol=1e-4)
    figures = score(one).errors()
    assert figures.estimates == here.sum() >= EACH
    assert figures.found + 1 == figures.there == figures.estimates


def test_a_truth_of_which_nobody_knows_where_it_is_is_told(engine, write):
    def lost(joints, now):
        return {TRUE_PEOPLE[0]: true_people(joints, now, "map")}

    result = run(engine, write(lost))
    assert any("no static transform leads from its frame 'map'" in loss for loss in result.losses)
    assert set(result.people.true_counts.tolist()) == {-1}
    assert score(result).errors() is None


def pose(x, y=0.0):
    return np.full((17, 3), (x, y, 1.0), np.float32)


def test_truth_is_interpolated_between_the_same_people_only():
    log = PeopleTruth(lambda frame: np.eye(4))
    crowd = [(0, [pose(1), pose(3)]), (1, [pose(3.2), pose(1.2)]), (2, [pose(1.2)]), (9, [])]
    for step, people in crowd:
        joints = np.array(people, np.float32).reshape(-1, 17, 3)
        log.add(TruePeople(T0 + step * STEP, "base_link", joints))
    at = np.array([T0 + round(s * STEP) for s in (0.5, 1.4, 1.6, 5.0, 9.2)])
    counts, joints = log.at(at)
    assert counts.tolist() == [2, 2, 1, -1, 0]
    np.testing.assert_allclose(joints[:, 0, 0], [1.1, 3.1, 3.2, 1.2, 1.2], atol=1e-6)


@pytest.mark.parametrize("positions", [[], [{"x": np.nan}] * 17, [{}] * 16])
def test_something_else_is_no_truth(positions):
    person = {"skeleton": {"positions": positions}}
    with pytest.raises(DecodeError, match="/t"):
        people_of(message(TRUE_PEOPLE[1], people=[person]), "/t")
    with pytest.raises(DecodeError, match="People or Skeleton"):
        people_of(object(), "/t")


def test_missed_false_and_unknown_are_counted():
    told = np.stack([pose(1.1), pose(5), pose(2)])
    people = People(
        counts=np.array([2, 1, 0, 0]), presence=np.ones(3, np.float32), centres_m=told[:, 0],
        joints_m=told, std_m=np.full((3, 17), 0.08, np.float32),
        true_counts=np.array([2, -1, 0, 1]), true_m=np.stack([pose(1), pose(3), pose(2)]),
        ids=np.array([1, 2, 1]),
    )  # fmt: skip
    scored = score_people(people)
    assert scored.known.tolist() == [True, False, True, True]
    whole = scored.figures(scored.known)
    assert (whole.there, whole.found, whole.false) == (3, 1, 1)
    assert whole.right_percent == pytest.approx(25.0)
    assert whole.counts_right_percent == pytest.approx(200 / 3)
    assert whole.centre_mm == pytest.approx(100.0, abs=0.01)
    assert whole.mpjpe_mm == pytest.approx(100.0, abs=0.01)
    # One of three coordinates is 1.25 deviations off, the others are right.
    assert whole.within_1_percent == pytest.approx(200 / 3)
    assert whole.within_2_percent == pytest.approx(100.0)
    nobody = scored.figures(np.array([False, False, True, False]))
    assert (nobody.right_percent, nobody.mpjpe_mm) == (100.0, None)
    assert np.isnan(scored.error_mm).tolist() == [False, True, True, True]
