"""The stand-alone sensor node in this process: what leaves it is what a fusion node can trust."""

import os
import struct
import time

import cv2
import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.sensors import DepthSensor, LidarSensor

pytestmark = pytest.mark.ros
NEVER_S = 30


@pytest.fixture
def start():
    """Start a sensor node with parameters; gives a function that sends and awaits the answer."""
    rclpy = pytest.importorskip("rclpy")
    pytest.importorskip("pta_msgs")
    programs = []

    def make(kind, topic_in, topic_out, out, **params):
        from rclpy.executors import SingleThreadedExecutor

        from pta_ros.nodes.sensor_node import SensorProgram, sensor_qos

        given = [word for n, v in params.items() for word in ("-p", f"{n}:={v}")]
        rclpy.init(args=["--ros-args", *given], domain_id=101 + (os.getpid() + 60) % 120)
        program, executor = SensorProgram(), SingleThreadedExecutor()
        programs.append((program, executor))
        host = rclpy.create_node("host", use_global_arguments=False)
        for node in (host, *program.nodes()):
            executor.add_node(node)
        heard = []
        host.create_subscription(out, topic_out, heard.append, sensor_qos(5))
        publisher = host.create_publisher(kind, topic_in, sensor_qos(5))

        def until(done):
            end = time.monotonic() + NEVER_S
            while not done():
                assert time.monotonic() < end
                executor.spin_once(timeout_sec=0.05)

        def answer(msg):
            heard.clear()
            publisher.publish(msg)
            until(lambda: heard)
            return heard[-1]

        reader = program.nodes()[0].count_subscribers
        until(lambda: publisher.get_subscription_count() and reader(topic_out))
        return answer

    yield make
    for program, executor in programs:
        program.close()
        executor.shutdown()
        for node in program.nodes():
            node.destroy_node()
    rclpy.try_shutdown()


def test_a_compressed_image_leaves_as_a_plain_one_and_a_bad_one_empty(start):
    from sensor_msgs.msg import CompressedImage, Image

    from pta_ros.nodes.messages import buffer, to_header

    answer = start(
        *(CompressedImage, "depth/image/compressedDepth", "depth/image/reduced", Image),
        **{"modality": "depth", "transport": "compressedDepth"},
    )
    room = np.full((480, 640), 4000, np.uint16)
    room[100:400, 250:390] = 3000
    data = struct.pack("<iff", 0, 0, 0) + cv2.imencode(".png", room)[1].tobytes()

    def message(content):
        content = buffer(np.frombuffer(content, np.uint8))
        form = "16UC1; compressedDepth png"
        return CompressedImage(header=to_header(3, "camera"), format=form, data=content)

    good = answer(message(data))
    expected = DepthSensor().prepare(room * np.float32(0.001), "t")
    np.testing.assert_array_equal(DepthSensor().process(good, "t"), expected)
    assert (good.header.frame_id, good.header.stamp.nanosec) == ("camera", 3)
    bad = answer(message(data[:-20]))
    assert bad.header.stamp.nanosec == 3
    with pytest.raises(DecodeError):
        DepthSensor().process(bad, "t")


def test_a_cloud_leaves_in_the_frame_it_was_moved_to_and_a_bad_one_empty(start):
    from sensor_msgs.msg import PointCloud2

    from pta_ros.nodes.messages import to_header, to_reading

    answer = start(
        *(PointCloud2, "lidar/points", "lidar/points/reduced", PointCloud2),
        **{"modality": "lidar", "frame": "model", "extrinsic": "0 0 -5 0 0 0"},
    )
    points = np.random.default_rng(3).uniform((1.6, -1, 4.5), (4.4, 1, 5.5), (400, 3))
    good = answer(to_reading(LidarSensor(), points, to_header(3, "livox")))
    assert good.header.frame_id == "model"
    moved = LidarSensor().process(good, "t")
    assert moved[:, 2].mean() == pytest.approx(points[:, 2].mean() - 5, abs=0.05)
    # Where it is, this one would be a fine cloud; where it belongs, nobody is.
    bad = answer(to_reading(LidarSensor(), points - (0, 0, 5), to_header(3, "livox")))
    with pytest.raises(DecodeError):
        LidarSensor().process(bad, "t")
