"""Sliding windows of packets: gaps, jitter, faults, and one window a hop."""

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.activity_filter import ActivityConfig, ActivityFilter
from pta_ros.fusion.config import WindowConfig
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.ring import PacketRing
from pta_ros.fusion.streams import Stream, StreamConfig
from pta_ros.fusion.windows import WindowedPipeline
from pta_ros.sensors import RfidSensor

SENSOR = RfidSensor(packets=50, tags=3, unwrap=False, min_coherence=0.0)  # ten packets a second
S = 1_000_000_000
T0 = 1_000 * S
RNG = np.random.default_rng(0)


def ns(seconds):
    return T0 + round(seconds * S)


def told(sample):
    share = dict.fromkeys(sample.frames, 1 / len(sample.frames))
    empty = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    return Prediction(*empty, share, probabilities=np.full(4, 0.25, np.float32))


class Rig:
    """A pipeline of two such sensors, fed on a clock in seconds after T0."""

    def __init__(self, **settings):
        config = StreamConfig(**{"stale_after_s": 0.8, "recover_frames": 1, **settings})
        names = ("rfid", "other")
        self.pipeline = WindowedPipeline(
            {m: Stream(m, config) for m in names},
            told,
            dict.fromkeys(names, SENSOR),
            WindowConfig(),
        )
        self.estimates = []

    def feed(self, begin, end, *names, stamp=lambda t: t, content=None):
        """Packets every 0.1 s from `begin` on, and every step that is due."""
        for k in range(round(begin * 10), round(end * 10)):
            now = k / 10 + 0.05
            for name in names:
                array = RNG.normal(0, 1, (1, 3)) if content is None else content
                frame = Frame(name, ns(stamp(now)), array.astype(np.float32))
                self.pipeline.push(frame, ns(now))
            self.step(now)
        return self

    def step(self, now):
        if self.pipeline.pending(ns(now)):
            estimate = self.pipeline.step(ns(now))
            if estimate is not None:
                self.estimates.append(estimate)

    def state(self, now, name="rfid"):
        return {s.modality: s for s in self.pipeline.statuses(ns(now))}[name]


def test_one_estimate_a_hop_at_the_windows_end():
    rig = Rig().feed(0, 10, "rfid", "other")
    ends = [(e.stamp_ns - T0) / S for e in rig.estimates]
    assert ends == pytest.approx(np.arange(ends[0], 9.9, 0.5))
    assert 3.0 <= ends[0] <= 4.5  # three tenths of the first window may be missing
    assert all(set(e.weights) == {"rfid", "other"} for e in rig.estimates)


def test_a_window_holds_its_packets_in_order():
    ring = PacketRing(SENSOR, StreamConfig())
    for k in [*range(0, 60, 2), *range(1, 60, 2)]:  # out of order
        ring.add(Frame("rfid", ns(k / 10 + 0.05), np.full((1, 3), k, np.float32)), ns(6))
    window, missing = ring.window(ns(6.0))
    np.testing.assert_allclose(window[:, 0], np.arange(10, 60))
    assert missing == 0


def test_small_gaps_are_interpolated_and_counted():
    ring = PacketRing(SENSOR, StreamConfig())
    for k in (k for k in range(60) if k not in (30, 31, 32)):
        ring.add(Frame("rfid", ns(k / 10 + 0.05), np.full((1, 3), k, np.float32)), ns(6))
    window, missing = ring.window(ns(6.0))
    np.testing.assert_allclose(window[:, 0], np.arange(10, 60))
    assert missing == pytest.approx(3 / 50)


def test_jitter_and_bursts_do_not_matter():
    ring = PacketRing(SENSOR, StreamConfig())
    for k in range(0, 60, 5):
        block = np.repeat(np.arange(k, k + 5, dtype=np.float32)[:, None], 3, axis=1)
        ring.add(Frame("rfid", ns((k + 4) / 10 + 0.05 + 0.03 * (-1) ** k), block), ns(6.2))
    window, missing = ring.window(ns(6.0))
    np.testing.assert_allclose(window[:, 0], np.arange(10, 60))
    assert missing == 0


def test_a_silent_sensor_goes_and_comes_back_and_the_other_goes_on():
    rig = Rig().feed(0, 8, "rfid", "other").feed(8, 12, "other")
    assert rig.state(12).state is StreamState.STALE
    assert "missing" in rig.state(12).reason
    assert set(rig.estimates[-1].weights) == {"other"}
    rig.feed(12, 17, "rfid", "other")
    assert rig.state(17).state is StreamState.LIVE
    assert set(rig.estimates[-1].weights) == {"rfid", "other"}


def test_half_of_the_packets_are_too_few():
    rig = Rig().feed(0, 8, "other")
    for k in range(80, 160):
        if k % 2:
            rig.feed(k / 10, (k + 1) / 10, "rfid", "other")
        else:
            rig.feed(k / 10, (k + 1) / 10, "other")
    assert all(set(e.weights) == {"other"} for e in rig.estimates)


def test_corrupt_packets_are_counted_and_named_and_never_fatal():
    rig = Rig().feed(0, 8, "rfid", "other")
    error = DecodeError("rfid/phase", "2 phases", "3, one per tag")
    rig.pipeline.reject("rfid", error, ns(8.0))
    rig.feed(8, 9, "rfid", "other")  # one corrupt packet among good ones
    assert rig.state(9).state is StreamState.LIVE
    assert rig.state(9).corrupt == 1
    for k in range(90, 100):
        rig.pipeline.reject("rfid", error, ns(k / 10 + 0.05))
        rig.feed(k / 10, (k + 1) / 10, "other")
    assert rig.state(10).state is StreamState.CORRUPT
    assert "2 phases" in rig.state(10).reason
    assert rig.state(10).corrupt == 11


@pytest.mark.parametrize("frozen", ["stamp", "content"])
def test_a_frozen_sensor_is_not_used(frozen):
    rig = Rig().feed(0, 8, "rfid", "other")
    change = {"stamp": {"stamp": lambda t: 7.95}, "content": {"content": np.ones((1, 3))}}[frozen]
    for k in range(80, 120):
        rig.feed(k / 10, (k + 1) / 10, "other")
        rig.feed(k / 10, (k + 1) / 10, "rfid", **change)
    state = {"stamp": StreamState.STALE, "content": StreamState.CORRUPT}[frozen]
    reason = {"stamp": "stamps lie 3.5 s in the past", "content": "messages repeat"}[frozen]
    assert rig.state(12).state is state
    assert reason in rig.state(12).reason
    assert set(rig.estimates[-1].weights) == {"other"}


def test_stamps_from_the_future_or_of_zero_follow_the_policy():
    for policy, taken in (("stamp", 1), ("receive", 1), ("reject", 0)):
        ring = PacketRing(SENSOR, StreamConfig(stamp_policy=policy))
        ring.add(Frame("rfid", 0, np.ones((1, 3), np.float32)), ns(1))
        ring.add(Frame("rfid", ns(9), np.zeros((1, 3), np.float32)), ns(2))
        assert ring.dropped == 2 * (1 - taken)
        assert ring.newest_ns() == (ns(2) if taken else -np.inf)


def test_an_offset_of_the_stamps_is_applied_once():
    rig = Rig(offset_s=0.3).feed(0, 7, "rfid", stamp=lambda t: t - 0.3)
    last = rig.estimates[-1]
    assert last.stamp_ns == last.stamps_ns["rfid"] == ns(6.5)
    assert rig.state(7).state is StreamState.LIVE


def test_a_push_tells_whether_the_packets_may_be_used_as_that_of_frames_does():
    windowed = Rig(stamp_policy="reject").pipeline
    plain = FusionPipeline({"rfid": Stream("rfid", StreamConfig(stamp_policy="reject"))}, told)
    for stamp, kept in ((1.0, True), (1.0, False), (9.0, False), (1.1, True)):
        frame = Frame("rfid", ns(stamp), RNG.normal(0, 1, (1, 3)).astype(np.float32))
        assert (windowed.push(frame, ns(1.2)), plain.push(frame, ns(1.2))) == (kept, kept)


def test_stamps_that_do_not_advance_are_named():
    rig = Rig().feed(0, 8, "other").feed(8, 8.6, "rfid", stamp=lambda t: 8.0)
    assert "stamps do not advance" in rig.state(8.6).reason
    assert rig.state(8.6).dropped == 5


def test_a_sensor_faster_than_the_models_fills_its_windows():
    ring = PacketRing(SENSOR, StreamConfig())
    for k in range(60_000):  # a thousand packets a second instead of ten
        ring.add(Frame("rfid", ns(k / 1000), np.full((1, 3), k, np.float32)), ns(k / 1000))
    window, missing = ring.window(ns(60))
    assert missing == 0
    np.testing.assert_allclose(window[:, 0] / 1000, np.arange(55.05, 60, 0.1), atol=0.026)
    assert len(ring._stamps) <= 8 * SENSOR.packets


def test_a_clock_that_jumps_back_starts_over():
    rig = Rig().feed(100, 108, "rfid", "other")
    rig.feed(0, 2, "rfid", "other")
    assert rig.state(2).state is StreamState.MISSING
    rig.feed(2, 8, "rfid", "other")
    assert rig.estimates[-1].stamp_ns == ns(7.5)


def test_memory_of_a_ring_is_bounded():
    ring = PacketRing(SENSOR, StreamConfig())
    for k in range(2_000):
        ring.add(Frame("rfid", ns(k / 10), np.full((1, 3), k, np.float32)), ns(k / 10))
    assert len(ring._stamps) <= 2 * SENSOR.packets


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="grace_s"):
        WindowConfig(hop_s=0.1, grace_s=0.2)


def test_activities_of_windows_are_followed_over_time():
    """The label that one window alone tells does not come through."""
    stamps = []

    def odd(sample):
        stamps.append(sample.stamp_ns)
        told_now = np.full(4, 0.1, np.float32)
        told_now[3 if len(stamps) == 8 else 1] = 0.7
        return Prediction(
            np.zeros((0, 3), np.float32),
            np.zeros(0, np.float32),
            {"rfid": 1.0},
            probabilities=told_now,
        )

    rig = Rig()
    rig.pipeline = WindowedPipeline(
        {"rfid": Stream("rfid", StreamConfig(stale_after_s=0.8, recover_frames=1))},
        odd,
        {"rfid": SENSOR},
        WindowConfig(),
        ActivityFilter(ActivityConfig(dwell_s=5.0, independent_s=2.0)),
    )
    rig.feed(0, 12, "rfid")
    assert len(rig.estimates) == len(stamps) > 12
    assert [int(e.probabilities.argmax()) for e in rig.estimates] == [1] * len(stamps)
