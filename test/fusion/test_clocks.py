"""Sensors whose clocks are wrong in every way, each beside two that are right."""

import math

import numpy as np
import pytest

from pta_ros.clock import NS
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.clocks import SensorClock
from pta_ros.fusion.config import StreamConfig, WindowConfig
from pta_ros.fusion.pipeline import FusionPipeline, Prediction
from pta_ros.fusion.streams import Stream
from pta_ros.fusion.windows import WindowedPipeline
from pta_ros.sensors import RfidSensor

MS = 1_000_000
T0 = 1_795_813_717_000_000_000
NAMES = ("depth", "lidar", "csi")
STEP_S, END_S = 0.1, 30.0

#: What the wrong clock shows at `t` seconds, in seconds after T0.
FAULTS = {
    "right": lambda t: t,
    "since boot": lambda t: t + 12.3 - T0 / NS,
    "behind": lambda t: t - 2.0,
    "ahead": lambda t: t + 2.0,
    "slow by 100 ppm": lambda t: t - 3600 * 100e-6 - t * 100e-6,
    "fast by 100 ppm": lambda t: t + 3600 * 100e-6 + t * 100e-6,
    "slow by 200 ppm": lambda t: t - 1.0 - t * 200e-6,
    "zero": lambda t: -T0 / NS,
    "jumps ahead": lambda t: t + (5.0 if t > 12 else 0.0),
    "jumps back": lambda t: t - (5.0 if t > 12 else 0.0),
    "jumps ahead and back": lambda t: t + (3600.0 if 8 < t < 16 else 0.0),
    "jumps back and ahead": lambda t: t - (0.7 if 8 < t < 16 else 0.0),
    "one wild stamp": lambda t: t + (50.0 if 12.0 <= t < 12.1 else 0.0),
}
#: Times when a jump is settled: one back looks like messages that were held up, at first.
UNSETTLED = {
    "jumps back": [(12.0, 12.9)],
    "jumps ahead and back": [(16.0, 16.9)],
    "jumps back and ahead": [(8.0, 8.9)],
}


def told(sample):
    return Prediction(
        np.zeros((17, 3), np.float32),
        np.ones(17, np.float32),
        dict.fromkeys(sample.frames, 1 / len(sample.frames)),
    )


class Run:
    """Three sensors at 10 Hz, `bad` with a clock of its own; what was true of its frames."""

    def __init__(self, policy, clock, bad="lidar", jitter_s=0.03, way_s=0.0, end_s=END_S):
        config = {name: StreamConfig() for name in NAMES}
        config[bad] = StreamConfig(stamp_policy=policy)
        self.pipeline = FusionPipeline({m: Stream(m, c) for m, c in config.items()}, told)
        self.bad, self.errors_s, self.live, self.remarks = bad, {}, {}, {}
        rng = np.random.default_rng(3)
        events = []
        for k in range(round(end_s / STEP_S)):
            for n, name in enumerate(NAMES):
                t = k * STEP_S + 0.003 * n
                events.append((t + way_s + jitter_s * rng.random(), t, name))
        for serial, (now, t, name) in enumerate(sorted(events)):
            self._message(now, t, name, clock if name == bad else FAULTS["right"], serial)

    def _message(self, now, t, name, clock, serial):
        now_ns = T0 + round(now * NS)
        stamp = T0 + round(clock(t) * NS) if clock(t) > -T0 / NS else 0
        frame = Frame(name, stamp, np.array([serial], np.float32), now_ns)
        self.pipeline.push(frame, now_ns)
        if name != self.bad:
            return
        stream = self.pipeline.streams[name]
        self.live[t] = stream.status(now_ns).state is StreamState.LIVE
        self.remarks[t] = stream.status(now_ns).remark
        newest = stream.newest_ns(now_ns)
        if newest is not None:
            self.errors_s[t] = (newest - T0) / NS - t
        self.end_ns = now_ns

    def status(self, name=None):
        statuses = self.pipeline.statuses(self.end_ns)
        return next(s for s in statuses if s.modality == (name or self.bad))


def settled(name, t):
    return not any(begin <= t < end for begin, end in UNSETTLED.get(name, []))


@pytest.mark.parametrize("bad", NAMES)
@pytest.mark.parametrize("name", FAULTS)
def test_align_keeps_every_clock_live_and_in_sync(name, bad):
    run = Run("align", FAULTS[name], bad)
    assert all(run.live[t] for t in run.live if settled(name, t))
    errors = [abs(e) for t, e in run.errors_s.items() if settled(name, t)]
    assert len(errors) > 280
    assert max(errors) <= 0.020
    assert {run.status(m).state for m in NAMES} == {StreamState.LIVE}


@pytest.mark.parametrize("way_s", [0.0, 0.01, 0.02])
def test_align_knows_ways_of_up_to_twenty_milliseconds(way_s):
    for name in ("since boot", "behind", "ahead"):
        run = Run("align", FAULTS[name], way_s=way_s, jitter_s=0.01)
        assert max(map(abs, run.errors_s.values())) <= 0.020


def test_align_leaves_a_sensor_in_sync_as_it_is():
    aligned = Run("align", FAULTS["right"], jitter_s=0.01)
    plain = Run("stamp", FAULTS["right"], jitter_s=0.01)
    assert aligned.errors_s == plain.errors_s
    assert aligned.status() == plain.status()
    assert aligned.status().restamped == 0


@pytest.mark.parametrize("name", ["since boot", "behind", "ahead", "zero", "jumps back"])
def test_a_wrong_clock_names_the_settings_that_cure_it(name):
    run = Run("stamp", FAULTS[name])
    status = run.status()
    said = status.reason or status.remark
    assert "set lidar.stamp_policy to align, or receive" in said
    assert (status.state is StreamState.LIVE) == (name in ("ahead", "zero"))
    for policy in ("align", "receive"):
        cured = Run(policy, FAULTS[name]).status()
        assert (cured.state, cured.reason, cured.remark) == (StreamState.LIVE, "", "")
        assert cured.restamped > 150


def test_the_offset_is_told_in_words_and_as_a_number():
    boot = Run("stamp", FAULTS["since boot"]).status()
    assert boot.reason == (
        "its clock is 1795813704.7 s behind (stamps since boot?): "
        "set lidar.stamp_policy to align, or receive"
    )
    assert boot.behind_s == pytest.approx(T0 / NS - 12.3, abs=0.01)
    ahead = Run("stamp", FAULTS["ahead"]).status()
    assert ahead.behind_s == pytest.approx(-2.0, abs=0.005)
    assert ahead.remark.startswith("stamps lie 1.9")
    assert math.isnan(Run("stamp", FAULTS["zero"]).status().behind_s)
    slow = Run("stamp", lambda t: t - 0.5).status()
    assert slow.reason.startswith("stamps are 0.50 s old when they come; a slow link, or its clock")


def test_reject_refuses_what_stamp_restamps():
    for name, why in (("ahead", "in the future"), ("zero", "stamps are zero")):
        kept, refused = Run("stamp", FAULTS[name]).status(), Run("reject", FAULTS[name]).status()
        assert (kept.state, kept.restamped) == (StreamState.LIVE, kept.received)
        assert (refused.state, refused.restamped) == (StreamState.MISSING, 0)
        assert refused.dropped == refused.received
        assert why in refused.reason


def test_receive_takes_the_time_of_receipt_always():
    run = Run("receive", lambda t: t - 1.0)
    assert all(0 <= error <= 0.03 for error in run.errors_s.values())
    same = Run("receive", lambda t: 5.0)  # its clock stands still
    assert same.status().state is StreamState.LIVE


def test_a_remark_goes_when_the_stamps_are_right_again():
    run = Run("stamp", FAULTS["jumps ahead and back"])
    assert run.status().remark == ""
    assert any(run.remarks[t] for t in run.remarks if 8 < t < 16)
    assert 60 < run.status().restamped < 100


def test_messages_that_are_held_up_move_no_clock():
    clock = SensorClock("depth", StreamConfig(stamp_policy="align"))
    for k in range(50):
        clock.place(T0 + k * 100 * MS, T0 + (k * 100 + 5) * MS)
    for k in range(50, 70):  # two seconds of messages come at once
        placed = clock.place(T0 + k * 100 * MS, T0 + 7_000 * MS + k * MS)
        assert placed.stamp_ns == T0 + k * 100 * MS
    assert clock.behind_ns == 5 * MS


def test_a_stamp_that_comes_again_and_again_moves_no_clock():
    clock = SensorClock("depth", StreamConfig(stamp_policy="align"))
    for k in range(100):
        placed = clock.place(T0, T0 + k * 100 * MS)
    assert placed.stamp_ns == T0


def test_an_offset_given_by_hand_comes_on_top_and_never_ahead_of_the_receipt():
    early = SensorClock("depth", StreamConfig(stamp_policy="align", offset_s=-0.05))
    late = SensorClock("depth", StreamConfig(stamp_policy="align", offset_s=0.05))
    received = SensorClock("depth", StreamConfig(stamp_policy="receive", offset_s=-0.05))
    raw, now = T0 - 2 * NS, T0
    assert early.place(raw, now).stamp_ns == now - 60 * MS
    assert late.place(raw, now).stamp_ns == now
    assert received.place(raw, now).stamp_ns == now - 50 * MS


@pytest.mark.parametrize("name", ["since boot", "behind", "ahead", "slow by 100 ppm"])
def test_packets_are_placed_by_the_same_rule(name):
    sensor = RfidSensor(packets=50, tags=3, unwrap=False, min_coherence=0.0)
    config = {
        m: StreamConfig(stale_after_s=0.8, recover_frames=1, stamp_policy=policy)
        for m, policy in (("good", "stamp"), ("bad", "align"), ("wrong", "stamp"))
    }
    streams = {m: Stream(m, c) for m, c in config.items()}
    sensors = dict.fromkeys(streams, sensor)
    pipeline = WindowedPipeline(streams, lambda s: told(s), sensors, WindowConfig())
    rng, used = np.random.default_rng(0), []
    for k in range(200):
        t = k / 10 + 0.05
        now_ns = T0 + round((t + 0.01 * rng.random()) * NS)
        for m in streams:
            stamp = t if m == "good" else FAULTS[name](t)
            array = rng.normal(0, 1, (1, 3)).astype(np.float32)
            pipeline.push(Frame(m, T0 + round(stamp * NS), array), now_ns)
        if pipeline.pending(now_ns) and (estimate := pipeline.step(now_ns)):
            used.append(estimate)
    status = {s.modality: s for s in pipeline.statuses(now_ns)}
    assert status["bad"].state is StreamState.LIVE
    assert {"good", "bad"} <= set(used[-1].weights)
    assert status["bad"].restamped > 190
    wrong = status["wrong"]
    named = wrong.reason or wrong.remark
    assert ("stamp_policy to align, or receive" in named) == (name != "slow by 100 ppm")


@pytest.mark.parametrize("policy", ["stamp", "receive", "align", "reject"])
def test_before_time_begins_no_message_is_placed(policy):
    clock = SensorClock("depth", StreamConfig(stamp_policy=policy))
    assert "no time yet" in clock.place(T0, 0).why
    assert (clock.behind_ns, clock.restamped) == (None, 0)
    assert clock.place(T0, T0 + MS).why == ""
