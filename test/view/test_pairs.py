"""Errors of estimates whose truth comes before, after, near or never."""

import numpy as np
import pytest

from pta_ros.view.pairs import NEAR_NS, Pairs

POSE = np.zeros((17, 3), np.float32)
AWAY = POSE + np.float32([0.03, 0.0, 0.04])


def test_the_truth_may_come_first_or_last():
    pairs = Pairs()
    assert pairs.truth(100, POSE) == []
    assert pairs.estimate(100, AWAY) == [(100, pytest.approx(0.05))]
    later = 100 + 10 * NEAR_NS
    assert pairs.estimate(later, AWAY) == []
    assert pairs.truth(later, POSE) == [(later, pytest.approx(0.05))]
    assert pairs.truth(later + 1, POSE) == []  # it is told once


def test_the_nearest_counts_and_a_far_one_does_not():
    pairs = Pairs()
    pairs.truth(0, AWAY)
    pairs.truth(NEAR_NS, POSE)
    assert pairs.estimate(NEAR_NS - 1, POSE) == [(NEAR_NS - 1, 0.0)]
    assert pairs.estimate(3 * NEAR_NS, POSE) == []


def test_without_truth_nothing_grows():
    pairs = Pairs()
    for i in range(1000):
        pairs.estimate(i * 10 * NEAR_NS, POSE)
    assert len(pairs._waiting) < 100
