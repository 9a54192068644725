"""Rates, losses and clock jumps from stamps alone."""

from itertools import pairwise

import numpy as np
import pytest

from pta_ros.clock import NS, to_ns
from pta_ros.fusion.stamps import CLOCK_JUMP_S, ClockWatch, RateMeter

MS = 1_000_000


def feed(stamps_ms, silence_ms=1000):
    meter = RateMeter(silence_ms * MS)
    for ms in stamps_ms:
        meter.add(round(ms * MS))
    return meter


@pytest.mark.parametrize("rate", [2, 10, 30])
def test_rate_of_a_steady_stream(rate):
    stamps = np.arange(5 * rate) * 1000 / rate
    assert feed(stamps).rate_hz(round(stamps[-1] * MS)) == pytest.approx(rate, rel=1e-6)


def test_rate_falls_while_nothing_comes():
    meter = feed(range(0, 2000, 100))
    rates = [meter.rate_hz(ms * MS) for ms in (1900, 2100, 2500, 3000, 3900)]
    assert all(before > after for before, after in pairwise(rates))
    assert rates[0] == pytest.approx(10)
    assert rates[-1] == 0


def test_rate_is_zero_before_two_frames():
    assert feed([]).rate_hz(0) == 0
    assert feed([0]).rate_hz(0) == 0


def test_steady_stream_with_jitter_lost_nothing():
    jitter = np.random.default_rng(0).uniform(-25, 25, 200)
    assert feed(np.arange(200) * 100 + jitter).lost == 0


def test_lost_frames_are_counted_from_gaps():
    stamps = [ms for ms in range(0, 10_000, 100) if ms not in (3000, 5000, 5100, 8000)]
    assert feed(stamps).lost == 4


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_random_loss_is_estimated(share):
    keep = np.random.default_rng(1).random(2000) >= share
    lost = feed(np.flatnonzero(keep) * 100).lost
    assert lost == pytest.approx((~keep).sum(), rel=0.05)


def test_silence_is_no_loss():
    assert feed([*range(0, 2000, 100), *range(5000, 7000, 100)], silence_ms=300).lost == 0


def test_unusable_messages_account_for_the_gap():
    meter = feed(range(0, 1000, 100))
    meter.add(1100 * MS, unusable=1)
    assert meter.lost == 0
    meter.add(1400 * MS, unusable=1)
    assert meter.lost == 1


def test_frame_that_was_only_late_is_not_lost():
    meter = feed([*range(0, 1000, 100), 1100])
    assert meter.lost == 1
    meter.add(1000 * MS)
    assert meter.lost == 0
    assert meter.rate_hz(1100 * MS) == pytest.approx(10)


def test_pairs_that_come_in_the_wrong_order_are_neither_loss_nor_another_rate():
    swapped = [k + 1 if k % 2 == 0 else k - 1 for k in range(12, 36)]
    meter = feed([100 * k for k in [*range(12), *swapped]])
    assert meter.lost == 0
    assert meter.period_ns == 100 * MS


@pytest.mark.parametrize(("before", "after"), [(30, 15), (30, 10), (20, 5), (10, 3), (60, 30)])
@pytest.mark.parametrize("jitter", [0.0, 0.25])
def test_another_rate_is_no_loss(before, after, jitter):
    rng = np.random.default_rng(before)
    slower = 2000 + np.arange(40) * 1000 / after
    stamps = np.concatenate([np.arange(0, 2000, 1000 / before), slower])
    gap = np.minimum(np.diff(stamps, prepend=stamps[0] - 1000 / before), 1000 / after)
    meter = feed(stamps + jitter / 2 * gap * rng.uniform(-1, 1, len(stamps)))
    assert meter.lost == 0
    assert meter.period_ns / MS == pytest.approx(1000 / after, rel=0.15)


def test_another_rate_is_told_from_loss_within_eight_messages():
    stamps = [*range(0, 1000, 50), *range(1000, 1801, 100)]
    assert feed(stamps[:-1]).lost == 7
    assert feed(stamps).lost == 0
    assert feed([*stamps, *range(1850, 3000, 50)]).period_ns == 50 * MS


def test_a_slow_sensor_is_not_silent_between_its_messages():
    assert feed(range(0, 1000, 100), silence_ms=300).limit_ns == 300 * MS
    assert feed(range(0, 3000, 333), silence_ms=300).limit_ns == 2.5 * 333 * MS
    assert feed(range(0, 999, 333), silence_ms=300).limit_ns == 300 * MS  # not known yet
    assert feed(range(0, 20_000, 1900), silence_ms=300).limit_ns == 4750 * MS
    assert feed(range(0, 30_000, 2100), silence_ms=300).limit_ns == 300 * MS  # too slow
    paused = [*range(0, 2000, 100), *range(3500, 5000, 100)]
    assert feed(paused, silence_ms=300).limit_ns == 300 * MS


def test_loss_of_a_slow_sensor_is_counted():
    stamps = [ms for k, ms in enumerate(range(0, 10_000, 333)) if k not in (12, 20)]
    assert feed(stamps, silence_ms=300).lost == 2


def test_rate_of_a_sensor_slower_than_the_window():
    stamps = range(0, 20_000, 1500)
    assert feed(stamps).rate_hz(stamps[-1] * MS) == pytest.approx(1 / 1.5)


def test_restart_keeps_the_count_and_forgets_the_stamps():
    meter = feed([*range(0, 1000, 100), 1100])
    meter.restart()
    assert meter.lost == 1
    meter.add(0)
    assert meter.lost == 1
    assert meter.rate_hz(0) == 0


def test_clock_watch_tells_a_jump_from_a_wobble():
    watch, limit = ClockWatch(), to_ns(CLOCK_JUMP_S)
    assert not watch.went_back(10 * NS)
    assert not watch.went_back(10 * NS - limit)
    assert watch.went_back(10 * NS - limit - 1)
    assert not watch.went_back(10 * NS - limit - 1)  # the new time is normal now
