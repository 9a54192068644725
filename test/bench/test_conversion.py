"""What is timed is a whole conversion, and too slow a one misses its bound."""

import json

import pytest

pytest.importorskip("rosbags")

from pta_ros.bench.conversion import ConversionTime, bench_conversion
from pta_ros.cli import bench_conversion as tool
from pta_ros.errors import ConfigError


def test_a_bound_is_missed_by_what_is_too_slow():
    slow, fast = (ConversionTime(40.0, wall, 10.0, 400, 2) for wall in (9.0, 7.0))
    assert not slow.bounds()[0].ok
    assert fast.bounds()[0].ok


def test_every_frame_is_converted_and_the_figures_are_written(tmp_path, capsys):
    found = tmp_path / "figures.json"
    assert tool.main(["--seconds", "10", "--jobs", "1", "--json", str(found)]) in (0, 3)
    assert json.loads(found.read_text())["frames"] == 100
    assert "100 frames" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="1 s on 2 jobs"):
        bench_conversion(1)
