"""Order of arrival, decoding ahead, ground truth between stamps, columns without estimates."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.bags.bag import Raw
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.evaluation.replay.decode import ahead, in_order
from pta_ros.evaluation.replay.record import EstimateLog
from pta_ros.evaluation.replay.truth import TruthLog, truth_of

T0 = 1_700_000_000 * 10**9


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=30))
def test_put_off_messages_come_in_order_and_none_is_lost(steps):
    times = np.cumsum([gap for gap, _ in steps]).tolist()
    late = {n: delay for n, (_, delay) in enumerate(steps)}
    raws = [Raw("/t", "x", time, n.to_bytes(4, "big")) for n, time in enumerate(times)]

    def change(raw):
        delay = late[int.from_bytes(raw.data, "big")]
        return [Raw(raw.topic, raw.type, raw.time_ns + delay, raw.data)]

    rest = [Raw("/t", "x", 0, b"rest")]
    found = list(in_order(raws, change, lambda: rest))
    assert sorted(raw.data for raw in found) == sorted([r.data for r in raws] + [b"rest"])
    arrived = [raw.time_ns for raw in found if raw.data != b"rest"]
    assert arrived == sorted(arrived)


def test_work_ahead_keeps_the_order_and_hands_on_errors():
    def items():
        yield from range(100)
        raise DatasetError("broken off")

    made = ahead(items(), size=4)
    assert [next(made) for _ in range(100)] == list(range(100))
    with pytest.raises(DatasetError, match="broken off"):
        next(made)


def test_work_ahead_ends_with_its_consumer():
    before = threading.active_count()
    endless = ahead(iter(lambda: 0, 1), size=4)
    assert next(endless) == 0
    endless.close()
    assert threading.active_count() == before


def pose(value):
    return np.full((17, 3), value, np.float32)


def test_ground_truth_is_interpolated_between_near_neighbours_only():
    log = TruthLog()
    assert np.isnan(log.at(np.array([T0]))).all()
    for second, value in ((0.0, 0.0), (0.1, 1.0), (2.0, 5.0)):
        log.add(T0 + round(second * 1e9), pose(value))
    log.add(T0, pose(9.0))  # does not advance time
    at = [T0 + round(s * 1e9) for s in (-0.2, -0.04, 0.0, 0.025, 0.1, 0.14, 1.0, 1.96, 2.0, 2.2)]
    found = log.at(np.array(at))[:, 0, 0]
    nan = np.nan
    np.testing.assert_allclose(found, [nan, 0, 0, 0.25, 1, 1, nan, 5, 5, nan], atol=1e-6)


def test_no_estimate_gives_empty_columns():
    columns = EstimateLog(("depth", "csi")).columns()
    assert columns["joints_m"].shape == (0, 17, 3)
    assert columns["weights"].shape == columns["used"].shape == (0, 2)


@pytest.mark.parametrize("msg", [object(), type("M", (), {"positions": [], "header": None})()])
def test_something_else_is_no_ground_truth(msg):
    with pytest.raises(DecodeError, match="/truth"):
        truth_of(msg, "/truth")
