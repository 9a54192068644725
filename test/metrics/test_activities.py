"""Figures of activities on made-up answers: loss, calibration, changes, delays."""

import math

import numpy as np
import pytest

from pta_ros.metrics.activities import calibration_error, changes_per_min, delays_s, log_loss


def told(*shares):
    """Of two classes, the first one's share."""
    first = np.array(shares)
    return np.stack([first, 1 - first], axis=1)


def test_log_loss_is_the_mean_and_finite():
    truth = np.array([0, 1])
    assert log_loss(told(0.5, 0.75), truth) == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert log_loss(told(1.0, 1.0), truth) == pytest.approx(-math.log(1e-6) / 2)


@pytest.mark.parametrize(
    ("shares", "truth", "expected"),
    [
        ([0.75] * 4, [0, 0, 0, 1], 0.0),  # right as often as it says
        ([0.75] * 4, [1, 1, 1, 1], 0.75),
        ([1.0] * 4, [0, 0, 1, 1], 0.5),
        ([0.75] * 4 + [1.0] * 4, [0, 0, 0, 1, 0, 0, 1, 1], 0.25),  # bins count by their size
    ],
)
def test_calibration_error(shares, truth, expected):
    assert calibration_error(told(*shares), np.array(truth)) == pytest.approx(expected)


def test_changes_are_counted_per_minute():
    assert changes_per_min(np.arange(7) * 0.5, np.array([0, 0, 1, 1, 2, 2, 2])) == 40.0
    assert changes_per_min(np.zeros(1), np.zeros(1, int)) is None


def test_delays_of_what_is_followed_at_once_late_and_never():
    truth = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3])
    labels = np.array([0, 0, 1, 1, 1, 1, 2, 2, 2])
    assert delays_s(np.arange(9) * 0.1, labels, truth) == pytest.approx([0.0, 0.1, np.inf])
    assert len(delays_s(np.arange(3), np.zeros(3, int), np.zeros(3, int))) == 0
