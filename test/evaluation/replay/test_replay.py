"""A bag through the node's pipeline: what is estimated when, from what, and in which states."""

import threading

import numpy as np
import pytest

from pta_ros.bags.bag import Bag
from pta_ros.errors import DecodeError
from pta_ros.evaluation.replay.decode import Arrival
from pta_ros.evaluation.replay.judge import PoseJudge
from pta_ros.evaluation.replay.replay import Replay
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay
from pta_ros.frames import Estimate, StreamStatus
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.streams import Stream, StreamConfig
from pta_ros.skeleton import NUM_JOINTS

T0 = 1_700_000_000 * 10**9
STEP = 10**8


def states(result, modality):
    return [(c.state, (c.time_ns - T0) / 1e9) for c in result.changes if c.modality == modality]


def test_every_frame_of_a_healthy_bag_is_used_once(run, whole):
    result = run(whole)
    assert result.modalities == ("depth", "lidar", "csi")
    assert len(result.stamp_ns) == 30
    assert result.used[1:].all()  # at the first instant only the first sensor is there
    assert result.used[0].tolist() == [True, False, False]
    assert (result.frame_stamps_ns[1:] == result.stamp_ns[1:, None]).all()
    np.testing.assert_allclose(result.weights.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(result.error_mm).all()
    assert result.error_mm.mean() < 200  # far from the mean pose's 400
    assert [s.received for s in result.statuses] == [30, 30, 30]
    # The first frames of the others are late for that instant. CSI's is let go: it counts little.
    assert [s.used for s in result.statuses] == [30, 30, 29]
    assert [s.dropped for s in result.statuses] == [0, 0, 1]
    assert len(result.corrected_ns) == 1
    assert len(result.predicted_ns) == 0
    assert result.losses == ()
    assert set(result.timings_ms) >= {"sample", "infer", "finish"}


def test_two_replays_agree_bit_for_bit(run, whole):
    a, b = (run(whole, ("noise", "lidar", 1.0, 2.0, 0.2)) for _ in range(2))
    for name in ("stamp_ns", "joints_m", "std_m", "weights", "used", "frame_stamps_ns", "truth_m"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.changes, a.losses) == (b.changes, b.losses)
    assert [m.stamp_ns for m in a.moments] == [m.stamp_ns for m in b.moments]


def test_a_silent_sensor_goes_stale_and_comes_back(run, write_bag):
    gap = write_bag(skip=lambda topic, n: topic.startswith("/depth") and 10 <= n < 20)
    result = run(gap)
    seen = states(result, "depth")
    assert [state for state, _ in seen] == ["MISSING", "LIVE", "STALE", "LIVE"]
    assert 1.2 <= seen[2][1] <= 1.3  # the newest frame is of 0.9 s; 0.3 s, and a look
    assert 2.1 <= seen[3][1] <= 2.2  # the second good frame
    used = result.used[:, 0]
    assert used[:10].all()
    assert not used[10:20].any()
    assert len(result.stamp_ns) == 30  # the others go on


def test_a_fault_is_that_fault_alone(run, whole):
    free, faulty = run(whole), run(whole, ("drop", "depth", 1.0, 2.0, 1.0))
    assert faulty.name == "plan"
    inside = (free.stamp_ns >= T0 + 10 * STEP) & (free.stamp_ns < T0 + 20 * STEP)
    np.testing.assert_array_equal(faulty.joints_m[:10], free.joints_m[:10])
    assert not faulty.used[inside, 0].any()
    for name in ("weights", "used", "frame_stamps_ns"):  # the track still remembers
        np.testing.assert_array_equal(getattr(faulty, name)[-5:], getattr(free, name)[-5:])


def test_no_estimate_from_frozen_corrupt_or_unreadable_frames(run, whole):
    for kind in ("freeze", "truncated", "wrong_encoding"):
        result = run(whole, (kind, "lidar", 1.0, 2.5, 1.0))
        bad = (result.frame_stamps_ns[:, 1] >= T0 + 10 * STEP) & (
            result.frame_stamps_ns[:, 1] < T0 + 25 * STEP
        )
        assert not bad.any(), kind
        assert "CORRUPT" in {state for state, _ in states(result, "lidar")}, kind


def test_delayed_messages_arrive_late_and_in_order(run, whole):
    in_time = run(whole, ("delay", "lidar", 0.0, 9.0, 0.015))  # less than max_wait_s
    assert in_time.used[5:, 1].all()
    late = run(whole, ("delay", "lidar", 0.0, 9.0, 0.05))
    assert not late.used[:, 1].any()
    assert len(late.stamp_ns) == 30
    assert late.statuses[1].used >= 29
    assert len(late.corrected_ns) == late.statuses[1].used
    assert (np.diff(late.stamp_ns) > 0).all()


def test_worst_moments_keep_what_they_were_made_from(run, whole):
    result = run(whole, ("noise", "lidar", 1.0, 2.0, 0.3))
    assert result.moments
    worst = max(result.moments, key=lambda moment: moment.error_mm)
    assert worst.error_mm == pytest.approx(result.error_mm.max(), rel=1e-5)
    at = list(result.stamp_ns).index(worst.stamp_ns)
    used = dict(zip(result.modalities, result.used[at].tolist(), strict=True))
    assert {name: name in worst.frames for name in used} == used
    np.testing.assert_array_equal(worst.joints_m, result.joints_m[at])
    np.testing.assert_array_equal(worst.truth_m, result.truth_m[at])


def test_without_ground_truth_there_is_no_error(run, whole):
    result = run(whole, truth="")
    assert np.isnan(result.error_mm).all()
    assert result.moments
    assert all(moment.truth_m is None for moment in result.moments)


class Watcher:
    def __init__(self):
        self.seen = []

    def frame(self, frame):
        self.seen.append(frame.modality)

    def truth(self, stamp_ns, joints_m):
        self.seen.append("truth")

    def estimate(self, estimate):
        assert isinstance(estimate, Estimate)
        self.seen.append("estimate")

    def states(self, time_ns, statuses):
        assert all(isinstance(status, StreamStatus) for status in statuses)
        self.seen.append("states")


def test_an_observer_sees_everything(run, whole):
    watcher = Watcher()
    run(whole, observer=watcher)
    counts = {name: watcher.seen.count(name) for name in set(watcher.seen)}
    assert counts == {
        "depth": 30, "lidar": 30, "csi": 30, "truth": 30, "estimate": 31, "states": 61
    }  # fmt: skip


class Interrupt:
    """An observer at whose third estimate the user presses Ctrl-C."""

    def __init__(self):
        self.left = 3

    def estimate(self, estimate):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt

    def frame(self, frame):
        pass

    def truth(self, stamp_ns, joints_m):
        pass

    def states(self, time_ns, statuses):
        pass


def test_a_replay_that_is_interrupted_leaves_the_bag_alone(engine, whole):
    before = threading.active_count()
    with Bag([whole]) as bag:
        source = find_source(bag, engine, {}, None)
        with pytest.raises(KeyboardInterrupt):
            replay(engine, bag, source, FAULT_FREE, Interrupt())
        assert threading.active_count() == before
        assert len(replay(engine, bag, source, FAULT_FREE).stamp_ns) == 30


def failing(sample):
    raise DecodeError("model", "no", "yes")


def unsound(sample):
    nan = np.full((NUM_JOINTS, 3), np.nan, np.float32)
    return Prediction(nan, nan[:, 0], {})


@pytest.mark.parametrize(
    ("estimator", "told"),
    [(failing, "3 estimates failed: model: no"), (unsound, "3 estimates were not finite")],
)
def test_estimates_that_fail_are_counted_and_told(estimator, told):
    from pta_ros.evaluation.faults.injector import FaultPlan
    from pta_ros.frames import Frame

    pipeline = FusionPipeline({"csi": Stream("csi", StreamConfig())}, estimator)
    replay = Replay(pipeline, PoseJudge(judged=False))
    frames = [Frame("csi", T0 + n * STEP, np.full(3, n, np.float32)) for n in range(3)]
    replay.run([Arrival(f.stamp_ns, "csi", f) for f in frames], T0, T0 + 3 * STEP)
    result = replay.result(FaultPlan("x"), T0, T0 + 3 * STEP, ["before"])
    assert len(result.stamp_ns) == 0
    assert result.losses[0] == "before"
    assert result.losses[1].startswith(told)


def test_a_bag_that_is_cut_gives_what_is_before_the_cut(run, whole, tmp_path):
    file = next(whole.glob("*.mcap"))
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.6)])
    result = run(cut)
    assert 10 <= len(result.stamp_ns) < 20
    assert any("cut.mcap" in loss for loss in result.losses)
    with Bag([cut]) as bag:
        assert bag.topics
