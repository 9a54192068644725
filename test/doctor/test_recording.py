"""The doctor on recordings: which topics it takes, and the parameters that it gives."""

import numpy as np
import pytest
import yaml

from pta_ros.cli import evaluate_bag
from pta_ros.doctor.recording import examine
from pta_ros.fusion.config import STAMP_POLICIES
from pta_ros.fusion.params import read_params
from pta_ros.sensors.wire import changed

RECT, RAW = "/camera/camera/depth/image_rect_raw", "/camera/camera/color/image_raw"
INFO = "/camera/camera/depth/camera_info"
CUT = np.frombuffer(b"\x89PNG\r\n\x1a\n", np.uint8)
BOOT_NS = 1_700_000_000 * 10**9 - 500 * 10**9


@pytest.fixture
def whole(robot, record):
    """Two cameras (one in colour), the depth compressed too, a LiDAR since boot, a CSI receiver."""
    return record(
        {
            RAW: robot.colour,
            RECT: robot.depth,
            f"{RECT}/compressed": robot.png,
            "/cut/depth/compressed": lambda n, now: changed(robot.png(n, now), data=CUT),
            INFO: lambda n, now: robot.info(now),
            "/ouster/points": lambda n, now: robot.lidar(n, now - BOOT_NS),
            "/esp32/csi": robot.csi,
        }
    )


def chosen(found):
    return {c.modality: c.trial.watch.name for c in found.choices if c.trial}


def settings(found):
    merged = {}
    for choice in found.choices:
        merged |= choice.values
    return merged


def test_the_topics_and_parameters_of_a_robot(whole, sensors):
    found = examine([whole], sensors)
    assert chosen(found) == {"depth": RECT, "lidar": "/ouster/points", "csi": "/esp32/csi"}
    policy = {"lidar.stamp_policy": "align"} if "align" in STAMP_POLICIES else {}
    expected = {"depth.topic": RECT, "lidar.topic": "/ouster/points", "csi.topic": "/esp32/csi"}
    assert settings(found) == expected | policy
    assert [c.delivers for c in found.choices] == [True, bool(policy), True]
    depth = found.choices[0].trial
    assert (depth.tried, depth.passed, depth.info[0]) == (4, 4, INFO)
    lidar = found.choices[1].trial.watch
    assert lidar.rate_hz == pytest.approx(10.0, rel=1e-3)
    assert lidar.delay_ns == BOOT_NS + 5 * 10**6
    assert lidar.count == 12


def test_what_does_not_pass_is_named_with_its_reason(whole, sensors):
    trials = {t.watch.name: t for t in examine([whole], sensors).trials}
    colour, png, cut = (
        trials[name] for name in (RAW, f"{RECT}/compressed", "/cut/depth/compressed")
    )
    assert (colour.passed, colour.delivers) == (0, False)
    assert "rgb8" in colour.refused[0].reason
    assert (png.passed, png.values["depth.transport"]) == (4, "compressed")  # raw is taken
    assert (cut.passed, cut.refused[0].count) == (0, 4)
    assert "/cut/depth/compressed" in cut.refused[0].reason


def test_the_parameter_file_is_one_that_the_node_reads(whole, tmp_path, capsys):
    file = tmp_path / "made/robot.yaml"
    expected = 0 if "align" in STAMP_POLICIES else 1
    assert evaluate_bag.main([str(whole), "--doctor", "--yaml", str(file)]) == expected
    said = capsys.readouterr().out
    assert file.read_text(encoding="utf-8") in said
    _, streams = read_params(file)
    assert (streams["depth"].source, streams["lidar"].source) == (RECT, "/ouster/points")
    assert yaml.safe_load(file.read_text())["/**/fusion"]["ros__parameters"]["csi"] == {
        "topic": "/esp32/csi"
    }


def test_a_compressed_camera_alone(robot, record, sensors):
    name = "/rgbd/depth/image"
    found = examine([record({f"{name}/compressed": robot.png})], sensors)
    assert chosen(found) == {"depth": f"{name}/compressed"}
    assert settings(found) == {"depth.topic": name, "depth.transport": "compressed"}
    assert not found.delivers  # LiDAR and CSI are not there
    assert found.choices[0].delivers


def test_a_camera_info_elsewhere_is_found_by_its_frame(robot, record, sensors):
    topics = {"/a/depth": robot.depth, "/b/info": lambda n, now: robot.info(now)}
    topics["/c/info"] = lambda n, now: robot.info(now, "another_frame")
    found = examine([record(topics)], sensors)
    assert settings(found)["depth.camera_info"] == "/b/info"
    assert found.choices[0].trial.info[0] == "/b/info"


def test_another_unit_is_found(robot, record, sensors):
    def quarter(n, now):
        msg = robot.depth(n, now)
        msg.data = (msg.data.view("<u2") * 4).view("u1")
        return msg

    found = examine([record({"/l515/depth/image_rect_raw": quarter})], sensors)
    assert settings(found)["depth.scale_m"] == 0.00025
    assert found.choices[0].delivers


def test_a_recorder_with_another_clock_is_no_sensors_fault(robot, record, sensors):
    late = 90 * 10**9
    topics = {"/d/image": robot.depth, "/l/points": robot.lidar, "/csi": robot.csi}
    shifted = {t: lambda n, now, make=make: make(n, now - late) for t, make in topics.items()}
    found = examine([record(shifted)], sensors)
    assert found.recorder_ns == pytest.approx(late, abs=5 * 10**6)
    assert set(settings(found)) == {"depth.topic", "lidar.topic", "csi.topic"}


def test_the_people_of_a_fusion_node_are_no_lidar(robot, record, sensors):
    found = examine([record({"/obstacle_points": robot.lidar, "/l/cloud": robot.lidar})], sensors)
    assert chosen(found) == {"lidar": "/l/cloud"}
    assert [trial.watch.name for trial in found.trials] == ["/l/cloud"]


def test_a_whole_robot_ends_with_zero(robot, record, tmp_path):
    bag = record({"/d/image": robot.depth, "/l/points": robot.lidar, "/csi": robot.csi})
    assert evaluate_bag.main([str(bag), "--doctor"]) == 0


def test_two_seconds_behind_are_cured_by_a_setting(robot, record, sensors):
    late = 2 * 10**9
    topics = {"/d/image": robot.depth, "/l/points": lambda n, now: robot.lidar(n, now - late)}
    found = examine([record(topics)], sensors)
    cure = settings(found).keys() & {"lidar.stamp_policy", "lidar.offset_s"}
    assert len(cure) == 1
    assert found.choices[1].delivers


def test_a_scan_is_told_with_what_to_do(record, sensors, robot):
    from pta_ros.bags.bag import header, message

    def scan(n, now):
        return message("sensor_msgs/msg/LaserScan", header=header(now), ranges=[1.0, 2.0])

    found = examine([record({"/scan": scan, "/d/image": robot.depth})], sensors)
    lidar = found.choices[1]
    assert not lidar.delivers
    assert sensors["lidar"].other_types["sensor_msgs/msg/LaserScan"] in lidar.why
    assert [watch.name for watch, _ in found.others] == ["/scan"]


@pytest.mark.parametrize("kind", ["missing", "empty", "text"])
def test_what_is_no_recording_is_one_line_and_two(tmp_path, capsys, kind):
    path = tmp_path / "bag"
    if kind == "empty":
        path.mkdir()
    if kind == "text":
        path.write_text("hello")
    assert evaluate_bag.main([str(path), "--doctor"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert str(path) in said.err


def test_where_nothing_is_found_no_file_is_written(record, tmp_path, capsys):
    from pta_ros.bags.messages import message

    def text(n, now):
        return message("std_msgs/msg/String", data="hello")

    file = tmp_path / "robot.yaml"
    assert evaluate_bag.main([str(record({"/chat": text})), "--doctor", "--yaml", str(file)]) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[-1].startswith("no topic could feed a sensor")
    assert "ros__parameters" not in said
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_one_line(whole, tmp_path, capsys):
    assert evaluate_bag.main([str(whole), "--doctor", "--yaml", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert (
        said == f"error: {tmp_path}: Is a directory; expected a file to write the parameters to\n"
    )
