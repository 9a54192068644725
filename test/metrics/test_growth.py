import pytest

from pta_ros.metrics.growth import growth, growth_of_any


def test_the_last_minute_is_held_against_the_first_after_the_warm_up():
    points = [(float(t), 500.0 + (300.0 if t < 30 else 0.0) + 0.05 * t) for t in range(600)]
    wanted = (500 + 0.05 * 569.5) / (500 + 0.05 * 89.5) - 1
    assert growth(points) == pytest.approx(wanted, abs=2e-4)
    assert growth_of_any(points) == growth(points)


def test_a_short_run_has_no_growth_by_the_minute_and_one_by_fifths():
    points = [(float(t), 100.0 if t < 60 else 110.0) for t in range(100)]
    assert growth(points) is None
    assert growth_of_any(points) == pytest.approx(0.1)


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)], [(0.0, 1.0), (9.0, 1.0)]])
def test_what_cannot_be_compared_has_none(points):
    assert growth_of_any(points) is None
