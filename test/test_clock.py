from types import SimpleNamespace

import pytest

from pta_ros.clock import split_ns, stamp_ns, to_ns


@pytest.mark.parametrize("ns", [0, 1, 999_999_999, 1_600_000_000_123_456_789, -1])
def test_a_stamp_comes_back(ns):
    sec, nanosec = split_ns(ns)
    assert 0 <= nanosec < 1_000_000_000
    assert stamp_ns(SimpleNamespace(sec=sec, nanosec=nanosec)) == ns


def test_seconds():
    assert to_ns(0.08) == 80_000_000
