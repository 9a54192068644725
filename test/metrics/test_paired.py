"""Differences of paired errors: what the interval covers, and that people are what is drawn."""

import numpy as np
import pytest

from pta_ros.errors import ConfigError
from pta_ros.metrics.paired import difference_of_people, of_people, paired_difference

PEOPLE = np.repeat(["a", "b", "c", "d", "e", "f"], 50)


def generator(seed=0):
    return np.random.default_rng(seed)


def test_the_mean_is_over_frames_and_a_constant_difference_is_certain():
    theirs = generator().uniform(20, 80, len(PEOPLE))
    found = paired_difference(theirs - 2.0, theirs, PEOPLE, generator())
    assert found == pytest.approx((-2.0, -2.0, -2.0))


def test_one_person_who_is_much_better_is_not_certainty():
    """Over frames this would be far from chance; it hangs on one of six people."""
    ours = np.where(PEOPLE == "a", 40.0, 50.1)
    found = paired_difference(ours, np.full(len(PEOPLE), 50.0), PEOPLE, generator())
    assert found.mean == pytest.approx((6 * 0.1 - 10.1) / 6)
    assert found.low < 0 < found.high


def test_people_count_by_their_frames():
    people = np.array(["a"] * 9 + ["b"])
    found = paired_difference(np.array([1.0] * 9 + [11.0]), np.zeros(10), people, generator())
    assert found.mean == pytest.approx(2.0)
    assert (found.low, found.high) == pytest.approx((1.0, 11.0))


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(200):
        drawn = generator(seed)
        people = np.repeat(np.arange(30).astype(str), 5)
        values = np.repeat(drawn.normal(1.0, 2.0, 30), 5) + drawn.normal(0, 1.0, 150)
        found = paired_difference(values, np.zeros(150), people, drawn, draws=1000)
        held += found.low <= 1.0 <= found.high
    assert 0.88 <= held / 200 <= 0.98


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(ConfigError, match=r"people are \['a'\]; expected two or more"):
        paired_difference(np.ones(3), np.zeros(3), np.array(["a"] * 3), generator())
    bad = np.array([1.0, np.nan])
    with pytest.raises(ConfigError, match="not finite"):
        paired_difference(bad, np.zeros(2), np.array(["a", "b"]), generator())


def test_means_of_people_give_what_their_frames_give():
    drawn = generator(3)
    people = np.array(["a"] * 7 + ["b"] * 20 + ["c"] * 3)
    ours, theirs = drawn.normal(50, 5, (2, 30))
    each = [of_people({"mm": values}, people) for values in (ours, theirs)]
    assert {name: of["count"] for name, of in each[0].items()} == {"a": 7, "b": 20, "c": 3}
    found = difference_of_people(*each, "mm", generator())
    assert found == pytest.approx(paired_difference(ours, theirs, people, generator()))


def test_people_of_other_frames_are_not_compared():
    one, two = (of_people({"mm": np.ones(n)}, np.array(["a"] * n)) for n in (2, 3))
    with pytest.raises(ConfigError, match="expected the same frames"):
        difference_of_people(one, two, "mm", generator())
    assert of_people({"mm": np.ones(2)}, None) == {}
