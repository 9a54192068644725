"""pta_demo as a user runs it: real processes, real topics, a short script, an untrained model.

Errors and latencies are not judged here (the model is untrained and the machine may be busy), only
that what must never happen did not, and that everything is told and cleaned up.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ros, pytest.mark.slow]
PROGRAM = "import sys; from pta_ros.cli import run_pta_demo; sys.exit(run_pta_demo())"


@pytest.fixture(scope="session")
def demo_model(untrained_model, tmp_path_factory):
    """The untrained model with the statistics that the demo needs."""
    import shutil

    folder = tmp_path_factory.mktemp("demo") / "untrained"
    shutil.copytree(untrained_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["statistics"] = {"mean_pose_m": [[0.0, 0.1 * i - 0.8, 3.0] for i in range(17)]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def start(demo_model, tmp_path):
    """Start pta_demo with more arguments; whatever is left of it is ended afterwards."""
    for module in ("rclpy", "pta_msgs", "open3d"):
        pytest.importorskip(module)
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(paths))
    begun = []

    def begin(*arguments, out=tmp_path / "out", model=demo_model):
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            "--task",
            "pose",
            "--model",
            str(model),
            "--out",
            str(out),
            *arguments,
        ]
        process = subprocess.Popen(
            command,
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()  # its children end with it
            process.wait(20)


def wait_for(path, kind, process, within_s=90.0):
    end = time.monotonic() + within_s
    while not (path.is_file() and f'"type": "{kind}"' in path.read_text()):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end, f"no {kind} in {path}"
        time.sleep(0.1)


def running(*folders):
    """Process ids by command line, of all whose command line names one of these folders."""
    found = {}
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        command = " ".join(process.info["cmdline"] or ())
        if process.pid != os.getpid() and any(str(folder) in command for folder in folders):
            found[command] = process.pid
    return found


def test_a_short_demo_ends_with_a_whole_summary(start, tmp_path, demo_model):
    process = start("--duration", "12")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 3, said  # it ran; an untrained model is not accurate
    folder = tmp_path / "out"
    summary = json.loads((folder / "summary.json").read_text())
    names = [phase["name"] for phase in summary["phases"]]
    assert names[0] == "all"
    assert len(names) == 7
    assert (summary["schema"], summary["synthetic"]) == (2, True)
    assert (folder / "summary.png").read_bytes().startswith(b"\x89PNG")
    assert summary["frames"]["depth"]["received"] > 0
    assert summary["frames"]["csi"]["corrupt"] > 0
    verdict = summary["verdict"]
    assert {f["check"] for f in verdict if f["ok"] is False} == {"error"}
    assert {f["check"] for f in verdict if f["ok"]} >= {"state", "silence", "estimates", "instants"}
    assert str(tmp_path) not in (folder / "summary.json").read_text()
    shown = said.splitlines()
    phases = [line for line in shown if line.startswith("-- phase")]
    assert [line.split(", ")[1].split(" (")[0] for line in phases] == names
    assert shown[-1] == f"summary: {folder / 'summary.json'} and {folder / 'summary.png'}"
    assert not running(tmp_path, demo_model)


def test_a_short_demo_of_people_ends_with_a_whole_summary(start, tmp_path, people_model):
    process = start("--task", "people", "--duration", "24", model=people_model)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 3, said  # it ran; an untrained model is not accurate
    folder = tmp_path / "out"
    summary = json.loads((folder / "summary.json").read_text())
    phases = {phase["name"]: phase for phase in summary["phases"]}
    rooms = [phase["people"]["in_room"] for phase in phases.values()]
    assert rooms == [1, 2, 1, 1, 0, 1, 1, 1, 1]
    assert summary["task"] == "people"
    assert (folder / "summary.png").read_bytes().startswith(b"\x89PNG")
    assert summary["frames"]["lidar"]["corrupt"] > 0
    assert set(summary["frames"]) == {"depth", "lidar"}
    verdict = summary["verdict"]
    of_an_untrained_model = {"number", "found", "error", "deviations", "nobody", "diagnostics"}
    assert {f["check"] for f in verdict if f["ok"] is False} <= of_an_untrained_model
    assert {f["check"] for f in verdict if f["ok"]} >= {"state", "silence", "estimates", "instants"}
    assert "two people, good data from all sensors" in said
    assert not running(tmp_path, people_model)


def test_ctrl_c_stops_everything_and_says_what_is_left(start, tmp_path, demo_model):
    process = start("--duration", "60")
    wait_for(tmp_path / "out" / "monitor.jsonl", "skeleton", process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopped before the end" in said
    assert "monitor.jsonl, ticks.jsonl" in said
    assert "Traceback" not in said
    assert not running(tmp_path, demo_model)


def test_a_killed_fusion_process_is_told_in_one_line(start, tmp_path, demo_model):
    process = start("--duration", "60", "--quiet")
    wait_for(tmp_path / "out" / "monitor.jsonl", "skeleton", process)
    fusion = [pid for command, pid in running(demo_model).items() if "fusion_node" in command]
    assert len(fusion) == 1
    os.kill(fusion[0], signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: fusion_node was killed by SIGKILL" in said
    assert "Traceback" not in said
    assert not running(tmp_path, demo_model)


def test_a_killed_demo_leaves_no_process(start, tmp_path, demo_model):
    process = start("--duration", "60", "--quiet")
    wait_for(tmp_path / "out" / "monitor.jsonl", "skeleton", process)
    assert running(tmp_path, demo_model)
    process.kill()
    process.wait(20)
    end = time.monotonic() + 30.0
    while running(tmp_path, demo_model):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_model_that_cannot_be_loaded_is_told_in_one_line(start, demo_model, tmp_path):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_bytes((demo_model / "config.json").read_bytes())
    process = start("--duration", "12", model=tmp_path / "damaged")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "error: fusion_node failed" in said
    assert "model.safetensors" in said
    assert "Traceback" not in said


def test_two_demos_beside_each_other_do_not_mix(start, tmp_path):
    runs = [start("--duration", "60", "--seed", str(s), out=tmp_path / f"out{s}") for s in (1, 2)]
    for seed, process in zip((1, 2), runs, strict=True):
        wait_for(tmp_path / f"out{seed}" / "monitor.jsonl", "skeleton", process)
    time.sleep(1.0)
    for process in runs:
        process.send_signal(signal.SIGINT)
    for process in runs:
        process.communicate(timeout=60)
    for seed in (1, 2):
        told = records(tmp_path / f"out{seed}" / "ticks.jsonl")
        heard = records(tmp_path / f"out{seed}" / "monitor.jsonl")
        sent = {r["stamp_ns"] for r in told if r["type"] == "tick"}
        stamps = [r["stamp_ns"] for r in heard if r["type"] in ("skeleton", "truth")]
        assert stamps
        assert set(stamps) <= sent


def records(path):
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def test_the_truth_of_every_window_that_may_end_after_the_script_is_told(tmp_path):
    """A radar frame 88 ms before a window's end keeps the next window fresh: it is judged, too."""
    pytest.importorskip("rclpy")
    script = {"sensors": ["radar", "wifi", "rfid"]}
    script["phases"] = [{"name": "all", "start_s": 0, "end_s": 1.0}]
    (tmp_path / "script.yaml").write_text(json.dumps({"script": script}))
    given = {"script": tmp_path / "script.yaml", "log": tmp_path / "ticks.jsonl"}
    command = [sys.executable, "-m", "pta_ros.nodes.rf_sim_node", "--ros-args"]
    for name, value in given.items():
        command += ["-p", f"{name}:={value}"]
    subprocess.run(command, env=dict(os.environ, ROS_DOMAIN_ID="97"), check=True, timeout=120)
    ticks = [r for r in records(tmp_path / "ticks.jsonl") if r["type"] == "tick"]
    last = max(tick["stamp_ns"] for tick in ticks if tick["phase"] == "all")
    after = [tick["stamp_ns"] - last for tick in ticks if tick["stamp_ns"] > last]
    assert after[:2] == [500_000_000, 1_000_000_000]
    assert [tick["phase"] for tick in ticks[-2:]] == [None, None]
