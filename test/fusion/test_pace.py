"""Which streams set instants, and how long the others are waited for. Times in ms after T0."""

import numpy as np
import pytest

from pta_ros.frames import Frame
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.pace import Pace
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.streams import Stream

MS = 1_000_000
T0 = 1_700_000_000_000 * MS
WEIGHTS = {"depth": 0.5, "lidar": 0.4, "csi": 0.1}


def told(sample):
    shares = dict.fromkeys(sample.frames, 1 / len(sample.frames))
    return Prediction(np.zeros((17, 3), np.float32), np.ones(17, np.float32), shares)


class Live:
    """Sensors that send at their own periods, and a pipeline that is asked as a worker asks it."""

    def __init__(self, weights=WEIGHTS, rate_hz=0.0, **settings):
        config = StreamConfig(**settings)
        streams = {name: Stream(name, config) for name in weights}
        self.pipeline = FusionPipeline(streams, told, pace=Pace(weights, rate_hz))
        #: Of each estimate: when it was made, its stamp, and the stamps of what it is from.
        self.told = []
        self._value = 0.0

    def run(self, until, lost=(), delay=None, offset=None, start=0, **periods):
        """`lost`: pairs of sensor and stamp; `delay`, `offset`: by sensor, of arrival and stamp."""
        delay, offset = delay or {}, offset or {}
        arrivals = [
            (stamp + delay.get(name, 0), name, stamp)
            for name, period in periods.items()
            for stamp in range(start + offset.get(name, 0), until, period)
            if (name, stamp) not in lost
        ]
        for now, name, stamp in sorted(arrivals):
            self._pass_time(now)
            self._value += 1  # no two frames are alike
            frame = Frame(name, T0 + stamp * MS, np.full(3, self._value, np.float32))
            self.pipeline.push(frame, T0 + now * MS)
            self._ask(now)
        self._pass_time(until)
        return self

    def _pass_time(self, now):
        due = self.pipeline.next_due_ns()
        while due is not None and due <= T0 + now * MS:
            self._ask((due - T0) / MS)
            due = self.pipeline.next_due_ns()

    def _ask(self, now):
        now_ns = T0 + round(now * MS)
        if self.pipeline.pending(now_ns) and self.pipeline.ready(now_ns):
            estimate = self.pipeline.step(now_ns)
            stamps = {m: (stamp - T0) // MS for m, stamp in estimate.stamps_ns.items()}
            self.told.append((now, (estimate.stamp_ns - T0) // MS, stamps))

    def stamps(self, after=0):
        return [stamp for _, stamp, _ in self.told if stamp >= after]

    def used(self, stamp):
        return next(stamps for _, at, stamps in self.told if at == stamp)

    def made(self, stamp):
        return next(now for now, at, _ in self.told if at == stamp)


def test_a_fast_poor_sensor_does_not_set_the_pace():
    live = Live().run(2000, depth=200, csi=10)
    assert live.stamps(200) == list(range(200, 2000, 200))
    assert live.used(1000) == {"depth": 1000, "csi": 1000}


def test_it_does_where_nothing_better_lives():
    live = Live().run(1000, depth=100, csi=50)
    live.run(3000, start=1000, csi=50)
    alone = live.stamps(1400)  # depth is STALE
    assert alone == list(range(1400, 3000, 50))


def test_a_sensor_near_in_weight_fills_the_time_between():
    live = Live().run(4000, depth=400, lidar=50)
    assert live.used(2400) == {"depth": 2400, "lidar": 2400}
    between = live.stamps(2401)[: live.stamps(2401).index(2800)]
    assert between == [2450, 2500, 2550, 2600, 2650, 2700]  # 2750 waits for the camera's frame
    assert all(live.used(stamp) == {"lidar": stamp} for stamp in between[1:])


def test_out_of_phase_the_best_sensor_sets_the_pace():
    live = Live().run(3000, depth=100, lidar=100, offset={"lidar": 40})
    assert live.stamps(1000) == list(range(1000, 3000, 100))
    assert live.used(2000) == {"depth": 2000, "lidar": 1940}
    assert live.made(2000) == 2000  # the LiDAR's next frame would be nearer, but is far off


def test_a_lost_frame_of_the_best_sensor_is_noticed_soon_after_its_usual_time():
    live = Live().run(3000, [("depth", 2000)], {"depth": 5}, depth=100, lidar=100, csi=100)
    assert live.used(2000) == {"lidar": 2000, "csi": 2000}
    assert live.made(2000) == 2025
    assert live.made(2100) == 2105


@pytest.mark.parametrize(("late", "waited"), [(15, True), (50, False)])
def test_a_poorer_sensor_is_waited_for_where_it_usually_comes_in_time(late, waited):
    live = Live().run(3000, delay={"lidar": late}, depth=100, lidar=100)
    assert live.made(2000) == 2000 + (late if waited else 0)
    assert ("lidar" in live.used(2000)) == waited or live.used(2000)["lidar"] == 1900


def test_frames_that_come_all_at_once_are_one_estimate():
    live = Live().run(2000, depth=100, lidar=100, csi=100)
    live.run(2100, start=2000, delay=dict.fromkeys(WEIGHTS, 60), depth=100, lidar=100, csi=100)
    assert set(live.used(2000)) == set(WEIGHTS)


def test_what_a_slow_machine_did_not_get_to_waits_for_no_better_frame():
    live = Live().run(2000, depth=100, lidar=100, offset={"lidar": 40})
    pipeline = live.pipeline
    for name, stamp in (("depth", 2000), ("lidar", 2040)):  # both come while the model runs
        frame = Frame(name, T0 + stamp * MS, np.full(3, stamp, np.float32))
        pipeline.push(frame, T0 + 2045 * MS)
    assert pipeline.ready(T0 + 2045 * MS)


@pytest.mark.parametrize(("rate_hz", "period"), [(10.0, 10), (5.0, 33), (1.0, 100), (10.0, 100)])
def test_the_rate_can_be_limited(rate_hz, period):
    live = Live(rate_hz=rate_hz).run(20_000, depth=period, csi=10)
    count = len(live.stamps(10_000))
    assert 10 * rate_hz - 1 <= count <= 10 * rate_hz + 1


@pytest.mark.parametrize("dead", [{"depth": 33}, {"depth": 100}])
@pytest.mark.parametrize("lidar", [10, 33])
def test_a_better_stream_that_dies_does_not_hold_the_others_up(dead, lidar):
    late = {"depth": 40, "lidar": 5}
    live = Live(stale_after_s=2.0).run(2000, delay=late, lidar=lidar, **dead)
    live.run(3000, start=2000, delay=late, lidar=lidar)
    gaps = np.diff([now for now, _, _ in live.told])
    assert max(gaps) <= 130


def test_a_poor_stream_takes_over_after_two_missed_frames():
    live = Live(stale_after_s=5.0).run(2000, depth=100, csi=10)
    live.run(3000, start=2000, csi=10)
    after = [now for now, _, _ in live.told if now > 1900]
    assert after[0] <= 2150
    assert len(after) > 80


def test_a_sensor_that_is_later_than_its_period_neither_waits_nor_slows():
    slow = Live().run(4000, delay={"depth": 150, "lidar": 5}, depth=100, lidar=50)
    assert len(slow.stamps(2000)) >= 38
    usual = Live().run(4000, delay={"depth": 40, "lidar": 5}, depth=33, lidar=33)
    both = [at for at in usual.stamps(2000) if set(usual.used(at)) == {"depth", "lidar"}]
    assert len(both) >= 55
    assert all(len(set(usual.used(at).values())) == 1 for at in both)


def test_a_sensor_that_sends_in_bursts_counts_until_the_next_one():
    live = Live(freeze_frames=0)
    for begin in range(0, 3000, 100):
        live.run(begin + 40, start=begin, depth=100)
        live.run(begin + 50, start=begin + 40, csi=1)
        live.run(begin + 100, start=begin + 50)
    assert all("csi" in live.used(at) for at in live.stamps(1500))


def test_of_a_fast_sensor_only_a_recent_frame_counts():
    live = Live()
    live.run(2000, depth=100, csi=10)
    live.run(2150, [("csi", t) for t in range(2050, 2150, 10)], start=2000, depth=100, csi=10)
    assert live.used(2100) == {"depth": 2100}


@pytest.mark.parametrize(
    ("period", "stamp", "stays"),
    [(100, 2100, True), (30, 2070, False), (30, 2100, True), (70, 2100, True), (70, 2030, False)],
)
def test_a_frame_before_its_instant_is_upcoming_when_no_later_one_is_nearer(period, stamp, stays):
    """The poor sensor's, while the next frame of the one that leads is due at 2100."""
    live = Live({"depth": 0.9, "csi": 0.1}).run(stamp, depth=100, csi=period)
    frame = Frame("csi", T0 + stamp * MS, np.full(3, -1.0, np.float32))
    live.pipeline.push(frame, T0 + stamp * MS)
    assert not live.pipeline.pending(T0 + stamp * MS)
    found = live.pipeline.upcoming(T0 + stamp * MS)
    assert [f.stamp_ns for f in found] == [frame.stamp_ns] * stays


@pytest.mark.parametrize(("rate_hz", "comes"), [(0.0, True), (10.0, True), (5.0, False)])
def test_no_frame_is_upcoming_for_an_instant_that_the_rate_forbids(rate_hz, comes):
    live = Live({"depth": 0.9, "csi": 0.1}, rate_hz).run(2050, depth=100, csi=100)
    live.pipeline.push(Frame("csi", T0 + 2095 * MS, np.full(3, -1.0, np.float32)), T0 + 2095 * MS)
    assert live.stamps()[-1] == 2000
    found = live.pipeline.upcoming(T0 + 2096 * MS)
    assert [f.stamp_ns for f in found] == [T0 + 2095 * MS] * comes
