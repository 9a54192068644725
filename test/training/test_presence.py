"""How sure to be that somebody is there: who is right, and the fit."""

import numpy as np
import pytest
import torch

from pta_ros.fusion.looks import Looks
from pta_ros.model.finder import Finder, Presence
from pta_ros.people import birdseye
from pta_ros.training.presence import _logistic, _right


def body(x, y):
    return np.tile([x, y, 1.0], (17, 1)).astype(float)


def looks(places, looked):
    joints = np.array([body(*place) for place in places]).reshape(-1, 17, 3)
    count = len(places)
    zeros, ones = np.zeros(count), np.ones((count, 2))
    return Looks(joints, np.ones((count, 17)), ones / 2, zeros, np.array(looked), ones > 0)


def test_of_several_looks_at_one_person_the_likeliest_is_right():
    given = looks([(3.1, 0.0), (3.0, 0.1), (3.5, 0.0), (5.0, 1.0)], [1.0, 2.0, 9.0, 3.0])
    right = _right(given, np.array([body(3.0, 0.0)]), np.array([True]))
    np.testing.assert_array_equal(right, [np.nan, 1.0, np.nan, 0.0])


def test_who_is_hidden_says_nothing():
    given = looks([(3.0, 0.0), (5.0, 1.0)], [1.0, 1.0])
    right = _right(given, np.array([body(3.0, 0.0)]), np.array([False]))
    np.testing.assert_array_equal(right, [np.nan, 0.0])


def test_in_an_empty_room_nobody_is_right():
    right = _right(looks([(3.0, 0.0)], [4.0]), np.zeros((0, 17, 3)), np.zeros(0, bool))
    np.testing.assert_array_equal(right, [0.0])
    assert len(_right(looks([], []), np.zeros((0, 17, 3)), np.zeros(0, bool))) == 0


def test_the_fit_finds_the_shares_again():
    rng = np.random.default_rng(0)
    said = rng.normal(0.0, 3.0, (20_000, 2))
    truth = np.array([-2.0, 0.7, 0.4])
    log_odds = truth[0] + said @ truth[1:]
    there = rng.random(len(said)) < 1 / (1 + np.exp(-log_odds))
    fitted = _logistic(np.column_stack([said, there]), np.array([-5.0, 1.0, 1.0]))
    np.testing.assert_allclose(fitted, truth, atol=0.12)


def test_one_kind_alone_teaches_nothing():
    start = np.array([-5.0, 1.0, 1.0])
    values = np.column_stack([np.ones((9, 2)), np.ones(9)])
    np.testing.assert_array_equal(_logistic(values, start), start)


def test_each_subset_of_sensors_has_its_own_shares():
    presence = Presence()
    presence.shares[3] = torch.tensor([1.0, 2.0, 3.0])
    said = torch.tensor([1.0, 1.0]), torch.tensor([1.0, 1.0])
    out = presence(*said, torch.tensor([[True, True], [True, False]]))
    assert out.tolist() == pytest.approx([6.0, -3.0])
    assert "presence.shares" in Finder(birdseye.CHANNELS).state_dict()
