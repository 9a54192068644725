"""`bag_to_dataset` as it is called: what it says, its exit codes, nothing half-written."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from pta_ros.bags.messages import header, message
from pta_ros.cli.bag_to_dataset import main
from pta_ros.datasets.mmfi import MmfiTree


@pytest.fixture
def call(tmp_path, capsys):
    """Call the tool; gives exit code, stdout and stderr."""

    def call(*arguments):
        code = main([*map(str, arguments), "--jobs", "1"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_it_tells_what_became_of_a_recording(write, call, tmp_path):
    bag = write(
        skip=lambda topic, n: topic == "/lidar/points" or (topic == "/ground_truth" and n > 9)
    )
    code, out, err = call(bag, tmp_path / "tree")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == (
        "bag: 10 frames (10 depth, 10 csi), truth: /ground_truth (pta_msgs/msg/Skeleton)"
    )
    assert "  left out: 10 instants: no truth yet, or no more" in lines
    (told,) = [line for line in lines if "lidar" in line]  # once
    assert told == "  no lidar: no topic lidar/points in the bag"
    assert lines[-1] == f"{tmp_path / 'tree'}: 10 frames in 1 recordings; synthetic"
    assert err.splitlines() == ["bag: 0/1 clips", "bag: 1/1 clips"]


def test_classes_are_told_for_the_training(write, call, tmp_path):
    (tmp_path / "notes.csv").write_text("start,end,label\n0,1,sit down\n1,2,wave\n")
    code, out, _ = call(write(), tmp_path / "tree", "--activities", tmp_path / "notes.csv")
    assert code == 0
    assert "classes: sit down, wave" in out.splitlines()


def other_message(n, stamp):
    return {"/chatter": message("std_msgs/msg/Header"), "/odd/poses": poses(stamp)}


def poses(stamp):
    return message("geometry_msgs/msg/PoseArray", header=header(stamp, "map"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--topic", "depth=/camera/depth"], "topic /camera/depth is not in the bag; "),
        (
            ["--topic", "truth=/nowhere"],
            "topic /nowhere is not in the bag; it has /tf_static (tf2_",
        ),
        (
            ["--topic", "depth=/lidar/points"],
            "topic /lidar/points is of type sensor_msgs/msg/Point",
        ),
        (["--topic", "sonar=/x"], "--topic sonar=/x: expected MODALITY=TOPIC"),
        (["--topic", "radar=/x"], "--topic radar=: sensor set mmfi has ['depth', 'lidar', 'csi']"),
        (["--sensor-set", "xrf55"], "windows of packets without activities; expected --activities"),
        (["--rate-hz", "0"], "rate 0 Hz; expected more than 0"),
        (["--clip-s", "0.1"], "clips of 0.1 s; expected 1 s or more"),
        (["--rest", "x"], "rest is 'x' without annotations"),
        (["--activities", "missing.csv"], "missing.csv: No such file"),
        (["--joints", "missing.yaml"], "missing.yaml: No such file"),
        (["--params", "missing.yaml"], "missing.yaml: No such file"),
        (["--topic", "depth=", "--topic", "lidar=", "--topic", "csi="], "no sensor is left"),
        (["--truth-from-model", "no_such_model"], "no_such_model"),
    ],
)
def test_a_wrong_argument_is_one_line_and_leaves_nothing(write, call, tmp_path, arguments, told):
    code, out, err = call(write(), tmp_path / "tree", *arguments)
    assert code == 1
    assert out == ""
    assert err.startswith("error: ")
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "tree").exists()


def test_no_recording_and_no_sensor_are_one_line(write, call, tmp_path):
    code, _, err = call(tmp_path / "nowhere", tmp_path / "tree")
    assert (code, err.count("\n")) == (1, 1)
    assert "nowhere" in err
    bag = write(
        skip=lambda topic, n: topic != "/chatter" and topic != "/odd/poses", truth=other_message
    )
    code, _, err = call(bag, tmp_path / "tree")
    assert (code, err.count("\n")) == (1, 1)
    assert "no topic of a sensor in the bag (depth/image, lidar/points, wifi/csi); it has" in err
    assert "/odd/poses (geometry_msgs/msg/PoseArray)" in err
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no annotation in it"),
        ("start,end,label\n", "no annotation in it"),
        ("start,end,label\n1,2\n", "line 2 is '1,2'"),
        ("0,1,sit\n5,4,wave\n", "line 2 is '5,4,wave'"),
        ("0,1,sit\n0.5,2,wave\n", "line 2 begins at 0.5 s, before line 1 ends"),
        ("100,200,sit\n", "no annotation lies in the recording, which lasts 1.9 s"),
    ],
)
def test_a_bad_annotation_file_is_one_line(write, call, tmp_path, text, told):
    path = tmp_path / "notes.csv"
    path.write_text(text)
    code, _, err = call(write(), tmp_path / "tree", "--activities", path)
    assert (code, err.count("\n")) == (1, 1)
    assert told in err
    assert not (tmp_path / "tree").exists()


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(write, call, tmp_path):
    bag = write(count=30)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, limits[1]))  # a cloud of 400 points is larger
    try:
        code, _, err = call(bag, tmp_path / "tree", "--clip-s", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert code == 1
    assert err.splitlines()[-1].startswith(f"error: {tmp_path / 'tree'}: File too large; expected")
    assert not list((tmp_path / "tree").rglob("A01"))
    code, out, _ = call(bag, tmp_path / "tree", "--clip-s", "1")
    assert code == 0
    assert "30 frames in 1 recordings" in out


def test_a_kill_at_any_moment_loses_nothing(write, tmp_path):
    bag = write(count=200)
    command = [sys.executable, "-m", "pta_ros.cli.bag_to_dataset", bag, tmp_path / "tree"]
    command = [*map(str, command), "--clip-s", "1", "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "tree").glob("E*/S*/A01")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    killed_at = len(list((tmp_path / "tree").glob("E*/S*/A01")))
    assert 0 < killed_at < 20
    assert main(command[3:]) == 0
    clips = MmfiTree(tmp_path / "tree").clips
    assert sum(len(clip.frame_numbers) for clip in clips) == 200
    assert not list((tmp_path / "tree").rglob(".partial*"))
