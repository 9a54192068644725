import numpy as np
import pytest

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.replay.record import Change, Replayed
from pta_ros.evaluation.report import words, words_faults
from pta_ros.evaluation.report.measure import measure, shift_mm, stages_ms
from pta_ros.evaluation.report.scores import score, silent_s, spans, states_at
from pta_ros.metrics.pose import bone_variation, jitter
from pta_ros.skeleton import BONES

NOISE = Fault("noise", "depth", 12.0, 22.0, 0.4)


@pytest.fixture
def silent(made_up, silent_lidar):
    fault, states = silent_lidar
    return score(made_up("lidar silent", [fault], states, worse=(10.0, 10.3, 60.0)))


@pytest.fixture
def free(made_up):
    return score(made_up())


def test_spans_follow_each_other_from_begin_to_end(silent):
    found = spans(silent.run, "lidar")
    assert [span.state for span in found] == ["MISSING", "LIVE", "STALE", "LIVE"]
    assert [span.begin_s for span in found] == pytest.approx([0.0, 0.2, 10.3, 20.4])
    assert [span.end_s for span in found] == pytest.approx([0.2, 10.3, 20.4, 30.0])
    assert found[2].reason == "no new frame for 0.31 s"


def test_repeated_and_outside_changes_make_no_span(free):
    begin, run = free.run.begin_ns, free.run
    told = [(-1, "LIVE"), (0, "LIVE"), (2, "LIVE"), (2, "STALE"), (2, "CORRUPT"), (40, "LIVE")]
    changes = tuple(Change(begin + t * 10**9, "csi", state, "") for t, state in told)
    found = spans(Replayed(**{**vars(run), "changes": changes}), "csi")
    assert [(s.begin_s, s.end_s, s.state) for s in found] == [(0, 2, "LIVE"), (2, 30, "CORRUPT")]


def test_states_at_the_edges_are_the_new_ones(silent):
    found = states_at(silent.run, "lidar", np.array([-1.0, 0.0, 10.2, 10.3, 20.5, 99.0]))
    assert found == ["MISSING", "MISSING", "LIVE", "STALE", "LIVE", "LIVE"]


def test_availability_is_the_share_of_time_that_is_live(silent, free):
    seen = measure(silent, free)
    shares = {sensor.modality: sensor.availability for sensor in seen.sensors}
    assert shares == pytest.approx({"depth": 29.8 / 30, "lidar": 19.7 / 30, "csi": 29.8 / 30})
    lidar = seen.sensors[1]
    assert lidar.state_s == pytest.approx({"LIVE": 19.7, "MISSING": 0.2, "STALE": 10.1})
    assert lidar.used == pytest.approx(silent.run.used[:, 1].mean())


def test_errors_count_inside_the_windows_only(silent, free, made_up, silent_lidar):
    fault, states = silent_lidar
    seen = measure(silent, free, score(made_up("dropped", [fault], states)))
    in_window = (silent.seconds >= 10.0) & (silent.seconds < 20.0)
    assert seen.window.estimates == in_window.sum() == 100
    assert seen.window.mpjpe_mm == pytest.approx(silent.error_mm[in_window].mean())
    assert seen.free.mpjpe_mm == pytest.approx(free.error_mm[in_window].mean())
    assert seen.window.mpjpe_mm == pytest.approx(seen.dropped.mpjpe_mm + 3 * 60.0 / 100, rel=1e-3)
    assert seen.ratio == pytest.approx(seen.window.mpjpe_mm / seen.dropped.mpjpe_mm)
    assert seen.whole.estimates == len(silent.seconds)
    assert seen.joints_mm["pelvis"] == pytest.approx(silent.joint_mm[in_window, 0].mean())


def test_errors_of_subsets_cover_all_estimates(silent, free):
    found = {subset.name: subset for subset in measure(silent, free).subsets}
    assert set(found) == {"depth+csi", "depth+lidar+csi"}
    assert sum(subset.estimates for subset in found.values()) == len(silent.seconds)
    without = ~silent.run.used[:, 1]
    expected = silent.error_mm[without].mean()
    assert found["depth+csi"].errors.mpjpe_mm == pytest.approx(expected)


def test_pa_mpjpe_forgives_a_shift_that_mpjpe_does_not(free):
    moved = Replayed(**{**vars(free.run), "joints_m": free.run.truth_m + np.float32(0.1)})
    errors = score(moved).errors()
    assert errors.mpjpe_mm == pytest.approx(100 * np.sqrt(3), rel=1e-4)
    assert errors.pa_mpjpe_mm == pytest.approx(0.0, abs=0.01)


def test_a_limit_that_is_kept_and_one_that_is_missed(made_up, free):
    dropped = score(
        made_up("dropped", [NOISE], {"depth": [(12.0, "STALE", ""), (22.0, "LIVE", "")]})
    )
    for worse_mm, kept in ((10.0, True), (40.0, False)):
        run = score(made_up("noise", [NOISE], worse=(12.0, 22.0, worse_mm)))
        seen = measure(run, free, dropped)
        assert seen.kept is kept
        assert ("MISSED" not in words.verdict(seen)) is kept


def test_without_a_reference_there_is_no_ratio(silent, free):
    seen = measure(silent, free)
    assert (seen.dropped, seen.ratio, seen.kept) == (None, None, None)
    assert "dropped" not in words.verdict(seen)


def test_a_sensor_that_stays_live_is_told_with_its_weight(made_up, free):
    seen = measure(score(made_up("noise", [NOISE], worse=(12.0, 22.0, 20.0))), free)
    assert seen.faults[0].state is None
    assert words.events(seen) == (
        "depth noise 12–22 s: stays LIVE, used in 100% of the estimates, "
        "weight 0.68 instead of 0.68."
    )


def test_a_sensor_that_the_model_leaves_out_is_not_called_used(made_up, free):
    run = made_up("noise", [NOISE])
    weights = run.weights.copy()
    times = score(run).seconds
    weights[(times >= 12) & (times < 22)] = [0.0, 0.8, 0.2]
    seen = measure(score(Replayed(**{**vars(run), "weights": weights})), free)
    assert (seen.faults[0].used, seen.faults[0].weight) == (1.0, 0.0)
    assert words_faults.reaction(seen.faults[0]) == (
        "stays LIVE, but the model leaves it out: weight 0.00 instead of 0.68"
    )


@pytest.mark.parametrize(
    ("told", "words_"),
    [
        ([(10.3, "STALE", "")], "STALE after 0.30 s, not back by the end of the bag"),
        (
            [(9.0, "CORRUPT", ""), (21.0, "LIVE", "")],
            "CORRUPT from its begin, back 1.00 s after it",
        ),
        (
            [(12.0, "STALE", ""), (13.5, "LIVE", "")],
            "STALE after 2.00 s, out of use for 1.5 s of it",
        ),
    ],
)
def test_reactions_in_words(made_up, free, silent_lidar, told, words_):
    seen = measure(score(made_up("x", [silent_lidar[0]], {"lidar": told})), free)
    assert words_faults.reaction(seen.faults[0]) == words_


def test_a_fault_to_the_end_of_the_bag_is_told(made_up, free):
    long = Fault("drop", "lidar", 20.0, 99.0, 1.0)
    for told, expected in (
        ([(20.3, "STALE", "")], "STALE after 0.30 s, to the end of the bag"),
        (
            [(26, "CORRUPT", ""), (26.5, "LIVE", "")],
            "CORRUPT after 6.00 s, out of use for 0.5 s of it",
        ),
    ):
        seen = measure(score(made_up("x", [long], {"lidar": told})), free)
        assert words_faults.reaction(seen.faults[0]) == expected


def test_faults_after_the_end_of_the_bag_are_counted_apart(made_up, free, silent_lidar):
    late = [Fault("drop", m, 40.0, 50.0, 1.0) for m in ("depth", "csi")]
    states = silent_lidar[1]
    seen = measure(score(made_up("x", [silent_lidar[0], *late], states)), free)
    assert words.events(seen) == (
        "lidar drop 10–20 s: STALE after 0.30 s, back 0.40 s after it. 2 more after the bag's end."
    )
    seen = measure(score(made_up("x", [silent_lidar[0], NOISE, *late], states)), free)
    assert words.events(seen) == (
        "2 faults (2 kinds) on depth and lidar: 1 put the sensor out of use. "
        "2 more after the bag's end."
    )


def test_a_fault_behind_the_end_of_the_bag_is_told(made_up):
    short = score(made_up(seconds=10.0))
    late = score(made_up("late", [NOISE], seconds=10.0))
    seen = measure(late, short)
    assert words_faults.reaction(seen.faults[0]) == "not reached by the end of the bag"
    assert words.events(seen) == "The bag ends before any fault begins."
    assert seen.window is None


def test_a_shift_is_measured_without_ground_truth(made_up, free):
    run = score(made_up("noise", [NOISE], worse=(12.0, 22.0, 50.0), truth=False))
    assert not run.has_truth
    seen = measure(run, free)
    assert seen.shift_mm == pytest.approx(50.0, rel=1e-3)
    assert (seen.window, seen.joints_mm, seen.truth_jitter) == (None, None, None)


def test_a_shift_needs_common_moments(free):
    later = Replayed(**{**vars(free.run), "stamp_ns": free.run.stamp_ns + 50_000_000})
    assert shift_mm(score(later), free, np.ones(len(free.seconds), bool)) is None


def test_jitter_is_the_acceleration_whatever_the_steps():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.08, 0.12, 50))
    joints = np.zeros((50, 17, 3))
    joints[:, 3, 1] = 0.5 * 9.81 * times**2
    joints[:, 4, 0] = 2.0 * times
    found = jitter(times, joints)
    assert found[3] == pytest.approx(9.81)
    assert found[4] == pytest.approx(0.0, abs=1e-9)


def test_jitter_does_not_look_across_a_gap():
    times = np.concatenate([np.arange(20) * 0.1, 30 + np.arange(20) * 0.1])
    joints = np.zeros((40, 17, 3))
    joints[20:] = 5.0
    assert jitter(times, joints).max() == 0.0
    assert np.isnan(jitter(times[:2], joints[:2])).all()


def test_bones_of_constant_length_do_not_vary():
    pose = np.random.default_rng(0).normal(size=(17, 3))
    poses = np.stack([pose, pose + 1.0, 1.2 * pose])
    found = bone_variation(poses)
    assert found == pytest.approx(np.std([1, 1, 1.2]) / np.mean([1, 1, 1.2]))
    assert bone_variation(poses[:2]) == pytest.approx(np.zeros(len(BONES)), abs=1e-12)


def test_silence_counts_gaps_and_both_ends():
    times = np.concatenate([np.arange(2.0, 5.0, 0.1), np.arange(7.0, 8.95, 0.1)])
    assert silent_s(times, 10.0) == pytest.approx(2.0 + 2.1 + 1.1, abs=0.01)
    assert silent_s(np.array([]), 10.0) == 10.0
    assert silent_s(np.arange(0.1, 10.0, 0.1), 10.0) == 0.0


def test_latency_adds_stages_but_not_their_parts(free):
    found = stages_ms(free.run)
    assert found["all"]["p50"] == pytest.approx(0.1 + 7.2 + 0.2)
    assert found["encode"] == pytest.approx({"p50": 3.0, "p95": 3.0})
