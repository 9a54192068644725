"""The recorder on real topics in this process: what it subscribes, writes and says."""

import time

import pytest

from pta_ros.errors import ConfigError, DatasetError

pytestmark = pytest.mark.ros
NEVER_S = 30


class Rig:
    """A recorder made with parameters, publishers beside it, and a way to spin both."""

    def __init__(self, rclpy, folder):
        from rclpy.executors import SingleThreadedExecutor

        self.bag, self.recorder = folder / "bag", None
        self.node = rclpy.create_node("host")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)

    def record(self, **params):
        from rclpy.parameter import Parameter

        from pta_ros.nodes.recorder_node import RecorderNode

        given = {"bag": str(self.bag), **params}
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        self.recorder = RecorderNode(parameter_overrides=overrides)
        self.executor.add_node(self.recorder)

    def until(self, done):
        end = time.monotonic() + NEVER_S
        while not done():
            assert time.monotonic() < end
            self.executor.spin_once(timeout_sec=0.02)

    def heard(self, topic):
        """How many messages of a topic are written."""
        return self.recorder.tally(topic).written

    def publisher(self, kind, topic, qos=10):
        """A publisher that the recorder listens to, as both of them know."""
        out = self.node.create_publisher(kind, topic, qos)
        self.until(lambda: out.get_subscription_count() and self._matched(out.topic_name))
        return out

    def _matched(self, topic):
        listening = [s for s in self.recorder.subscriptions if s.topic_name == topic]
        return any(s.get_publisher_count() for s in listening)

    def finish(self):
        """Close the recorder; gives the bag's topics and its messages by topic."""
        from pta_ros.bags.bag import Bag

        self.recorder.close()
        with Bag([self.bag]) as bag:
            found = {name: [] for name in bag.topics}
            for raw in bag.messages(list(found)):
                found[raw.topic].append(raw)
            return dict(bag.topics), found

    def close(self):
        self.executor.shutdown()
        if self.recorder:
            self.recorder.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def rig(ros, tmp_path):
    pytest.importorskip("rosbags")
    rig = Rig(ros, tmp_path)
    yield rig
    rig.close()


def skeleton(number):
    from pta_msgs.msg import Skeleton

    msg = Skeleton()
    msg.header.stamp.sec = number
    return msg


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_bytes_order_qos_and_time_of_receipt(rig, storage):
    from pta_msgs.msg import Skeleton
    from rclpy.qos import qos_profile_sensor_data
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Image

    rig.record(topics="skeleton, camera", storage=storage)
    skeletons = rig.publisher(Skeleton, "skeleton")
    images = rig.publisher(Image, "camera", qos_profile_sensor_data)
    sent = [serialize_message(skeleton(number)) for number in (5, 3, 9)]
    begin_ns = rig.recorder.get_clock().now().nanoseconds
    for data in sent:
        skeletons.publish(data)
    images.publish(b"no image at all")
    rig.until(lambda: rig.heard("/skeleton") == 3 and rig.heard("/camera") == 1)
    end_ns = rig.recorder.get_clock().now().nanoseconds
    topics, found = rig.finish()
    assert [raw.data for raw in found["/skeleton"]] == sent
    assert [raw.data for raw in found["/camera"]] == [b"no image at all"]
    assert all(begin_ns < raw.time_ns < end_ns for raw in found["/skeleton"])
    assert topics["/skeleton"].type == "pta_msgs/msg/Skeleton"
    assert topics["/skeleton"].reliability == "reliable"
    assert topics["/camera"].reliability == "best_effort"


def test_what_was_sent_before_is_recorded_where_it_is_kept(rig):
    from rclpy.qos import DurabilityPolicy, QoSProfile
    from sensor_msgs.msg import CameraInfo

    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    rig.node.create_publisher(CameraInfo, "info", kept).publish(CameraInfo(width=640))
    rig.record(topics="info")
    rig.until(lambda: rig.heard("/info"))
    topics, found = rig.finish()
    assert len(found["/info"]) == 1
    assert topics["/info"].durability == "transient_local"


def test_it_ends_by_itself_after_its_duration(rig):
    from pta_msgs.msg import Skeleton

    rig.record(topics="skeleton", duration_s=0.2)
    out = rig.publisher(Skeleton, "skeleton")
    assert rig.recorder.exit_code is None
    out.publish(skeleton(1))
    rig.until(lambda: rig.recorder.exit_code == 0)
    assert len(rig.finish()[1]["/skeleton"]) == 1


def test_simulated_time_counts_and_nothing_is_written_before_it_begins(rig):
    from builtin_interfaces.msg import Time
    from pta_msgs.msg import Skeleton
    from rosgraph_msgs.msg import Clock

    rig.record(topics="skeleton", use_sim_time=True)
    out, clock = rig.publisher(Skeleton, "skeleton"), rig.publisher(Clock, "/clock")
    out.publish(skeleton(1))
    rig.until(lambda: rig.recorder.untimed == 1)
    clock.publish(Clock(clock=Time(sec=77)))
    rig.until(lambda: rig.recorder.get_clock().now().nanoseconds)
    out.publish(skeleton(2))
    rig.until(lambda: rig.heard("/skeleton") == 1)
    assert [raw.time_ns for raw in rig.finish()[1]["/skeleton"]] == [77_000_000_000]


def test_nothing_to_record_is_a_whole_bag_too(rig):
    rig.record()
    with pytest.raises(DatasetError, match="no messages in it; expected"):
        rig.finish()
    assert (rig.bag / "metadata.yaml").is_file()


def test_an_existing_folder_is_not_written_over(rig):
    rig.bag.mkdir()
    (rig.bag / "mine").write_text("keep")
    with pytest.raises(DatasetError, match="cannot write a bag there"):
        rig.record()
    assert (rig.bag / "mine").read_text() == "keep"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"bag": ""}, "bag is ''"),
        ({"topics": " ,"}, "expected at least one topic"),
        ({"storage": "zip"}, "expected one of mcap, sqlite3"),
        ({"topics": "a b!"}, "b!"),
        ({"topik": "a"}, "did you mean topics"),
    ],
)
def test_wrong_parameters_are_told_by_name(rig, params, said):
    with pytest.raises(ConfigError, match=said):
        rig.record(**params)
    assert not rig.bag.exists()
