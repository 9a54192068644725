"""The bench of clocks: what it judges, and that a clock which is not followed misses a bound."""

import json

import pytest

from pta_ros.bench import clocks
from pta_ros.cli import bench_clocks


def test_every_clock_on_every_sensor_keeps_its_bounds(tmp_path, capsys):
    assert bench_clocks.main(["--json", str(tmp_path / "clocks.json")]) == 0
    found = json.loads((tmp_path / "clocks.json").read_text())
    assert len(found["kept"]) == len(clocks.CLOCKS) * 3
    assert all(b["ok"] for b in found["bounds"])
    assert "3 of 3 bounds kept" in capsys.readouterr().out
    followed = {k["clock"]: k["settle_s"] for k in found["kept"] if k["sensor"] == "lidar"}
    assert 0.4 < followed["jumps back"] < 0.9


@pytest.mark.parametrize(
    ("clock", "missed"),
    [
        (lambda t: t - 5e-3 * t, [False, True, True]),  # 5,000 ppm
        (lambda t: t - (3.0 if t > 20 else 0.0), [False, False, True]),  # at a time not foreseen
    ],
)
def test_a_clock_that_is_not_followed_misses(monkeypatch, clock, missed):
    monkeypatch.setitem(clocks.CLOCKS, "odd", clock)
    found = clocks.bounds([clocks.keep("right", "csi"), clocks.keep("odd", "depth")])
    assert [b.ok for b in found] == missed
    assert found[0].where == "odd, depth"
