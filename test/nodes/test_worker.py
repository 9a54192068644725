"""The worker's thread with a real pipeline; the model is a function of the sample."""

import threading
import time

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.config import StreamConfig, TracksConfig
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.pace import Pace
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.streams import Stream
from pta_ros.nodes.worker import Meter, Worker

MS = 1_000_000
T0 = 1_000_000_000_000
NEVER_S = 30


def predict(sample):
    names = sorted(sample.frames)
    return Prediction(
        np.zeros((17, 3), np.float32), np.ones(17, np.float32), {n: 1 / len(names) for n in names}
    )


class Rig:
    """A worker, a clock that is set by hand, and what comes out."""

    def __init__(
        self, estimator=predict, max_wait_s=0.0, modalities=("depth", "csi"), encoder=None
    ):
        self.now_ns = T0
        config = StreamConfig(recover_frames=1)
        pace = Pace(max_wait_s=max_wait_s)
        streams = {m: Stream(m, config) for m in modalities}
        pipeline = FusionPipeline(streams, estimator, pace=pace)
        self.estimates, self.errors = [], []
        self.arrived = threading.Condition()
        self.worker = Worker(pipeline, lambda: self.now_ns, self, encoder)
        self.value = 0

    def publish(self, estimate):
        with self.arrived:
            self.estimates.append(estimate)
            self.arrived.notify_all()

    def failed(self, error):
        with self.arrived:
            self.errors.append(error)
            self.arrived.notify_all()

    def push(self, modality, ms):
        self.value += 1
        self.now_ns = T0 + ms * MS
        array = np.full(3, self.value, np.float32)
        self.worker.push(Frame(modality, T0 + ms * MS, array, self.now_ns))

    def until(self, done):
        with self.arrived:
            assert self.arrived.wait_for(done, NEVER_S)


@pytest.fixture
def rig():
    rigs = []

    def make(**options):
        rigs.append(Rig(**options))
        return rigs[-1]

    yield make
    for one in rigs:
        one.worker.stop()


def test_frames_become_estimates_of_what_is_there(rig):
    r = rig()
    r.worker.start()
    r.push("depth", 0)
    r.until(lambda: len(r.estimates) == 1)
    assert r.estimates[0].stamp_ns == T0
    assert set(r.estimates[0].weights) == {"depth"}


def test_frames_before_the_start_are_one_sample(rig):
    r = rig(max_wait_s=NEVER_S)
    r.push("depth", 0)
    r.push("csi", 0)
    r.worker.start()
    r.until(lambda: r.estimates)
    assert set(r.estimates[0].weights) == {"depth", "csi"}


def test_it_waits_for_the_other_live_stream_but_not_for_a_rejected_one(rig):
    r = rig(max_wait_s=NEVER_S)
    r.push("depth", 0)
    r.push("csi", 0)
    r.worker.start()
    r.until(lambda: len(r.estimates) == 1)
    r.push("depth", 100)  # csi is live: wait
    r.worker.reject("csi", DecodeError("csi", "noise", "a channel"), T0 + 101 * MS)
    r.until(lambda: len(r.estimates) == 2)
    assert set(r.estimates[1].weights) == {"depth"}


def test_the_wait_ends(rig):
    r = rig(max_wait_s=0.01)
    r.push("depth", 0)
    r.push("csi", 0)
    r.worker.start()
    r.until(lambda: len(r.estimates) == 1)
    r.push("depth", 100)
    limit = time.monotonic() + NEVER_S
    while len(r.estimates) < 2 and time.monotonic() < limit:
        r.now_ns += 5 * MS
        time.sleep(0.005)
    assert r.estimates[1].stamp_ns == T0 + 100 * MS


def test_newest_data_wins_while_the_model_runs(rig):
    entered, leave = threading.Event(), threading.Event()

    def slow(sample):
        entered.set()
        assert leave.wait(NEVER_S)
        return predict(sample)

    r = rig(estimator=slow, modalities=("depth",))
    r.worker.start()
    r.push("depth", 0)
    assert entered.wait(NEVER_S)
    for ms in (20, 40, 60):  # never blocked by the inference under way
        r.push("depth", ms)
    leave.set()
    r.until(lambda: len(r.estimates) == 2)
    assert [e.stamp_ns - T0 for e in r.estimates] == [0, 60 * MS]
    status = r.worker.statuses()[0]
    assert (status.received, status.used, status.dropped) == (4, 2, 2)


def test_a_failure_is_told_and_the_next_frame_tried(rig):
    def fragile(sample):
        if sample.stamp_ns == T0:
            raise RuntimeError("no memory")
        return predict(sample)

    r = rig(estimator=fragile)
    r.worker.start()
    r.push("depth", 0)
    r.until(lambda: r.errors)
    assert str(r.errors[0]) == "no memory"
    r.push("depth", 100)
    r.until(lambda: r.estimates)


def test_numbers_that_are_none_are_a_failure_that_names_the_streams(rig):
    def nan(sample):
        return Prediction(np.full((17, 3), np.nan, np.float32), np.ones(17, np.float32), {})

    r = rig(estimator=nan)
    r.worker.start()
    r.push("depth", 0)
    r.until(lambda: r.errors)
    assert "not finite from ['depth']" in str(r.errors[0])
    assert not r.estimates


def test_a_disabled_stream_is_left_out(rig):
    r = rig()
    r.worker.enable("csi", False)
    r.push("csi", 0)
    r.push("depth", 1)
    r.worker.start()
    r.until(lambda: r.estimates)
    assert set(r.estimates[0].weights) == {"depth"}
    assert [s.state for s in r.worker.statuses()] == [StreamState.LIVE, StreamState.DISABLED]


def test_it_stops_from_every_state(rig):
    idle, waiting, unused = rig(), rig(max_wait_s=NEVER_S), rig()
    idle.worker.start()
    for modality in ("depth", "csi"):
        waiting.push(modality, 0)
    waiting.worker.start()
    waiting.until(lambda: waiting.estimates)
    waiting.push("depth", 100)
    assert all(one.worker.stop() for one in (idle, waiting, unused))


def test_meter_counts_and_rates():
    meter = Meter()
    for i in range(700):
        meter.add(i * 100 * MS, float(i))
    assert meter.count == 700
    assert len(meter.latencies_ms()) == 600
    assert meter.rate_hz(699 * 100 * MS) == pytest.approx(10.0, abs=0.6)
    assert meter.rate_hz(800 * 100 * MS) == 0.0


class Encoder:
    """Notes what it is given; fails while `broken`."""

    def __init__(self):
        self.frames, self.broken, self.called = [], False, threading.Event()

    def has(self, frame):
        return any(known is frame for known in self.frames)

    def encode(self, frame):
        if self.broken:
            self.broken = False
            raise RuntimeError("no memory left")
        self.frames.append(frame)
        self.called.set()
        return True


def test_a_frame_is_encoded_while_the_other_stream_is_waited_for(rig):
    encoder = Encoder()
    r = rig(max_wait_s=NEVER_S, encoder=encoder)
    r.push("csi", 0)
    r.push("depth", 0)
    r.worker.start()
    r.until(lambda: r.estimates)
    r.push("depth", 100)
    assert encoder.called.wait(NEVER_S)
    assert len(r.estimates) == 1  # csi's is still to come
    r.push("csi", 100)
    r.until(lambda: len(r.estimates) == 2)
    stamps = [(f.modality, f.stamp_ns) for f in encoder.frames]
    assert ("depth", T0 + 100 * MS) in stamps
    assert len(set(stamps)) == len(stamps)


def test_an_encoder_that_fails_is_reported_and_the_worker_goes_on(rig):
    encoder = Encoder()
    encoder.broken = True
    r = rig(max_wait_s=0.05, modalities=("depth", "csi"), encoder=encoder)
    r.push("csi", 0)
    r.push("depth", 0)
    r.worker.start()
    r.until(lambda: r.estimates)
    r.push("depth", 100)
    r.until(lambda: r.errors or len(r.estimates) > 1)
    r.push("csi", 100)
    r.until(lambda: len(r.estimates) == 2)
    assert [str(e) for e in r.errors] == ["no memory left"]


def test_a_frame_that_cannot_be_encoded_is_tried_once_ahead_of_its_estimate(rig):
    class Poor(Encoder):
        def encode(self, frame):
            if frame.modality == "csi" and frame.stamp_ns == T0 + 100 * MS:
                raise RuntimeError("a reading that it cannot take")
            return super().encode(frame)

    r = rig(max_wait_s=NEVER_S, modalities=("depth", "csi"), encoder=Poor())
    r.push("csi", 0)
    r.push("depth", 0)
    r.worker.start()
    r.until(lambda: r.estimates)
    r.push("csi", 100)
    r.until(lambda: r.errors)
    time.sleep(0.2)  # many tries of a worker that does not stop
    assert [str(e) for e in r.errors] == ["a reading that it cannot take"]
    r.push("depth", 100)
    r.until(lambda: len(r.estimates) == 2)
    assert len(r.errors) == 1


def walk(sample):
    """A synthetic person, who is where the frames say on the average; 3 cm off."""
    place = np.mean([frame.array[0] for frame in sample.frames.values()])
    shape = np.random.default_rng(3).normal(0.0, 0.3, (17, 3))
    weights = dict.fromkeys(sample.frames, 1.0 / len(sample.frames))
    joints = (shape + place).astype(np.float32)
    return Prediction(joints, np.full(17, 0.03, np.float32), weights)


def followed(estimator=walk):
    streams = {m: Stream(m, StreamConfig()) for m in ("depth", "csi")}
    follower = Follower(TracksConfig(), tuple(streams), crowd=False)
    return FusionPipeline(streams, estimator, follower, pace=Pace(max_wait_s=0.0))


def walking_frames():
    """Frames by arrival: depth in time, every third CSI frame 30 ms late, a gap at the end."""
    rng, found = np.random.default_rng(1), []
    for n in range(20):
        for modality, late in (("depth", 0), ("csi", 30 if n % 3 == 0 else 0)):
            array = np.array([0.05 * n + rng.normal(0, 0.01), n, len(found)], np.float32)
            arrives = T0 + (100 * n + late + (modality == "csi")) * MS
            found.append(Frame(modality, T0 + 100 * n * MS, array, arrives))
    return sorted(found, key=lambda frame: frame.received_ns)


def test_live_and_replayed_tracks_are_the_same(rig):
    from pta_ros.evaluation.replay.decode import Arrival
    from pta_ros.evaluation.replay.judge import PoseJudge
    from pta_ros.evaluation.replay.replay import Replay

    class Watcher:
        def __init__(self):
            self.estimates = []

        def estimate(self, estimate):
            self.estimates.append(estimate)

        def frame(self, frame):
            pass

        def states(self, time_ns, statuses):
            pass

    frames, watcher = walking_frames(), Watcher()
    end_ns = frames[-1].received_ns + 3_000 * MS
    replay = Replay(followed(), PoseJudge(judged=False), watcher)
    replay.run([Arrival(f.received_ns, f.modality, f) for f in frames], T0, end_ns)

    r = rig()
    r.worker = Worker(followed(), lambda: r.now_ns, r)
    r.worker.start()
    for n, frame in enumerate(frames, start=1):
        r.now_ns = frame.received_ns
        r.worker.push(frame)
        r.until(lambda n=n: len(r.estimates) == n)
    offline = [e for e in watcher.estimates if not e.predicted]
    assert len(offline) == len(r.estimates) == 40
    for one, other in zip(offline, r.estimates, strict=True):
        assert (one.stamp_ns, one.stamps_ns) == (other.stamp_ns, other.stamps_ns)
        assert [t.id for t in one.tracks] == [t.id for t in other.tracks]
        np.testing.assert_allclose(one.joints_m, other.joints_m, atol=1e-3)
        np.testing.assert_allclose(one.std_m, other.std_m, atol=1e-3)
    assert len(watcher.estimates) - len(offline) >= 10  # and then it is predicted


def test_in_silence_the_worker_publishes_what_is_predicted(rig):
    r = rig()
    r.worker = Worker(followed(), lambda: r.now_ns, r)
    r.worker.start()
    for n, frame in enumerate(walking_frames()[:12], start=1):
        r.now_ns = frame.received_ns
        r.worker.push(frame)
        r.until(lambda n=n: len(r.estimates) == n)
    r.now_ns += 600 * MS  # the clock is set by hand: it is noticed at the next look
    r.until(lambda: len(r.estimates) > 12)
    assert r.estimates[-1].predicted
    assert r.estimates[-1].tracks[0].id == r.estimates[11].tracks[0].id


def test_following_is_switched_while_running(rig):
    r, encoder = rig(), Encoder()
    r.worker = Worker(followed(), lambda: r.now_ns, r, encoder)
    for settings, alone in (
        ({"consistency": True}, True), ({"enabled": False}, False), ({"enabled": True}, True),
        ({"consistency": False}, False),
    ):  # fmt: skip
        r.worker.follow(**settings)
        assert encoder.alone is alone


def test_an_exchange_waits_for_the_estimate_in_flight(rig):
    running, go_on = threading.Event(), threading.Event()

    def slow(sample):
        running.set()
        assert go_on.wait(NEVER_S)
        return predict(sample)

    one = rig(estimator=slow)
    when = []

    def exchange(pipeline):
        when.append(len(one.estimates))
        pipeline.exchange(predict, Pace(), same_classes=True)

    one.worker.start()
    one.push("depth", 0)
    assert running.wait(NEVER_S)
    one.worker.exchange(exchange)
    time.sleep(0.05)
    assert not when
    go_on.set()
    one.until(lambda: one.estimates)
    one.push("depth", 100)
    one.until(lambda: len(one.estimates) == 2)
    assert when == [1]


def test_an_exchange_that_was_asked_for_is_made_at_the_end(rig):
    one, made = rig(), []
    one.worker.exchange(made.append)
    assert one.worker.stop()
    assert len(made) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_hanging_model_gives_after_the_stop_is_dropped(rig, monkeypatch, fails):
    monkeypatch.setattr("pta_ros.nodes.worker._STOP_TIMEOUT_S", 0.05)
    running, go_on = threading.Event(), threading.Event()

    def hangs(sample):
        running.set()
        assert go_on.wait(NEVER_S)
        if fails:
            raise RuntimeError("the device is gone")
        return predict(sample)

    one = rig(estimator=hangs)
    one.worker.start()
    one.push("depth", 0)
    assert running.wait(NEVER_S)
    assert not one.worker.stop()
    go_on.set()
    one.worker._thread.join(NEVER_S)
    assert (one.estimates, one.errors) == ([], [])
