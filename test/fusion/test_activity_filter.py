"""Activities over time: what converges, what is followed how soon, what starts over."""

import math

import numpy as np
import pytest

from pta_ros.errors import ConfigError
from pta_ros.fusion.activity_filter import OFF, ActivityConfig, ActivityFilter

S = 1_000_000_000
T0 = 1_700_000_000 * S
CONFIG = ActivityConfig(dwell_s=10.0, independent_s=2.0)


def told(best, share=0.6, classes=5):
    """One class is `share` likely, the others alike."""
    probabilities = np.full(classes, (1 - share) / (classes - 1), np.float32)
    probabilities[best] = share
    return probabilities


def follow(listed, rate_hz=10.0, config=CONFIG, follower=None, start_s=0.0):
    """What is told of probabilities at a steady rate, (N, K)."""
    follower = follower or ActivityFilter(config)
    stamps = T0 + np.rint((start_s + np.arange(len(listed)) / rate_hz) * S).astype(np.int64)
    return np.stack([follower(p, int(t)) for p, t in zip(listed, stamps, strict=True)])


def test_the_first_passes_unchanged():
    first = told(1)
    assert ActivityFilter(CONFIG)(first, T0) is first


def test_off_everything_passes_unchanged():
    rng = np.random.default_rng(0)
    listed = rng.dirichlet(np.ones(27), 40).astype(np.float32)
    assert np.array_equal(follow(listed, config=OFF), listed)


def test_an_estimate_without_activities_passes_and_is_no_break():
    follower = ActivityFilter(CONFIG)
    before = follow([told(0, 0.9)] * 50, follower=follower)[-1]
    assert len(follower(np.zeros(0, np.float32), T0 + 5 * S)) == 0
    assert follower(told(0, 0.9), T0 + 5 * S + S // 10)[0] == pytest.approx(before[0], abs=0.01)


def test_what_comes_out_are_probabilities():
    rng = np.random.default_rng(1)
    found = follow(rng.dirichlet(np.full(27, 0.1), 300).astype(np.float32))
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(np.ones(300), abs=1e-5)
    assert (found >= 0).all()


def test_constant_evidence_converges_above_one_instants():
    found = follow([told(2)] * 600)[:, 2]
    assert (np.diff(found) >= -1e-6).all()
    assert found[-1] == pytest.approx(found[-100], abs=1e-4)
    assert 0.6 < found[-1] < 1.0


def test_the_recursion_is_that_of_a_hidden_markov_model():
    """Looks that are independent count by what they tell: the textbook's forward step."""
    config = ActivityConfig(dwell_s=4.0, independent_s=1.0)
    first, second = told(0, 0.7), told(3, 0.9)
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1 / 4))
    stays = math.exp(-1.5 / 4.0)
    transition = stays * np.eye(5) + (1 - stays) / 5
    expected = second ** (1 - entropy / math.log(5)) * (transition.T @ first)
    found = follow([first, second], rate_hz=1 / 1.5, config=config)[1]
    assert found == pytest.approx(expected / expected.sum(), abs=1e-6)


@pytest.mark.parametrize("rate_hz", [2.0, 10.0, 100.0])
def test_the_rate_hardly_matters(rate_hz):
    found = follow([told(2)] * round(1 + 3 * rate_hz), rate_hz)[-1, 2]
    assert found == pytest.approx(follow([told(2)] * 301, 100.0)[-1, 2], abs=0.05)


def test_repeats_of_one_look_do_not_become_certain():
    """A second of estimates at 100 Hz is half a look, not a hundred."""
    found = follow([told(2)] * 101, 100.0)[-1]
    looks = told(2) ** 1.5
    assert 0.6 < found[2] <= looks[2] / looks.sum()


def test_what_tells_next_to_nothing_never_adds_up():
    """Of a sensor near chance the same small error comes again and again."""
    found = follow([np.full(27, 1 / 27, np.float32), *[told(4, 0.1, 27)] * 600])
    assert found[-1, 4] < 0.1


@pytest.mark.parametrize("rate_hz", [2.0, 10.0, 30.0])
def test_a_switch_is_followed_within_a_look_and_a_half(rate_hz):
    """After any time of the old one: evidence of 0.9 takes over within 1.5 `independent_s`."""
    before, after = [told(0, 0.9)] * round(60 * rate_hz), [told(1, 0.9)] * round(20 * rate_hz)
    labels = follow(before + after, rate_hz)[len(before) :].argmax(axis=1)
    assert labels[-1] == 1
    followed_s = (np.flatnonzero(labels == 1)[0] + 1) / rate_hz
    assert 0 < followed_s <= 1.5 * CONFIG.independent_s


def test_one_wrong_instant_does_not_change_the_label():
    listed = [told(0)] * 30 + [told(1, 0.9)] * 2 + [told(0)] * 10
    assert (follow(listed).argmax(axis=1) == 0).all()


def test_an_instant_that_says_impossible_can_be_revised():
    never = np.array([1.0, 0.0, 0.0], np.float32)
    other = np.array([0.02, 0.98, 0.0], np.float32)
    found = follow([never] * 10 + [other] * 100)
    assert np.isfinite(found).all()
    assert found[-1].argmax() == 1


def test_flat_evidence_keeps_the_belief_and_forgets_it_slowly():
    found = follow([told(2, 0.9)] * 20 + [told(2, 0.2)] * 40)[19:, 2]
    assert (np.diff(found) < 0).all()
    assert found[0] > found[-1] > 0.5


def test_irregular_stamps_are_followed():
    rng = np.random.default_rng(2)
    follower, stamp = ActivityFilter(CONFIG), T0
    for _ in range(100):
        found = follower(told(3), stamp)
        stamp += round(rng.exponential(0.2) * S) + 1
    assert found[3] > told(3)[3]


def test_a_gap_starts_over():
    follower = ActivityFilter(CONFIG)
    follow([told(0, 0.9)] * 50, follower=follower)
    late = told(1, 0.3)
    assert follower(late, T0 + 5 * S + round((CONFIG.gap_s + 0.1) * S)) is late


@pytest.mark.parametrize("back_s", [1.5, 3600.0])
def test_stamps_that_go_back_start_over(back_s):
    follower = ActivityFilter(CONFIG)
    follow([told(0, 0.9)] * 50, follower=follower)
    other = told(1, 0.3)
    assert follower(other, T0 + round((4.9 - back_s) * S)) is other
    again = follower(told(1), T0 + round((5.0 - back_s) * S))  # and goes on from there
    assert again[1] > 0.3


def test_one_that_is_late_is_no_second_look():
    follower = ActivityFilter(CONFIG)
    before = follow([told(0, 0.9)] * 50, follower=follower)[-1]
    for late_s in (0.0, 0.3, 0.9):
        found = follower(told(1, 0.99), T0 + round((4.9 - late_s) * S))
        assert found == pytest.approx(before, abs=1e-6)
    assert follower(told(0, 0.9), T0 + 5 * S)[0] == pytest.approx(before[0], abs=0.01)


def test_another_number_of_classes_starts_over():
    follower = ActivityFilter(CONFIG)
    follower(told(0, classes=27), T0)
    other = told(3, classes=55)
    assert follower(other, T0 + S // 10) is other


def test_reset_forgets():
    follower = ActivityFilter(CONFIG)
    follower(told(0, 0.99), T0)
    follower.reset()
    other = told(1)
    assert follower(other, T0 + S // 10) is other


def test_input_is_neither_changed_nor_kept():
    follower, first = ActivityFilter(CONFIG), told(0)
    follower(first, T0)[:] = 50.0
    second = told(0)
    found = follower(second, T0 + S // 10)
    assert np.array_equal(second, told(0))
    assert found.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("setting", [{"dwell_s": -1.0}, {"independent_s": 0.0}, {"gap_s": 0.0}])
def test_impossible_settings_are_named(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        ActivityConfig(**setting)
