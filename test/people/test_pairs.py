"""Pairs with the least sum, whatever the shape of the prices."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from pta_ros.people.pairs import assigned, near_pairs


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (2, 2), (3, 5), (5, 3)])
def test_it_is_the_least_sum_with_and_without_scipy(shape):
    for seed in range(5):
        price = np.random.default_rng(seed).random(shape)
        expected = list(zip(*(a.tolist() for a in linear_sum_assignment(price)), strict=True))
        assert assigned(price) == expected


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0)])
def test_nobody_is_paired_with_nobody(shape):
    assert assigned(np.empty(shape)) == []


def test_what_is_too_far_away_is_no_pair():
    assert near_pairs(np.array([[0.1, 5.0], [5.0, 2.0]]), 1.0) == {0: 0}
    assert near_pairs(np.array([[2.0]]), 1.0) == {}
