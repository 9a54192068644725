"""What is timed is what a robot sends, and every part of it counts."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("open3d")

from pta_ros.bench.people import PeopleTimes, bench_people
from pta_ros.cli import bench_people as tool
from pta_ros.errors import ConfigError


def test_a_bound_is_missed_by_what_is_too_slow():
    look = {1: [5.0, 6.0], 2: [9.0, 9.0], 4: [20.0, 21.0]}
    slow = PeopleTimes({"decode": [2.0, 2.0], "find": [3.0, 4.0]}, look, "float32", 2)
    assert (slow.one_ms(), slow.further_ms()) == (11.0, 5.0)
    assert [bound.ok for bound in slow.bounds()] == [True, False]


def test_the_tool_measures_and_writes(tmp_path, capsys):
    found = tmp_path / "people.json"
    assert tool.main(["--repeats", "1", "--threads", "1", "--json", str(found)]) in (0, 3)
    told = json.loads(found.read_text())
    assert {b["name"] for b in told["bounds"]} == {
        "messages to one followed person",
        "every further person",
    }
    assert told["points"] > 60_000
    assert "look at 4" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="0 repeats"):
        bench_people(0)
