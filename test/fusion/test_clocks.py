"""Sensors whose clocks are wrong in every way, each beside two that are right."""

import math

import numpy as np
import pytest

from pta_ros.bench.clocks import BACK_S, CLOCKS, NAMES, SETTLE_S, T0, Run, told
from pta_ros.clock import NS
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.clocks import SensorClock
from pta_ros.fusion.config import StreamConfig, WindowConfig
from pta_ros.fusion.streams import Stream
from pta_ros.fusion.windows import WindowedPipeline
from pta_ros.sensors import RfidSensor

MS = 1_000_000


def settled(name, t):
    return not BACK_S.get(name, math.inf) <= t < BACK_S.get(name, math.inf) + SETTLE_S


@pytest.mark.parametrize("bad", NAMES)
@pytest.mark.parametrize("name", CLOCKS)
def test_align_keeps_every_clock_live_and_in_sync(name, bad):
    run = Run("align", CLOCKS[name], bad)
    assert all(run.live[t] for t in run.live if settled(name, t))
    errors = [abs(e) for t, e in run.errors_s.items() if settled(name, t)]
    assert len(errors) > 280
    assert max(errors) <= 0.020
    assert {run.status(m).state for m in NAMES} == {StreamState.LIVE}


@pytest.mark.parametrize("way_s", [0.0, 0.01, 0.02])
def test_align_knows_ways_of_up_to_twenty_milliseconds(way_s):
    for name in ("since boot", "behind", "ahead"):
        run = Run("align", CLOCKS[name], way_s=way_s, jitter_s=0.01)
        assert max(map(abs, run.errors_s.values())) <= 0.020


def test_align_leaves_a_sensor_in_sync_as_it_is():
    aligned = Run("align", CLOCKS["right"], jitter_s=0.01)
    plain = Run("stamp", CLOCKS["right"], jitter_s=0.01)
    assert aligned.errors_s == plain.errors_s
    assert aligned.status() == plain.status()
    assert aligned.status().restamped == 0


@pytest.mark.parametrize("name", ["since boot", "behind", "ahead", "zero", "jumps back"])
def test_a_wrong_clock_names_the_settings_that_cure_it(name):
    run = Run("stamp", CLOCKS[name])
    status = run.status()
    said = status.reason or status.remark
    assert "set lidar.stamp_policy to align, or receive" in said
    assert (status.state is StreamState.LIVE) == (name in ("ahead", "zero"))
    for policy in ("align", "receive"):
        cured = Run(policy, CLOCKS[name]).status()
        assert (cured.state, cured.reason, cured.remark) == (StreamState.LIVE, "", "")
        assert cured.restamped > 150


def test_the_offset_is_told_in_words_and_as_a_number():
    boot = Run("stamp", CLOCKS["since boot"]).status()
    assert boot.reason == (
        "its clock is 1795813704.7 s behind (stamps since boot?): "
        "set lidar.stamp_policy to align, or receive"
    )
    assert boot.behind_s == pytest.approx(T0 / NS - 12.3, abs=0.01)
    ahead = Run("stamp", CLOCKS["ahead"]).status()
    assert ahead.behind_s == pytest.approx(-2.0, abs=0.005)
    assert ahead.remark.startswith("stamps lie 1.9")
    assert math.isnan(Run("stamp", CLOCKS["zero"]).status().behind_s)
    slow = Run("stamp", lambda t: t - 0.5).status()
    assert slow.reason.startswith("stamps are 0.50 s old when they come; a slow link, or its clock")


def test_reject_refuses_what_stamp_restamps():
    for name, why in (("ahead", "in the future"), ("zero", "stamps are zero")):
        kept, refused = Run("stamp", CLOCKS[name]).status(), Run("reject", CLOCKS[name]).status()
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
    run = Run("stamp", CLOCKS["jumps ahead and back"])
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
    pipeline = WindowedPipeline(streams, told, sensors, WindowConfig())
    rng, used = np.random.default_rng(0), []
    for k in range(200):
        t = k / 10 + 0.05
        now_ns = T0 + round((t + 0.01 * rng.random()) * NS)
        for m in streams:
            stamp = t if m == "good" else CLOCKS[name](t)
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
