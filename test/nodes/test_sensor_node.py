"""A sensor node on real topics in this process."""

import importlib.util
import struct
import time

import cv2
import numpy as np
import pytest

from pta_ros.sensors import SENSORS, CsiSensor, LidarSensor

pytestmark = pytest.mark.ros
NEVER_S = 30


class Sink:
    def __init__(self):
        self.frames, self.errors, self.notes, self.remarks = [], [], [], []

    def push(self, frame, msg):
        self.frames.append((frame, msg))

    def reject(self, modality, error, msg, now_ns):
        self.errors.append((modality, error, now_ns))

    def note(self, modality, text):
        self.notes.append((modality, text))

    def remark(self, modality, text):
        self.remarks.append((modality, text))

    def lost(self, modality, total):
        pass


@pytest.fixture
def rig(ros):
    """A sensor node for CSI, a publisher, and a way to spin both."""
    from pta_msgs.msg import CsiFrame
    from rclpy.executors import SingleThreadedExecutor

    from pta_ros.fusion.params import StreamParams
    from pta_ros.nodes.sensor_node import SensorNode, sensor_qos
    from pta_ros.sensors import SENSORS

    class Rig:
        sink = Sink()
        host = ros.create_node("host")
        node = SensorNode("csi", host, enable_rosout=False)
        executor = SingleThreadedExecutor()

        def open(self, sensor=None, reliability="best_effort", topic="wifi/csi", **params):
            params, qos = StreamParams(topic=topic, **params), sensor_qos(5, reliability)
            self.node.open(sensor or SENSORS["csi"](), params, qos, self.sink)

        def connected(self, kind, topic):
            """A publisher that the sensor node hears."""
            publisher = self.host.create_publisher(kind, topic, sensor_qos(5))
            self.meet(publisher)
            return publisher

        def meet(self, publisher=None):
            """Wait until publisher and sensor node both know of each other."""
            publisher = publisher or self.publisher
            self.until(lambda: publisher.get_subscription_count() == 1)
            ends = [s for s in self.node.subscriptions if s.topic_name == publisher.topic_name]
            self.until(lambda: ends[0].get_publisher_count() == 1)

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
    from pta_ros.nodes.messages import to_header, to_reading

    wave = np.broadcast_to(np.sin(np.linspace(0, 6, 114))[None, :, None] + 2, (3, 114, 10))
    amplitude = wave if amplitude is None else amplitude
    return to_reading(CsiSensor(), amplitude, to_header(7_000_000_009, "wifi"))


def test_readings_arrive_reduced_and_bad_ones_as_errors(rig):
    rig.open()
    rig.meet()
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

    class Broken(CsiSensor):
        def decode(self, msg, source):
            return 1 / 0

    rig.open(Broken())
    rig.meet()
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


@pytest.mark.parametrize("transport", ["compressedDepth", "compressed"])
def test_compressed_depth_arrives_like_plain_depth(rig, transport):
    from sensor_msgs.msg import CompressedImage

    from pta_ros.nodes.messages import buffer, to_header
    from pta_ros.sensors import DepthSensor

    room = np.full((480, 640), 4000, np.uint16)
    room[100:400, 250:390] = 3000
    data = cv2.imencode(".png", room)[1].tobytes()
    form = "16UC1; png compressed"
    if transport == "compressedDepth":
        data, form = struct.pack("<iff", 0, 0, 0) + data, "16UC1; compressedDepth png"
    rig.open(DepthSensor(), topic="depth/image", transport=transport)
    publisher = rig.connected(CompressedImage, f"depth/image/{transport}")
    header = to_header(5_000_000_001, "camera")
    whole = buffer(np.frombuffer(data, np.uint8))
    publisher.publish(CompressedImage(header=header, format=form, data=whole))
    rig.until(lambda: rig.sink.frames)
    frame, _ = rig.sink.frames[0]
    expected = DepthSensor().prepare(room * np.float32(0.001), "t")
    np.testing.assert_array_equal(frame.array, expected)
    assert (frame.modality, frame.stamp_ns) == ("depth", 5_000_000_001)

    publisher.publish(CompressedImage(header=header, format=form, data=whole[:-9]))
    rig.until(lambda: rig.sink.errors)
    assert "cut off" in rig.sink.errors[0][1].reason


HAS_TF2 = importlib.util.find_spec("tf2_msgs") is not None


def cloud_message(frame):
    from pta_ros.nodes.messages import to_header, to_reading

    points = np.random.default_rng(3).uniform((1.6, -1, 0.5), (4.4, 1, 1.2), (400, 3))
    return points.astype(np.float32), to_reading(LidarSensor(), points, to_header(1, frame))


@pytest.mark.skipif(not HAS_TF2, reason="needs tf2_msgs from a ROS distribution")
def test_a_cloud_is_moved_by_what_tf_static_said_before(rig):
    from geometry_msgs.msg import TransformStamped
    from sensor_msgs.msg import PointCloud2
    from tf2_msgs.msg import TFMessage

    from pta_ros.nodes.beside import TF_QOS
    from pta_ros.nodes.messages import to_header
    from pta_ros.sensors import LidarSensor

    listed = []
    for child, height in (("model", 1.0), ("livox", 1.25), ("bad", 0.0)):
        one = TransformStamped(header=to_header(0, "base"), child_frame_id=child)
        one.transform.translation.z = height
        one.transform.rotation.w = float(child != "bad")
        listed.append(one)
    tf = rig.host.create_publisher(TFMessage, "/tf_static", TF_QOS)
    tf.publish(TFMessage(transforms=listed))

    rig.open(LidarSensor(), topic="lidar/points", frame="model")
    publisher = rig.connected(PointCloud2, "lidar/points")
    points, msg = cloud_message("livox")

    def send():
        publisher.publish(msg)
        return rig.sink.frames

    rig.until(send)
    for _, error, _ in rig.sink.errors:  # clouds that were faster than the transforms
        assert "no static transform leads to 'model'" in error.reason
    moved = rig.sink.frames[0][0].array
    gaps = np.linalg.norm(points[:, None] + (0, 0, 0.25) - moved[None], axis=2).min(axis=0)
    assert gaps.max() < 1e-5

    rig.sink.errors.clear()
    publisher.publish(cloud_message("elsewhere")[1])
    rig.until(lambda: rig.sink.errors)
    assert "'elsewhere'" in rig.sink.errors[0][1].reason
    rig.node.close()
    rig.until(lambda: tf.get_subscription_count() == 0)


@pytest.mark.skipif(HAS_TF2, reason="tf2_msgs is installed")
def test_without_tf2_msgs_the_error_says_what_would_help(rig):
    from pta_ros.errors import ConfigError
    from pta_ros.sensors import LidarSensor

    with pytest.raises(ConfigError, match=r"tf2_msgs.*extrinsic parameter"):
        rig.open(LidarSensor(), topic="lidar/points", frame="model")


def test_a_given_extrinsic_needs_no_tf2_msgs(rig):
    from sensor_msgs.msg import PointCloud2

    from pta_ros.sensors import LidarSensor

    rig.open(LidarSensor(), topic="lidar/points", frame="model", extrinsic="0 0 -0.5 0 0 0")
    publisher = rig.connected(PointCloud2, "lidar/points")
    points, msg = cloud_message("livox")
    publisher.publish(msg)
    rig.until(lambda: rig.sink.frames)
    moved = rig.sink.frames[0][0].array
    assert moved[:, 2].max() == pytest.approx(points[:, 2].max() - 0.5, abs=0.02)


def test_topic_names_are_checked(rig):
    from pta_ros.errors import ConfigError
    from pta_ros.nodes.base import check_topic

    for topic in ("/camera/depth", "camera/depth", "~/depth"):
        check_topic(topic, rig.host)
    for topic in ("wifi csi", "wifi//csi", "1st/csi", "wifi/"):
        with pytest.raises(ConfigError, match=f"topic '{topic}'"):
            check_topic(topic, rig.host)


def test_a_composed_node_keeps_remappings_but_not_the_main_nodes_name(monkeypatch):
    pytest.importorskip("rclpy")
    from pta_ros.nodes.composed import composed_options

    arguments = ["node", "--ros-args", "-r", "__node:=pose", "-r", "__ns:=/lab", "-r", "a:=b"]
    monkeypatch.setattr("sys.argv", arguments)
    kept = composed_options()["cli_args"]
    assert kept == ["node", "--ros-args", "-r", "__ns:=/lab", "-r", "a:=b"]


def test_every_stream_type_has_its_class():
    pytest.importorskip("rclpy")
    from pta_ros.fusion.config import COMPRESSED
    from pta_ros.nodes.messages import message_class

    for name in (COMPRESSED, *(kind.message_type for kind in SENSORS.values())):
        package, _, last = name.split("/")
        found = message_class(name)
        assert (found.__module__.split(".")[0], found.__name__) == (package, last)


def test_a_camera_info_is_heard_beside_the_image_and_its_lack_is_remarked(rig):
    from sensor_msgs.msg import CameraInfo, Image

    from pta_ros.nodes.messages import to_header, to_reading
    from pta_ros.sensors import DepthSensor

    rig.open(DepthSensor(), topic="cam/depth/image_raw")
    images = rig.connected(Image, "cam/depth/image_raw")
    infos = rig.connected(CameraInfo, "cam/depth/camera_info")
    room = np.full((480, 848), 4000, np.uint16)
    room[200:300, 300:600] = 2000
    msg = to_reading(DepthSensor(), room, to_header(7, "cam_optical"))

    def after(count):
        images.publish(msg)
        rig.until(lambda: len(rig.sink.frames) >= count)
        return rig.sink.frames[-1][0].array[48]

    assert (after(1) == 2).sum() == 60
    rig.until(lambda: "intrinsics assumed" in rig.sink.remarks[-1][1])
    info = CameraInfo(width=848, height=480, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [425.0, 0.0, 423.5, 0.0, 425.0, 239.5, 0.0, 0.0, 1.0]

    def told():
        infos.publish(info)
        return (after(len(rig.sink.frames) + 1) == 2).sum() == 80

    rig.until(lambda: told() or rig.executor.spin_once(timeout_sec=0.05))
    rig.until(lambda: rig.sink.remarks[-1] == ("depth", ""))
    assert rig.node.frame_id == "cam_optical"
