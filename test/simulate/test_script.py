import re
from pathlib import Path

import pytest
import yaml

from pta_ros.errors import ConfigError
from pta_ros.simulate.script import Fault, load_script, parse_script, save_script

SHIPPED = Path(__file__).parents[2] / "config" / "demo.yaml"


def phase(name="a", start_s=0, end_s=2, **more):
    return {"name": name, "start_s": start_s, "end_s": end_s, **more}


def test_the_shipped_script_is_the_one_asked_for():
    script = load_script(SHIPPED)
    times = [(p.start_s, p.end_s) for p in script.phases]
    assert times == [(0, 8), (8, 13), (13, 17), (17, 19), (19, 24), (24, 27), (27, 30)]
    available = [set(p.available) for p in script.phases]
    everything = {"depth", "lidar", "csi"}
    assert available == [
        everything,
        {"depth", "csi"},
        {"csi"},
        set(),
        everything,
        {"depth", "lidar"},
        {"depth", "csi"},
    ]
    assert script.phases[5].fault("csi") is Fault.CORRUPT
    assert script.phases[6].fault("lidar") is Fault.FROZEN


def test_the_shipped_person_is_held_out():
    assert yaml.safe_load(SHIPPED.read_text())["simulation"]["subject"] > 40


def test_times_scale_with_the_duration():
    script = load_script(SHIPPED, 15.0)
    assert script.duration_s == 15.0
    assert (script.phases[1].start_s, script.phases[1].end_s) == (4.0, 6.5)


def test_at_finds_the_phase_of_a_tick_in_spite_of_rounding():
    script = load_script(SHIPPED)
    assert script.at(0.0).name == "all"
    assert script.at(80 / 10.0).name == "lidar silent"
    assert script.at(8.0 - 1e-9).name == "lidar silent"
    assert script.at(7.9).name == "all"
    assert script.at(30.0) is None


def test_each_tick_of_a_scaled_script_has_one_phase_in_order():
    script = load_script(SHIPPED, 17.3)
    names = [script.at(i / 10).name for i in range(173)]
    order = [p.name for p in script.phases]
    assert [order.index(n) for n in names] == sorted(order.index(n) for n in names)
    assert set(names) == set(order)


def test_a_saved_script_reads_back(tmp_path):
    script = load_script(SHIPPED, 21.0)
    save_script(script, tmp_path / "script.yaml")
    assert load_script(tmp_path / "script.yaml") == script


def test_sensors_and_people_are_kept(tmp_path):
    script = parse_script({"sensors": ["depth", "lidar"], "phases": [phase(people=0)]})
    assert (script.phases[0].available, script.phases[0].people) == (("depth", "lidar"), 0)
    save_script(script, tmp_path / "script.yaml")
    assert load_script(tmp_path / "script.yaml") == script
    with pytest.raises(ConfigError, match=r"'sonar'.*some of"):
        parse_script({"sensors": ["sonar"], "phases": [phase()]})


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ([], "no phases"),
        ([phase(start_s=1)], "expected 0"),
        ([phase(end_s=0)], "the end after the start"),
        ([phase(), phase("b", 3, 4)], "expected 2.0 s"),
        ([phase(), phase("a", 2, 4)], "repeat"),
        ([phase(faults={"radar": "silent"})], "'radar'"),
        ([phase(faults={"csi": "broken"})], "'broken'"),
        ([phase(speed=1)], "speed"),
        ([phase(end_s="soon")], "soon"),
        ([phase(people=3)], "people 3; expected one of [0, 1, 2]"),
        ([{"name": "a"}], "expected {name"),
        (["a"], "expected {name"),
    ],
)
def test_a_wrong_script_says_what_is_wrong(phases, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse_script({"phases": phases})


def test_a_stated_duration_must_fit():
    with pytest.raises(ConfigError, match="duration_s is 3"):
        parse_script({"duration_s": 3, "phases": [phase()]})


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan")])
def test_a_script_cannot_last_nothing(duration):
    with pytest.raises(ConfigError, match="more than 0"):
        load_script(SHIPPED, duration)


def test_files_that_cannot_be_read_give_one_line(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_script(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1,\nb: }")
    with pytest.raises(ConfigError, match="expected a script") as caught:
        load_script(tmp_path / "bad.yaml")
    assert "\n" not in str(caught.value)
