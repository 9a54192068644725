import json
from pathlib import Path

import pytest

from pta_ros.demo.announce import announcement, opening
from pta_ros.demo.plan import Request, make_plan
from pta_ros.demo.run import Measured, node_command
from pta_ros.demo.tail import Tail


@pytest.fixture
def plan():
    return make_plan(Request("pose"), Path("out"))


def test_the_opening_names_sensors_and_phases(plan):
    text = opening(plan)
    assert "depth, lidar and csi" in text
    assert f"{len(plan.script.phases)} phases" in text


def test_every_phase_is_announced_with_its_fault_and_what_is_expected(plan):
    texts = {phase.name: announcement(plan, phase) for phase in plan.script.phases}
    assert texts["all"].endswith(
        "phase 1 of 7, all (8 s): good data from all sensors; "
        "expected: skeletons from depth, lidar and csi"
    )
    assert texts["csi alone"].endswith("nothing from depth and lidar; expected: skeletons from csi")
    assert texts["all silent"].endswith(
        "nothing from depth, lidar and csi; expected: no skeletons, and ERROR in the diagnostics"
    )
    assert "corrupt data from csi;" in texts["csi corrupt"]


def test_a_demo_of_people_says_how_many_there_are(tmp_path):
    config = {"model": {"encoders": "centred"}, "sensors": {"depth": {}, "lidar": {}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    plan = make_plan(Request(model=tmp_path), Path("out"))
    texts = {phase.name: announcement(plan, phase) for phase in plan.script.phases}
    assert "two people, good data from all sensors; expected: lists" in texts["two people"]
    assert texts["nobody"].endswith(
        "an empty room, good data from all sensors; "
        "expected: empty lists of people from depth and lidar, and no skeleton"
    )
    assert texts["all silent"].endswith("no lists of people, and ERROR in the diagnostics")
    assert "a simulated room" in opening(plan)


def test_an_installed_executable_comes_before_the_module(tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert node_command("sim_node")[1:] == ["-m", "pta_ros.nodes.sim_node"]
    installed = tmp_path / "lib" / "pta_ros" / "sim_node"
    installed.parent.mkdir(parents=True)
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    assert node_command("sim_node") == [str(installed)]


def test_a_tail_gives_every_whole_line_once(tmp_path):
    path = tmp_path / "lines"
    tail = Tail(path)
    assert tail.records() == []
    lines = [json.dumps({"type": name}) for name in "abc"]
    path.write_text(f"{lines[0]}\n{lines[1][:5]}")
    assert tail.records() == [{"type": "a"}]
    path.write_text("\n".join(lines) + "\n")
    assert tail.has("c")
    assert not tail.has("c")


def test_growth_compares_the_last_minute_with_the_first_after_warm_up():
    samples = [(float(t), 500.0 + (300.0 if t < 30 else 0.0) + 0.05 * t) for t in range(600)]
    first, last = 500 + 0.05 * 89.5, 500 + 0.05 * 569.5
    assert Measured(memory=samples).growth() == pytest.approx(last / first - 1, abs=2e-4)
    assert Measured(memory=samples[:100]).growth() is None
    assert Measured().growth() is None


def test_cores_are_those_between_the_first_and_the_last_sample():
    used = {"fusion_node": [(1.0, 3.0), (2.0, 9.0), (11.0, 8.0)], "late": [(1.0, 1.0)]}
    assert Measured(cpu_s=used).cores() == {"fusion_node": 0.5}
