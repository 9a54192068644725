"""The doctor on real topics in this process."""

import time

import pytest
import yaml

pytest.importorskip("torch")
pytestmark = pytest.mark.ros
NEVER_S = 60


@pytest.fixture
def executor(ros):
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    yield executor
    executor.shutdown()


@pytest.fixture
def robot(ros, executor, synthetic_tree):
    """A node that publishes a depth camera, its CameraInfo and a CSI receiver."""
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo

    from pta_ros.datasets.mmfi import MmfiTree
    from pta_ros.nodes.messages import message_class, to_header, to_reading
    from pta_ros.sensors import SENSORS

    node = ros.create_node("driver", namespace="/cam")
    clip, outs = MmfiTree(synthetic_tree).clips[0], {}
    topics = {"depth": "/cam/depth/image_rect_raw", "csi": "/receiver/csi"}
    for modality, topic in topics.items():
        kind = message_class(SENSORS[modality].message_type)
        outs[modality] = node.create_publisher(kind, topic, qos_profile_sensor_data)
    infos = node.create_publisher(CameraInfo, "/cam/depth/camera_info", 5)
    sensors = {m: SENSORS[m]() for m in topics}

    def publish():
        now_ns = node.get_clock().now().nanoseconds
        for modality, sensor in sensors.items():
            array = sensor.compact(clip.read(modality, 1))
            outs[modality].publish(to_reading(sensor, array, to_header(now_ns, sensor.frame_id)))
        k = [570.0, 0.0, 319.5, 0.0, 570.0, 239.5, 0.0, 0.0, 1.0]
        p = [570.0, 0.0, 319.5, 0.0, 0.0, 570.0, 239.5, 0.0, 0.0, 0.0, 1.0, 0.0]
        infos.publish(CameraInfo(width=640, height=480, k=k, p=p, distortion_model="plumb_bob"))

    node.create_timer(0.1, publish)
    executor.add_node(node)
    yield topics
    node.destroy_node()


def test_a_live_robot(robot, executor, tmp_path, capsys):
    from pta_ros.fusion.params import read_params
    from pta_ros.nodes.doctor import Doctor

    file = tmp_path / "robot.yaml"
    doctor = Doctor(["--seconds", "3", "--yaml", str(file)])
    executor.add_node(doctor)
    end = time.monotonic() + NEVER_S
    while doctor.exit_code is None:
        assert time.monotonic() < end
        executor.spin_once(timeout_sec=0.05)
    found = doctor.findings()
    doctor.destroy_node()
    choices = {choice.modality: choice for choice in found.choices}
    assert {m: c.delivers for m, c in choices.items()} == {
        "depth": True, "lidar": False, "csi": True
    }  # fmt: skip
    assert doctor.exit_code == 1  # there is no LiDAR
    watch = choices["depth"].trial.watch
    assert watch.publishers == ("/cam/driver",)
    assert watch.qos == "best_effort volatile"
    assert watch.count > 3
    assert 0 <= watch.delay_ns < 10**9
    assert choices["depth"].trial.info[0] == "/cam/depth/camera_info"
    assert robot["depth"] in capsys.readouterr().out
    given = yaml.safe_load(file.read_text())["/**/fusion"]["ros__parameters"]
    assert {m: values["topic"] for m, values in given.items()} == robot
    assert read_params(file)[1]["csi"].source == robot["csi"]


@pytest.mark.parametrize("seconds", ["-1", "0", "nan", "1e9"])
def test_a_time_that_cannot_be_is_refused(ros, seconds):
    from pta_ros.errors import ConfigError
    from pta_ros.nodes.doctor import Doctor

    with pytest.raises(ConfigError, match=r"--seconds .*expected 1 to 3600"):
        Doctor(["--seconds", seconds])
