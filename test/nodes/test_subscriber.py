"""A sensor node on real topics in this process."""

import time

import numpy as np
import pytest

pytestmark = pytest.mark.ros
NEVER_S = 30


class Sink:
    def __init__(self):
        self.frames, self.errors, self.notes = [], [], []

    def push(self, frame, msg):
        self.frames.append((frame, msg))

    def reject(self, modality, error, msg, now_ns):
        self.errors.append((modality, error, now_ns))

    def note(self, modality, text):
        self.notes.append((modality, text))

    def lost(self, modality, total):
        pass


@pytest.fixture
def rig(ros):
    """A sensor node for CSI, a publisher, and a way to spin both."""
    from rclpy.executors import SingleThreadedExecutor

    from pta_ros.nodes.messages import CsiFrame
    from pta_ros.nodes.subscriber import SensorNode, sensor_qos
    from pta_ros.sensors import SENSORS

    class Rig:
        sink = Sink()
        host = ros.create_node("host")
        node = SensorNode("csi", host, enable_rosout=False)
        executor = SingleThreadedExecutor()

        def open(self, sensor=None, reliability="best_effort"):
            qos = sensor_qos(5, reliability)
            self.node.open(sensor or SENSORS["csi"](), "wifi/csi", qos, self.sink)

        def until(self, done):
            end = time.monotonic() + NEVER_S
            while not done():
                assert time.monotonic() < end
                self.executor.spin_once(timeout_sec=0.05)

    rig = Rig()
    rig.sink = Sink()
    rig.publisher = rig.host.create_publisher(CsiFrame, "wifi/csi", sensor_qos(5))
    for node in (rig.host, rig.node):
        rig.executor.add_node(node)
    yield rig
    rig.executor.shutdown()
    rig.node.destroy_node()
    rig.host.destroy_node()


def csi_message(amplitude=None):
    from pta_ros.nodes.messages import to_csi, to_header

    wave = np.broadcast_to(np.sin(np.linspace(0, 6, 114))[None, :, None] + 2, (3, 114, 10))
    return to_csi(wave if amplitude is None else amplitude, to_header(7_000_000_009, "wifi"))


def test_readings_arrive_reduced_and_bad_ones_as_errors(rig):
    rig.open()
    rig.until(lambda: rig.publisher.get_subscription_count() == 1)
    rig.publisher.publish(csi_message())
    rig.until(lambda: rig.sink.frames)
    frame, msg = rig.sink.frames[0]
    assert (frame.modality, frame.stamp_ns) == ("csi", 7_000_000_009)
    assert frame.received_ns > frame.stamp_ns
    assert (frame.array.min(), frame.array.max()) == (0.0, 1.0)
    assert msg.header.frame_id == "wifi"

    rig.publisher.publish(csi_message(np.zeros((2, 114, 10))))
    rig.until(lambda: rig.sink.errors)
    modality, error, _ = rig.sink.errors[0]
    assert (modality, error.source) == ("csi", "wifi/csi")
    assert "(2, 114, 10)" in error.reason


def test_a_decoder_that_breaks_costs_one_message(rig):
    from pta_ros.sensors import CsiSensor

    class Broken(CsiSensor):
        def decode(self, msg, source):
            return 1 / 0

    rig.open(Broken())
    rig.until(lambda: rig.publisher.get_subscription_count() == 1)
    rig.publisher.publish(csi_message())
    rig.until(lambda: rig.sink.errors)
    assert "ZeroDivisionError" in rig.sink.errors[0][1].reason


def test_an_incompatible_publisher_is_noted(rig):
    rig.open(reliability="reliable")
    rig.until(lambda: rig.sink.notes)
    assert rig.sink.notes[0][0] == "csi"
    assert "wifi/csi" in rig.sink.notes[0][1]
    assert "RELIABILITY" in rig.sink.notes[0][1]


def test_closed_is_unsubscribed_and_may_open_again(rig):
    rig.open()
    rig.until(lambda: rig.publisher.get_subscription_count() == 1)
    rig.node.close()
    rig.node.close()
    rig.until(lambda: rig.publisher.get_subscription_count() == 0)
    rig.open()
    rig.until(lambda: rig.publisher.get_subscription_count() == 1)


def test_topic_names_are_checked(rig):
    from pta_ros.errors import ConfigError
    from pta_ros.nodes.subscriber import check_topic

    for topic in ("/camera/depth", "camera/depth", "~/depth"):
        check_topic(topic, rig.host)
    for topic in ("wifi csi", "wifi//csi", "1st/csi", "wifi/"):
        with pytest.raises(ConfigError, match=f"topic '{topic}'"):
            check_topic(topic, rig.host)


def test_a_composed_node_keeps_remappings_but_not_the_main_nodes_name(monkeypatch):
    pytest.importorskip("rclpy")
    from pta_ros.nodes.subscriber import composed_options

    arguments = ["node", "--ros-args", "-r", "__node:=pose", "-r", "__ns:=/lab", "-r", "a:=b"]
    monkeypatch.setattr("sys.argv", arguments)
    kept = composed_options()["cli_args"]
    assert kept == ["node", "--ros-args", "-r", "__ns:=/lab", "-r", "a:=b"]
