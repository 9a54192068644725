"""An activity bag through the node's windows: one answer a hop, judged where the truth is one."""

import json

import numpy as np
import pytest

from pta_ros.bags.bag import Bag
from pta_ros.bags.messages import true_activity
from pta_ros.cli import evaluate_bag
from pta_ros.datasets.mmfi_bag import START_NS
from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.injector import Fault, FaultPlan
from pta_ros.evaluation.replay.source import find_source, replay
from pta_ros.evaluation.replay.truth import Activities, ActivityTruth, TrueActivity
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params
from pta_ros.home import shipped
from pta_ros.simulate.rf_session import RfSession
from pta_ros.simulate.xrf55_bag import SessionPlan, session_to_bag

S = 10**9
MODEL = str(shipped("models/xrf55_lite"))
PLAN = SessionPlan(seconds=20.0, seed=1, subject=42)


@pytest.fixture(scope="module")
def session_bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("activity") / "bag"
    session_to_bag(PLAN, path)
    return path


@pytest.fixture(scope="module")
def play(session_bag):
    params, streams = read_params(shipped("config/xrf55_live.yaml"))
    engine = Engine.load(type(params)(**{**vars(params), "model": MODEL}), streams)
    engine.start()

    def play(*faults, truth=None):
        plan = FaultPlan("plan" if faults else "fault-free", faults)
        with Bag([session_bag]) as bag:
            return replay(engine, bag, find_source(bag, engine, {}, truth), plan)

    return play


def test_one_answer_a_hop_stamped_with_the_windows_end(play):
    result = play()
    since = (result.stamp_ns - START_NS) / S
    np.testing.assert_allclose(since, np.arange(since[0], since[-1] + 0.1, 0.5))
    assert 3.5 <= since[0] <= 4.5  # windows fill to 70 %
    assert since[-1] == 19.5  # the one of 20 s closes 30 ms after the bag's end
    assert result.used[2:].all()
    assert (result.frame_stamps_ns[2:] == result.stamp_ns[2:, None]).all()
    assert result.joints_m.shape[1] == 0
    assert [len(column) for column in (result.class_id, result.confidence)] == [len(since)] * 2
    assert result.moments == ()
    assert result.losses == ()


def test_answers_are_judged_by_the_demos_rule(play):
    session = RfSession(PLAN.seed, PLAN.subject, PLAN.scene, PLAN.activity_s)
    result = play()
    ends = ((result.stamp_ns - START_NS) / S).tolist()
    expected = [session.action(t - 1e-6) - 1 if session.whole(t) else -1 for t in ends]
    session.close()
    assert result.true_class.tolist() == expected
    assert set(np.unique(result.right[result.true_class >= 0])) <= {0.0, 1.0}
    assert np.isnan(result.right[result.true_class < 0]).all()
    spans = [((b - START_NS) / S, (e - START_NS) / S) for b, e, _ in result.true_spans]
    assert spans == [(0.0, 9.0), (9.0, 18.0), (18.0, 20.0)]


def test_the_shipped_model_is_better_than_chance(play):
    right = play().right
    assert np.nanmean(right) > 0.3  # of 55 classes


def test_two_replays_agree_bit_for_bit(play):
    a, b = (play(Fault("noise", "wifi", 6.0, 12.0, 0.2)) for _ in range(2))
    for name in ("stamp_ns", "class_id", "confidence", "weights", "used", "true_class"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.changes == b.changes


@pytest.mark.parametrize(
    ("kind", "state"), [("drop", "STALE"), ("freeze", "CORRUPT"), ("short_data", "CORRUPT")]
)
def test_a_silent_frozen_or_corrupt_sensor_is_left_out(play, kind, state):
    result = play(Fault(kind, "radar", 8.0, 14.0, 1.0))
    states = [c.state for c in result.changes if c.modality == "radar"]
    assert states[:3] == ["MISSING", "LIVE", state]
    inside = (result.stamp_ns > START_NS + 10 * S) & (result.stamp_ns < START_NS + 14 * S)
    assert inside.sum() == 7
    assert not result.used[inside, 0].any()
    assert result.used[inside, 1:].all()
    assert result.used[-1, 0]  # the window has filled again


def test_the_report_tells_accuracy_and_whether_the_limit_is_kept(session_bag, tmp_path, capsys):
    plan = tmp_path / "radar_gone.yaml"
    plan.write_text("faults: [{kind: drop, modality: radar, start: 8, end: 14}]")
    given = [str(session_bag), "--model", MODEL, "--faults", str(plan), "--check"]
    assert evaluate_bag.main([*given, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "Accuracy" in said[0]
    assert "times a minute, the activity" in said[0]
    assert "with the sensor dropped instead (+0.0, limit −5 points kept)" in said[1]
    report = json.loads((tmp_path / "out/report.json").read_text())
    free, gone = report["replays"]
    assert report["topics"]["ground truth"] == "/ground_truth_activity"
    assert report["data_synthetic"]
    assert free["true_changes"] == pytest.approx(60 * 2 / 20)
    assert 0 < free["label_changes"] < 60
    assert free["whole"]["accuracy_percent"] >= gone["whole"]["accuracy_percent"]
    assert gone["window"] == gone["dropped"]
    assert (gone["gain_points"], gone["limit"], gone["kept"]) == (0.0, 5.0, True)
    assert "ratio" not in gone
    page = (tmp_path / "out/report.html").read_text()
    assert "accuracy (%)" in page
    assert "MPJPE" not in page
    rows = (tmp_path / "out/estimates_fault-free.csv").read_text().splitlines()
    assert rows[0].endswith("class_id,label,confidence,true_class_id")
    assert len(rows) == 1 + free["estimates"]
    assert not (tmp_path / "out/errors.csv").exists()


def test_without_truth_it_tells_how_many_answers_change(session_bag, tmp_path, capsys):
    plan = tmp_path / "radar_gone.yaml"
    plan.write_text("faults: [{kind: drop, modality: radar, start: 8, end: 14}]")
    given = [str(session_bag), "--model", MODEL, "--faults", str(plan), "--topic", "truth="]
    assert evaluate_bag.main([*given, "--out", str(tmp_path)]) == 0
    assert "% of the answers change." in capsys.readouterr().out
    gone = json.loads((tmp_path / "report.json").read_text())["replays"][1]
    assert 0 < gone["changed_percent"] <= 100
    assert "whole" not in gone
    assert "kept" not in gone


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("drop, modality: depth", "faults of ['depth']; the model's sensors: radar, wifi, rfid"),
        ("wrong_encoding, modality: rfid", "wrong_encoding makes no sense for rfid"),
        ("dropout, modality: wifi, strength: 0.5", "dropout makes no sense for wifi"),
    ],
)
def test_faults_that_its_sensors_cannot_have_are_refused(
    session_bag, fault, told, tmp_path, capsys
):
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"faults: [{{kind: {fault}, start: 1, end: 2}}]")
    given = [str(session_bag), "--model", MODEL, "--faults", str(plan), "--out", str(tmp_path)]
    assert evaluate_bag.main(given) == 1
    assert told in capsys.readouterr().err


def test_a_recording_to_watch_is_refused(session_bag, tmp_path, capsys):
    given = [str(session_bag), "--model", MODEL, "--rrd", str(tmp_path / "x.rrd")]
    assert evaluate_bag.main([*given, "--out", str(tmp_path)]) == 1
    assert "the viewer shows depth, lidar and csi" in capsys.readouterr().err


def truth_of(*entries):
    truth = ActivityTruth()
    for seconds, class_id in entries:
        truth.add(TrueActivity(round(seconds * S), class_id))
    return truth


def at(truth, seconds, window_s=2.0):
    return truth.at(np.array([round(seconds * S)]), round(window_s * S))[0]


def test_a_window_is_judged_when_one_class_holds_all_through_it():
    truth = truth_of(*[(t / 2, 3 if t <= 8 else 4) for t in range(1, 21)])  # changes at 4 s
    assert [at(truth, t) for t in (1.5, 2.0, 4.0, 4.5, 5.5, 6.0, 10.0)] == [-1, 3, 3, -1, -1, 4, 4]
    assert at(truth, 10.1) == -1  # nobody says what is true then
    assert [at(truth, t, 0.0) for t in (4.0, 4.2)] == [3, 4]  # a model that looks at one instant


def test_no_class_gaps_and_a_clock_that_goes_back_leave_windows_unjudged():
    truth = truth_of((1, 3), (2, 3), (5, 3), (6, 3), (7, -1), (8, 3), (9, 3), (10, 3), (4, 5))
    assert [at(truth, t) for t in (2, 5, 6, 7, 8, 9, 10)] == [3, -1, -1, -1, -1, 3, 3]
    assert at(ActivityTruth(), 5) == -1


def test_a_class_that_the_model_lacks_is_an_error():
    known = Activities(("a", "b"), 5.0)
    assert known.truth_of(true_activity(1, 7 * S, "test"), "/t") == TrueActivity(7 * S, 1)
    with pytest.raises(DecodeError, match="class_id 2; expected -1 to 1"):
        known.truth_of(true_activity(2, 7 * S, "test"), "/t")
    with pytest.raises(DecodeError, match="Activity"):
        known.truth_of(object(), "/t")


def test_a_label_counts_more_than_a_number_of_another_list():
    known = Activities(("tea", "mail"), 5.0)
    told = [known.truth_of(true_activity(n, 7 * S, "test", label), "/t").class_id
            for n, label in ((40, "tea"), (0, "mail"), (1, "chess"))]  # fmt: skip
    assert told == [0, 1, -1]
