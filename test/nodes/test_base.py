"""Names, message classes and QoS of topics that are known only at run time; throttled logs."""

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture
def topics():
    pytest.importorskip("rclpy")
    from types import SimpleNamespace

    from pta_ros.nodes.base import names
    from pta_ros.nodes.messages import message_class
    from pta_ros.nodes.player_node import play_qos
    from pta_ros.nodes.recorder_node import record_qos

    return SimpleNamespace(
        names=names, message_class=message_class, play_qos=play_qos, record_qos=record_qos
    )


def test_names_are_told_apart_by_commas_or_blanks(topics):
    assert topics.names("a, b c,,b ") == ["a", "b", "c"]
    assert topics.names("") == []


def test_message_classes_by_type(topics):
    from sensor_msgs.msg import Image

    assert topics.message_class("sensor_msgs/msg/Image") is Image
    assert topics.message_class("sensor_msgs/Image") is Image


@pytest.mark.parametrize("kind", ["no_such_msgs/msg/A", "sensor_msgs/msg/Nothing", "Image", ""])
def test_a_type_that_nobody_has_is_an_import_error(topics, kind):
    with pytest.raises(ImportError):
        topics.message_class(kind)


def policies(qos):
    return qos.reliability.name, qos.durability.name


def test_what_is_played_is_offered_as_it_was(topics):
    from pta_ros.bags.records import Topic

    image = "sensor_msgs/msg/Image"
    said = Topic("/a", image, 1, "best_effort", "volatile")
    assert policies(topics.play_qos(said)) == ("BEST_EFFORT", "VOLATILE")
    assert policies(topics.play_qos(Topic("/a", image, 1))) == ("RELIABLE", "VOLATILE")
    kept = Topic("/map", image, 1, "reliable", "transient_local")
    assert policies(topics.play_qos(kept)) == ("RELIABLE", "TRANSIENT_LOCAL")
    static = topics.play_qos(Topic("/tf_static", "tf2_msgs/msg/TFMessage", 1, "best_effort", ""))
    assert policies(static) == ("RELIABLE", "TRANSIENT_LOCAL")


def test_a_recorder_asks_for_no_more_than_every_publisher_offers(topics):
    from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data

    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    assert policies(topics.record_qos([kept])) == ("RELIABLE", "TRANSIENT_LOCAL")
    assert policies(topics.record_qos([kept, QoSProfile(depth=1)])) == ("RELIABLE", "VOLATILE")
    mixed = topics.record_qos([kept, qos_profile_sensor_data])
    assert policies(mixed) == ("BEST_EFFORT", "VOLATILE")


def test_throttle_counts_what_it_holds_back():
    pytest.importorskip("rclpy")
    from pta_ros.nodes.base import Throttle

    throttle = Throttle(period_s=1000.0)
    assert throttle.due("a", "first") == "first"
    assert throttle.due("a", "second") == ""
    assert throttle.due("b", "other") == "other"
    always = Throttle(period_s=0.0)
    assert always.due("a", "x") == always.due("a", "x") == "x"
