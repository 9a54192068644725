"""The start of a real node beside real simulated sensors; how long it took is for bench_start."""

import pytest

from pta_ros.bench.start import MOST_S, Start, bounds, measure_starts


@pytest.mark.ros
def test_it_measures_a_real_start(tmp_path):
    pytest.importorskip("pta_msgs.msg")
    (start,) = measure_starts(1, tmp_path)
    assert 0.0 < start.cpu_s < 60.0
    assert 0.1 < start.first_s < 60.0
    assert (tmp_path / "fusion_node.txt").is_file()


def test_the_median_is_held_against_the_limit():
    slow, fast = Start(MOST_S + 1.0, 2.0), Start(MOST_S - 0.1, 1.0)
    assert [b.verdict for b in bounds([fast, slow, fast])] == ["kept"]
    assert [b.verdict for b in bounds([fast, slow, slow])] == ["missed"]
