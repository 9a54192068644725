"""FusionPipeline: what is estimated when, from which frames, and what becomes of every frame."""

import math

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.activity_filter import ActivityConfig, ActivityFilter
from pta_ros.fusion.config import TracksConfig
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.streams import Stream, StreamConfig

MS = 1_000_000
T0 = 1_700_000_000_000 * MS
ERROR = DecodeError("wifi/csi", "2 antennas", "3 antennas")
NAMES = ("depth", "lidar", "csi")


def at(ms):
    return T0 + round(ms * MS)


def mean_of_frames(sample):
    """Every joint coordinate is the mean of the frames' first values."""
    value = np.mean([frame.array.flat[0] for frame in sample.frames.values()])
    share = 1 / len(sample.frames)
    return Prediction(
        joints_m=np.full((17, 3), value, np.float32),
        std_m=np.full(17, 0.1, np.float32),
        weights=dict.fromkeys(sample.frames, share),
        timings_ms={"model": 1.0},
    )


class Rig:
    """A pipeline under a clock in ms after T0."""

    def __init__(self, names=NAMES, estimator=mean_of_frames, follower=None, **settings):
        config = StreamConfig(**settings)
        streams = {name: Stream(name, config) for name in names}
        self.pipeline = FusionPipeline(streams, estimator, follower)

    def push(self, ms, *names, now=None):
        for name in names or self.pipeline.streams:
            array = np.full((2, 2), ms, np.float32)
            self.pipeline.push(Frame(name, at(ms), array), at(ms if now is None else now))
        return self

    def step(self, now):
        return self.pipeline.step(at(now))

    def stamps(self, now):
        """Stamps in ms of the frames that the step at `now` used."""
        estimate = self.step(now)
        return estimate and {n: (s - T0) / MS for n, s in estimate.stamps_ns.items()}

    def status(self, name, now):
        return {s.modality: s for s in self.pipeline.statuses(at(now))}[name]


def test_no_frame_no_estimate():
    rig = Rig()
    assert rig.step(0) is None
    assert not rig.pipeline.pending(at(0))
    assert not rig.pipeline.ready(at(0))


def test_estimate_carries_what_the_message_needs():
    estimate = Rig().push(100).step(110)
    assert estimate.stamp_ns == at(100)
    assert estimate.joints_m == pytest.approx(np.full((17, 3), 100))
    assert estimate.std_m == pytest.approx(np.full(17, 0.1))
    assert estimate.weights == pytest.approx(dict.fromkeys(NAMES, 1 / 3))
    assert estimate.stamps_ns == dict.fromkeys(NAMES, at(100))
    assert [s.modality for s in estimate.streams] == list(NAMES)
    assert all(s.state is StreamState.LIVE and s.used == 1 for s in estimate.streams)
    assert [s.weight for s in estimate.streams] == pytest.approx([1 / 3] * 3)
    assert set(estimate.timings_ms) == {"sample", "model", "infer", "judge", "finish"}


def test_upcoming_frames_are_the_new_ones_of_the_next_sample():
    rig = Rig().push(100)
    assert {f.modality for f in rig.pipeline.upcoming(at(101))} == set(NAMES)
    rig.step(110)
    assert rig.pipeline.upcoming(at(110)) == []
    rig.push(200, "depth")
    (frame,) = rig.pipeline.upcoming(at(201))
    assert (frame.modality, frame.stamp_ns) == ("depth", at(200))
    assert rig.step(202).stamps_ns["depth"] == frame.stamp_ns
    assert rig.pipeline.upcoming(at(900)) == []


def test_never_the_same_instant_twice():
    rig = Rig().push(100)
    assert rig.step(110)
    assert rig.step(120) is None
    assert not rig.pipeline.pending(at(120))


@pytest.mark.parametrize("present", [("depth",), ("csi",), ("lidar", "csi")])
def test_absent_streams_are_not_waited_for(present):
    assert Rig().push(100, *present).stamps(100) == dict.fromkeys(present, 100)


def test_instant_is_the_newest_stamp_and_others_join_within_the_tolerance():
    rig = Rig().push(100, "depth").push(140, "lidar").push(15, "csi")
    assert rig.stamps(140) == {"depth": 100, "lidar": 140}


def test_each_stream_gives_its_frame_nearest_to_the_instant():
    rig = Rig(("depth", "lidar"), sync_tolerance_s=0.05)
    rig.push(100, "lidar").push(160, "lidar").push(150, "depth").push(165, "depth")
    assert rig.stamps(170) == {"depth": 165, "lidar": 160}


def test_slow_stream_serves_several_instants_and_counts_once():
    rig = Rig(("depth", "csi")).push(0)
    assert rig.stamps(0) == {"depth": 0, "csi": 0}
    assert rig.push(33, "depth").stamps(33) == {"depth": 33, "csi": 0}
    assert rig.push(66, "depth").stamps(66) == {"depth": 66, "csi": 0}
    assert rig.push(99, "depth").stamps(99) == {"depth": 99}
    assert (rig.status("depth", 99).used, rig.status("csi", 99).used) == (4, 1)


def test_weight_is_that_of_the_last_estimate_and_zero_once_a_stream_fails():
    rig = Rig(("depth", "csi")).push(0)
    rig.step(0)
    assert rig.status("csi", 0).weight == pytest.approx(0.5)
    rig.pipeline.reject("csi", ERROR, at(10))
    assert rig.status("csi", 10).weight == 0
    rig.push(100, "depth").step(100)
    assert rig.status("depth", 100).weight == 1


def test_silence_gives_nothing_and_the_first_stream_back_is_enough():
    rig = Rig().push(0)
    rig.step(0)
    assert rig.step(1000) is None
    rig.push(1000, "lidar")
    assert rig.step(1000) is None  # recovering: one good frame is not enough
    assert rig.push(1100, "lidar").stamps(1100) == {"lidar": 1100}


def test_fresh_frame_of_a_stream_that_failed_is_not_used():
    rig = Rig(("depth",)).push(0)
    rig.pipeline.reject("depth", ERROR, at(10))
    assert rig.step(10) is None


def test_frozen_stream_leaves_the_others_running():
    rig = Rig(("depth", "lidar"))
    for ms in range(0, 400, 100):
        rig.push(ms)
        rig.step(ms)
    seen = []
    for now in range(400, 1200, 100):
        rig.push(300, "lidar", now=now).push(now, "depth")
        seen.append(rig.stamps(now))
    assert seen == [{"depth": now} for now in range(400, 1200, 100)]
    assert rig.status("lidar", 1100).state is StreamState.STALE
    assert rig.status("lidar", 1100).used == 4


def test_ready_when_every_live_stream_is_past_the_last_instant():
    rig, now = Rig(("depth", "csi")), at(200)
    rig.push(100).step(100)
    rig.push(200, "depth")
    assert rig.pipeline.pending(now)
    assert not rig.pipeline.ready(now)
    rig.push(195, "csi", now=200)
    assert rig.pipeline.ready(now)


def test_late_frame_of_the_last_instant_does_not_make_ready():
    rig = Rig(("depth", "csi")).push(0)
    rig.push(100, "depth").step(100)
    rig.push(95, "csi", now=105)
    assert not rig.pipeline.pending(at(105))
    rig.push(200, "depth")
    assert not rig.pipeline.ready(at(200))  # the frame near 200 is still to come


def test_slow_stream_is_waited_for_only_where_its_next_frame_will_be_nearer_and_soon():
    rig = Rig(("depth", "csi"), sync_tolerance_s=0.1)
    ready = {}
    for tick in range(31):  # depth at 30 Hz, CSI at 10 Hz in step with every third
        ms = tick * 100 / 3
        rig.push(ms, "depth")
        ready[tick] = rig.pipeline.ready(at(ms))
        if tick % 3 == 0:
            rig.push(ms, "csi")
            assert rig.pipeline.ready(at(ms))
        rig.step(ms)
    assert [ready[tick] for tick in (28, 29, 30)] == [True, True, False]


def test_failed_stream_does_not_hold_ready_back():
    rig = Rig(("depth", "csi")).push(100)
    rig.step(100)
    rig.push(200, "depth")
    rig.pipeline.reject("csi", ERROR, at(200))
    assert rig.pipeline.ready(at(200))


def test_superseded_frames_are_dropped_and_everything_adds_up():
    rig = Rig(("depth",), history=4)
    rig.push(0).push(30).push(60)
    rig.step(60)
    status = rig.status("depth", 60)
    assert (status.received, status.used, status.dropped) == (3, 1, 2)
    assert rig.pipeline.streams["depth"].buffer.waiting == 0


def test_frames_may_come_while_the_model_runs():
    rig = Rig(("depth",)).push(0)
    sample = rig.pipeline.sample(at(0))
    rig.push(100)
    estimate = rig.pipeline.finish(sample, rig.pipeline.infer(sample), at(100))
    assert estimate.stamp_ns == at(0)
    assert rig.step(100).stamp_ns == at(100)
    assert rig.status("depth", 100).used == 2


def test_model_that_raises_costs_its_frames_only():
    def broken(sample):
        raise RuntimeError("out of memory")

    rig = Rig(("depth",), broken).push(0)
    with pytest.raises(RuntimeError, match="out of memory"):
        rig.step(0)
    assert rig.step(10) is None
    status = rig.status("depth", 10)
    assert (status.received, status.used, status.dropped) == (1, 0, 1)


@pytest.mark.parametrize("bad", ["joints", "std", "shape"])
def test_estimates_that_are_not_finite_never_come_out(bad):
    def unsound(sample):
        prediction = mean_of_frames(sample)
        if bad == "joints":
            prediction.joints_m[3, 1] = math.nan
        if bad == "std":
            prediction.std_m[0] = math.inf
        if bad == "shape":
            return Prediction(prediction.joints_m[:16], prediction.std_m, {})
        return prediction

    rig = Rig(("depth",), unsound).push(0)
    assert rig.step(0) is None
    assert rig.pipeline.unsound == 1
    assert rig.status("depth", 0).dropped == 1


def test_result_of_an_older_sample_is_thrown_away():
    rig = Rig(("depth",)).push(0)
    old = rig.pipeline.sample(at(0))
    rig.push(100)
    new = rig.pipeline.sample(at(100))
    assert rig.pipeline.finish(old, mean_of_frames(old), at(100)) is None
    assert rig.pipeline.finish(new, mean_of_frames(new), at(100)).stamp_ns == at(100)
    assert rig.pipeline.finish(new, mean_of_frames(new), at(100)) is None


def test_looped_clock_starts_over():
    rig = Rig(("depth",), follower=Follower(TracksConfig(), ("depth",), crowd=False))
    for ms in range(10_000, 10_500, 100):
        assert rig.push(ms).step(ms)
    rig.push(0)
    estimate = rig.step(0)
    assert estimate.stamp_ns == at(0)
    assert estimate.tracks == ()  # the past is forgotten


def test_result_from_before_a_jump_of_the_clock_is_thrown_away():
    rig = Rig(("depth",)).push(10_000)
    sample = rig.pipeline.sample(at(10_000))
    rig.push(0)
    assert rig.pipeline.finish(sample, mean_of_frames(sample), at(0)) is None
    assert rig.step(0).stamp_ns == at(0)


def test_clock_that_jumps_back_during_the_model_is_noticed_at_the_end():
    rig = Rig(("depth",)).push(10_000)
    sample = rig.pipeline.sample(at(10_000))
    assert rig.pipeline.finish(sample, mean_of_frames(sample), at(0)) is None
    assert rig.status("depth", 0).state is StreamState.MISSING


def test_reset_starts_over():
    rig = Rig(("depth",)).push(100)
    rig.step(100)
    rig.pipeline.reset()
    assert rig.status("depth", 100).state is StreamState.MISSING
    assert rig.push(50, now=100).step(100).stamp_ns == at(50)


def test_offset_brings_streams_together():
    early = Stream("depth", StreamConfig())
    late = Stream("csi", StreamConfig(offset_s=-0.2))
    pipeline = FusionPipeline({"depth": early, "csi": late}, mean_of_frames)
    pipeline.push(Frame("depth", at(0), np.zeros(1, np.float32)), at(0))
    pipeline.push(Frame("csi", at(200), np.zeros(1, np.float32)), at(0))
    assert pipeline.step(at(0)).stamps_ns == {"depth": at(0), "csi": at(0)}


def test_unknown_modality_is_named():
    rig = Rig(("depth",))
    with pytest.raises(ConfigError, match=r"radar.*depth"):
        rig.push(0, "radar")
    with pytest.raises(ConfigError, match=r"radar.*depth"):
        rig.pipeline.reject("radar", ERROR, at(0))


class Acts:
    """A pipeline of a model that tells activities: what a frame holds is the likely class."""

    def __init__(self, **settings):
        activities = ActivityFilter(ActivityConfig(**settings)) if settings else None
        streams = {"depth": Stream("depth", StreamConfig())}
        self.pipeline = FusionPipeline(streams, self._told, activities=activities)

    def _told(self, sample):
        told = np.full(5, 0.1, np.float32)
        told[int(sample.frames["depth"].array[0])] = 0.6
        empty = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
        return Prediction(*empty, {"depth": 1.0}, probabilities=told)

    def tell(self, ms, class_id):
        frame = Frame("depth", at(ms), np.array([class_id, ms], np.float32))
        self.pipeline.push(frame, at(ms))
        return self.pipeline.step(at(ms)).probabilities


def test_activities_are_followed_over_time():
    rig = Acts(dwell_s=5.0, independent_s=0.5)
    assert rig.tell(0, 2)[2] == pytest.approx(0.6)
    for k in range(1, 20):
        before = rig.tell(100 * k, 2)
    assert before[2] > 0.6
    other = rig.tell(2000, 4)
    assert other.argmax() == 2
    assert other.sum() == pytest.approx(1.0)
    rig.pipeline.reset()
    assert rig.tell(2100, 4)[4] == pytest.approx(0.6)


def test_without_a_filter_each_instant_tells_its_own_activity():
    rig = Acts()
    told = [rig.tell(100 * k, k % 5) for k in range(10)]
    assert [int(p.argmax()) for p in told] == [0, 1, 2, 3, 4] * 2
    assert all(p.max() == pytest.approx(0.6) for p in told)
