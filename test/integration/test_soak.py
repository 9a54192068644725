"""pta_soak in its smallest form: real processes, really killed; an untrained model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pta_ros.demo.plan import Request, make_plan
from pta_ros.demo.processes import Child
from pta_ros.demo.run import child_environment
from pta_ros.soak import cycles, fast, kills, real
from pta_ros.soak.bounds import cycle_bounds, forward_bounds
from pta_ros.soak.stage import Member, Stage

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ros, pytest.mark.slow]


@pytest.fixture(scope="session")
def soak_model(untrained_model, tmp_path_factory):
    """The untrained model with the statistics that a plan asks for."""
    import shutil

    folder = tmp_path_factory.mktemp("soak") / "untrained"
    shutil.copytree(untrained_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["statistics"] = {"mean_pose_m": [[0.0, 0.1 * i - 0.8, 3.0] for i in range(17)]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def plan(soak_model, tmp_path):
    for module in ("rclpy", "pta_msgs", "open3d"):
        pytest.importorskip(module)
    return make_plan(Request("pose", quiet=True, model=soak_model), tmp_path)


def running(folder):
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if str(folder) in " ".join(p.info["cmdline"] or ())]


def test_killed_processes_come_back_and_leave_nothing(plan, tmp_path, monkeypatch):
    killed = []
    before = subprocess.Popen.kill
    monkeypatch.setattr(subprocess.Popen, "kill", lambda p: (killed.append(p), before(p)))
    monkeypatch.setattr(kills, "_TURN", ((kills.FUSION,), tuple(kills.members(plan, True))))
    monkeypatch.setattr(kills, "_apart", lambda stage, sensors: iter(()))
    record = kills.run(plan, tmp_path / "kills", rounds=1)
    assert record["crashes"] == []
    fusion, everything, visit = record["recoveries"]
    assert [p.returncode for p in killed] == [-signal.SIGKILL] * 4
    assert (fusion["what"], everything["what"], visit["what"]) == (
        "fusion", "all of them", "simulator"
    )  # fmt: skip
    assert fusion["told_s"] > 0
    assert fusion["data_s"] is None
    assert 0.3 < fusion["estimate_s"] <= fusion["gap_s"] + 0.2
    assert everything["data_s"] < everything["estimate_s"]
    assert visit["told_s"] < visit["data_s"] < visit["estimate_s"]
    assert record["left_behind_mb"] == [0.0]
    assert not running(tmp_path)


def test_a_killed_sensor_is_missed_and_the_others_go_on(plan, tmp_path):
    environment = child_environment(plan.fastdds)
    with Stage(kills.members(plan, False), tmp_path / "apart", environment) as stage:
        kills._begin(stage)
        (recovery,) = kills._apart(stage, ("lidar",))
        assert stage.crashes == []
    assert recovery.told_s > 0
    assert recovery.gap_s < recovery.estimate_s  # depth and CSI alone meanwhile


def test_a_process_that_ends_by_itself_is_a_crash(plan, tmp_path):
    wrong = Member("monitor_node", {"record": "/no/such/folder/x", "view": False})
    with Stage({"monitor": wrong}, tmp_path, child_environment(plan.fastdds)) as stage:
        stage.start("monitor")
        assert stage.until(lambda: None, 30.0) is None
        assert len(stage.crashes) == 1
        assert "monitor failed with exit code 1" in stage.crashes[0]


def test_cycles_of_a_real_node_are_measured_after_each(plan, tmp_path):
    record = cycles.run(plan, tmp_path / "cycles", 10)
    names = {"cycles: crashes", "cycles: done", "cycles: growth of threads"}
    assert all(b.ok for b in cycle_bounds(record, 10) if b.name in names)
    assert len(record["samples"]) == 10
    log = next((tmp_path / "cycles").glob("fusion_*.txt")).read_text()
    assert log.count("model untrained for") == 2  # configured at the start, and in cycle 10
    assert not running(tmp_path)


def test_minutes_of_made_up_time_have_every_fault_and_step(plan, tmp_path):
    record = fast.run(plan, tmp_path / "forward", 0.03, 2.0, lambda _: None)
    bounds = {b.name: b for b in forward_bounds(record, 0.03)}
    assert record["crashes"] == []
    assert bounds["forward: simulated"].ok
    assert bounds["forward: steps survived"].ok
    assert record["steps"] == 4
    assert record["refused"] > 0
    assert 0 < record["of_all_sensors"] < record["estimates"] < 216
    assert record["growth"]["files"] == 0.0


def test_a_forward_run_that_fails_is_told(plan, tmp_path, monkeypatch):
    right = fast.Settings
    monkeypatch.setattr(
        fast, "Settings", lambda *given: right(*given[:2], "/no/such/model", *given[3:])
    )
    record = fast.run(plan, tmp_path / "forward", 0.03, 2.0, lambda _: None)
    assert "forward failed with exit code 1" in record["crashes"][0]
    assert not all(b.ok for b in forward_bounds(record, 0.03))


def test_seconds_of_real_time_are_measured(soak_model, tmp_path):
    asked = Request("pose", check="memory", duration=15.0, quiet=True, model=soak_model)
    record = real.run(make_plan(asked, tmp_path), lambda _: None)
    assert record["crashes"] == []
    assert record["estimates"] > 20
    assert record["instants"] > 20
    assert set(record["growth"]) == {"memory_mb", "threads", "files"}
    assert None not in record["growth"].values()
    assert record["left_behind_mb"] == 0.0


def test_a_fusion_process_that_is_killed_in_real_time_is_a_crash(soak_model, tmp_path, monkeypatch):
    def killed(runner):
        runner.children[-1].process.kill()
        return []

    monkeypatch.setattr(real, "_held", killed)
    asked = Request("pose", check="memory", duration=15.0, quiet=True, model=soak_model)
    record = real.run(make_plan(asked, tmp_path), lambda _: None)
    assert "killed by SIGKILL" in record["crashes"][0]


def test_a_soak_that_is_killed_leaves_no_process(tmp_path):
    pytest.importorskip("rclpy")
    command = [sys.executable, "-m", "pta_ros.cli.pta_soak", "--only", "cycles", "--busy"]
    child = Child.start(
        "soak", [*command, "--out", str(tmp_path / "out")], dict(os.environ),
        tmp_path / "log.txt",
    )  # fmt: skip
    end = time.monotonic() + 60.0
    while len(running(tmp_path / "out")) < 3:
        assert time.monotonic() < end, child.log.read_text()
        time.sleep(0.1)
    below = psutil.Process(child.process.pid).children(recursive=True)
    child.process.kill()
    child.process.wait()
    _, alive = psutil.wait_procs(below, timeout=30.0)
    assert alive == []
