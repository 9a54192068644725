"""People over time in the pipeline: late frames, silence, sensors that contradict, what is shown.

A synthetic person walks; a frame holds the pose (17, 3) that its sensor shows alone.
"""

import numpy as np
import pytest

from pta_ros.frames import Estimate, Frame, Sample, StreamState
from pta_ros.fusion.config import StreamConfig, TracksConfig
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction, one_person
from pta_ros.fusion.streams import Stream
from pta_ros.people.centred import trunk

MS = 1_000_000
T0 = 1_700_000_000_000 * MS
SIGMA_M = {"depth": 0.03, "lidar": 0.05, "csi": 0.11}
SHAPE = np.random.default_rng(3).normal(0.0, 0.3, (17, 3))
SPEED = np.array([0.5, 0.0, 0.0])


def at(ms):
    return T0 + round(ms * MS)


def truth(ms):
    """Where the person is, (17, 3)."""
    return SHAPE + (2.0, 0.0, 1.0) + SPEED * ms / 1000


def told(names, frames):
    """What these sensors say together: the mean by certainty."""
    sure = np.array([SIGMA_M[m] ** -2 for m in names])
    joints = np.einsum("m,mjc->jc", sure / sure.sum(), [frames[m].array for m in names])
    weights = dict(zip(names, (sure / sure.sum()).tolist(), strict=True))
    return joints.astype(np.float32), np.full(17, sure.sum() ** -0.5, np.float32), weights


def estimator(sample):
    names = list(sample.frames)
    alone = {m: (one_person(*told([m], sample.frames)),) for m in names}
    return Prediction(*told(names, sample.frames), alone=alone)


class Rig:
    """A pipeline under a clock in ms after T0; sensors that err a little, new in every frame."""

    def __init__(self, *names, **tracks):
        self.names = names or tuple(SIGMA_M)
        streams = {m: Stream(m, StreamConfig(history=20)) for m in self.names}
        config = TracksConfig(**{"consistency": True} | tracks)
        follower = Follower(config, self.names, crowd=False)
        self.pipeline = FusionPipeline(streams, estimator, follower)
        self.rng = np.random.default_rng(1)

    def frame(self, name, ms, off=0.0):
        noise = self.rng.normal(0.0, 0.3 * SIGMA_M[name], (17, 3))
        return Frame(name, at(ms), (truth(ms) + noise + off).astype(np.float32))

    def push(self, ms, *names, now=None, off=0.0):
        now = at(ms if now is None else now)
        return [self.pipeline.push(self.frame(n, ms, off), now) for n in names or self.names]

    def walk(self, *range_ms, names=(), off=None):
        """All of `names` at these times; gives the last estimate."""
        for ms in range(*range_ms):
            for name in names or self.names:
                self.push(ms, name, off=(off or {}).get(name, 0.0))
            estimate = self.pipeline.step(at(ms))
        return estimate

    def status(self, name, ms):
        return {s.modality: s for s in self.pipeline.statuses(at(ms))}[name]


def error_m(estimate):
    ms = (estimate.stamp_ns - T0) / MS
    return float(np.linalg.norm(estimate.joints_m - truth(ms), axis=-1).mean())


def test_a_skeleton_comes_from_the_first_estimate_on_and_a_track_from_the_second():
    rig = Rig()
    first, second = rig.walk(0, 100, 100), rig.walk(100, 200, 100)
    assert first.joints_m.shape == second.joints_m.shape == (17, 3)
    assert first.tracks == ()
    assert (second.tracks[0].id, second.tracks[0].predicted) == (1, False)
    np.testing.assert_allclose(second.joints_m, second.tracks[0].joints, atol=1e-5)
    assert second.people is None
    last = rig.walk(200, 1500, 100)
    np.testing.assert_allclose(last.tracks[0].velocities.mean(axis=0), SPEED, atol=0.15)


def test_a_late_frame_is_taken_in_at_its_stamp_and_corrects_the_newest_estimate_at_once():
    rig = Rig("depth", "csi")
    rig.walk(0, 1000, 100)
    rig.push(1000, "csi", off=0.4)
    jumped = rig.pipeline.step(at(1020))
    assert rig.push(1000, "depth", now=1025) == [True]
    assert rig.pipeline.ready(at(1025))
    corrected = rig.pipeline.step(at(1025))
    assert corrected.stamp_ns == jumped.stamp_ns == at(1000)
    assert corrected.stamps_ns == {"csi": at(1000), "depth": at(1000)}
    assert error_m(corrected) < error_m(jumped) < 0.05  # the model itself says 0.7 m
    assert not rig.pipeline.pending(at(1030))
    depth = rig.status("depth", 1030)
    assert (depth.received, depth.used, depth.dropped) == (11, 11, 0)


def test_a_frame_behind_a_used_one_counts_too_and_only_once():
    rig = Rig("depth", "csi")
    rig.walk(0, 500, 100)
    late = rig.frame("depth", 350)
    assert rig.pipeline.push(late, at(420))
    estimate = rig.pipeline.step(at(420))
    assert estimate.stamp_ns == at(400)
    assert not rig.pipeline.push(rig.frame("depth", 350), at(430))
    assert rig.pipeline.step(at(430)) is None
    status = rig.status("depth", 430)
    assert (status.received, status.used, status.dropped) == (7, 6, 1)


@pytest.mark.parametrize("tracks", [{"enabled": False}, {"history_s": 0.0}, {"history_s": 0.1}])
def test_what_is_later_than_the_history_is_dropped(tracks):
    rig = Rig("depth", **tracks)
    rig.walk(0, 1000, 100)
    assert rig.push(750, "depth", now=960) == [False]
    assert rig.status("depth", 960).dropped == 1


def test_newer_instants_come_before_late_frames():
    rig = Rig("depth")
    rig.walk(0, 1000, 100)
    rig.push(850, "depth", now=990)
    rig.push(1000, "depth")
    assert rig.pipeline.sample(at(1000)).stamp_ns == at(1000)
    late = rig.pipeline.sample(at(1001))
    assert (late.late, late.stamp_ns) == (True, at(850))


def test_late_or_in_time_the_track_is_the_same():
    ordered, late = Rig("depth"), Rig("depth")
    frames = [ordered.frame("depth", ms) for ms in range(0, 1000, 50)]
    for frame in frames:
        ordered.pipeline.push(frame, frame.stamp_ns)
        one = ordered.pipeline.step(frame.stamp_ns)
    order = [k + 1 if k % 4 == 2 else k - 1 if k % 4 == 3 else k for k in range(len(frames))]
    for n, k in enumerate(order):
        late.pipeline.push(frames[k], frames[n].stamp_ns + 60 * MS)
        other = late.pipeline.step(frames[n].stamp_ns + 60 * MS)
    assert late.status("depth", 1050).used == len(frames)
    np.testing.assert_allclose(one.joints_m, other.joints_m, atol=1e-5)


def test_in_silence_the_track_is_predicted_at_rate_and_then_ends():
    rig = Rig("depth", forget_after_s=1.0)
    last = rig.walk(0, 1000, 100)
    told = []
    for _ in range(30):
        due_ns = rig.pipeline.next_due_ns()
        if due_ns is None:
            break
        told.append(rig.pipeline.predict(due_ns))
        assert rig.pipeline.predict(due_ns) is None
    assert told.pop() is None
    assert [round((e.stamp_ns - T0) / MS) for e in told] == list(range(1000, 2000, 100))
    assert all(e.predicted and e.tracks[0].predicted and e.weights == {} for e in told)
    assert error_m(told[2]) < error_m(last) + 0.1
    spread = [e.std_m.mean() for e in told]
    assert spread == sorted(spread)
    assert rig.status("depth", 2000).state is StreamState.STALE
    rig.push(3000), rig.push(3100)
    assert rig.pipeline.step(at(3100)).tracks == ()  # somebody new, until a second frame agrees


def test_a_displaced_sensor_is_left_out_with_the_reason_and_let_in_again():
    rig = Rig()
    before = rig.walk(0, 3000, 100)
    away = rig.walk(3000, 5000, 100, off={"lidar": np.array([0.3, 0.3, 0.0])})
    lidar = {s.modality: s for s in away.streams}["lidar"]
    assert (lidar.state, lidar.weight) == (StreamState.LIVE, 0.0)
    assert "contradicts the track by 0.4" in lidar.reason
    assert "lidar" not in away.weights
    assert sum(away.weights.values()) == pytest.approx(1.0)
    assert error_m(away) < error_m(before) + 0.03
    back = rig.walk(5000, 8000, 100)
    assert set(back.weights) == {"depth", "lidar", "csi"}
    assert {s.reason for s in back.streams} == {""}


def test_without_consistency_nobody_is_left_out():
    rig = Rig(consistency=False)
    rig.walk(0, 3000, 100)
    away = rig.walk(3000, 5000, 100, off={"lidar": np.array([0.3, 0.3, 0.0])})
    assert "lidar" in away.weights
    assert {s.reason for s in away.streams} == {""}


def test_a_slow_sensor_that_serves_several_instants_is_not_frozen():
    rig = Rig("depth", "csi")
    for tick in range(90):
        ms = tick * 100 / 3
        rig.push(ms, "depth", *(["csi"] if tick % 3 == 0 else []))
        estimate = rig.pipeline.step(at(ms))
    assert {s.reason for s in estimate.streams} == {""}


def test_an_instant_of_the_left_out_sensor_alone_is_predicted_while_another_is_live():
    rig = Rig()
    rig.walk(0, 3000, 100)
    rig.walk(3000, 4000, 100, off={"lidar": np.array([0.3, 0.3, 0.0])})
    rig.push(4100, "lidar", off=np.array([0.3, 0.3, 0.0]))
    estimate = rig.pipeline.step(at(4100))
    assert estimate.predicted
    assert estimate.tracks[0].predicted
    assert error_m(estimate) < 0.1


def test_the_last_sensor_is_never_left_out():
    rig = Rig("depth")
    rig.walk(0, 2000, 100)
    estimate = rig.walk(2000, 4000, 100, off={"depth": np.array([0.3, 0.3, 0.0])})
    assert estimate.weights == {"depth": 1.0}
    assert not estimate.predicted


def test_positions_ahead_of_now():
    rig = Rig("depth", predict_ahead_s=0.2)
    for ms in range(0, 2000, 100):
        rig.push(ms)
        estimate = rig.pipeline.step(at(ms + 30))
    assert estimate.stamp_ns == at(2130)
    assert estimate.sensed_ns == at(1900)
    assert error_m(estimate) < 0.08
    assert not estimate.tracks[0].predicted


def test_switched_off_every_instant_stands_by_itself():
    rig = Rig("depth")
    rig.walk(0, 500, 100)
    rig.pipeline.follow(False)
    rig.push(500, "depth", off=0.2)
    estimate = rig.pipeline.step(at(500))
    assert estimate.tracks == ()
    assert 0.25 < error_m(estimate) < 0.45
    assert rig.pipeline.next_due_ns() is None
    rig.pipeline.follow(True)
    rig.walk(600, 700, 100)
    assert rig.walk(700, 800, 100).tracks[0].id == 2


def test_a_crowd_is_expected_where_it_is_sure_to_be():
    def expected(ms, crowd=True, **config):
        follower = Follower(TracksConfig(**config), ("depth",), crowd)
        for before in (-200, -100, 0):
            seen = one_person(truth(before).astype(np.float32), np.full(17, 0.03), {"depth": 1.0})
            nobody = np.zeros((0, 3)), np.zeros(0)
            prediction = Prediction(*nobody, {"depth": 1.0}, people=(seen,))
            raw = Estimate(at(before), *nobody, {}, {}, people=(seen,))
            follower.follow(raw, Sample(at(before), {}), prediction, at(before))
        return follower.expected(at(ms))

    np.testing.assert_allclose(expected(50), [trunk(truth(50))], atol=0.02)
    assert len(expected(1400)) == 0  # not sure any more
    assert len(expected(50, crowd=False)) == len(expected(50, enabled=False)) == 0
