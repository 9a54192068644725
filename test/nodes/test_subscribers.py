"""Subscribers that nothing reaches are told of, without an event handler for each publisher."""

import time

import pytest

pytestmark = pytest.mark.ros

WITHIN_S = 10


@pytest.fixture
def pair(ros):
    """A node that publishes, and one that listens."""
    nodes = [ros.create_node(name) for name in ("speaker", "listener")]
    yield nodes
    for node in nodes:
        node.destroy_node()


def until(done):
    end = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def latched():
    from rclpy.qos import QoSDurabilityPolicy, QoSProfile

    return QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def test_a_subscriber_that_asks_for_too_much_is_told_of_once(pair):
    from std_msgs.msg import String

    from pta_ros.nodes.subscribers import Unmatched

    speaker, listener = pair
    publisher, unmatched = speaker.create_publisher(String, "words", 1), Unmatched(speaker)
    listener.create_subscription(String, "words", print, latched())
    until(lambda: speaker.count_subscribers("words") == 1)
    assert publisher.get_subscription_count() == 0
    assert unmatched.look() == []  # it may just have come
    (line,) = unmatched.look()
    assert line.startswith("/words: 1 of its subscribers get nothing: their QoS asks for more")
    assert unmatched.look() == []
    listener.create_subscription(String, "words", print, latched())
    until(lambda: speaker.count_subscribers("words") == 2)
    assert unmatched.look() == []
    assert unmatched.look()[0].startswith("/words: 2 of its subscribers")


def test_of_subscribers_that_are_reached_nothing_is_told(pair):
    from std_msgs.msg import String

    from pta_ros.nodes.subscribers import Unmatched

    speaker, listener = pair
    publisher, unmatched = speaker.create_publisher(String, "words", 1), Unmatched(speaker)
    listener.create_subscription(String, "words", print, 1)
    until(lambda: publisher.get_subscription_count() == 1)
    assert [unmatched.look() for _ in range(3)] == [[], [], []]


def test_a_node_without_its_publishers_events_publishes_and_ends_as_before(ros, pair):
    from std_msgs.msg import String

    from pta_ros.nodes.subscribers import drop_events

    speaker, listener = pair
    publisher, heard = speaker.create_publisher(String, "words", 1), []
    before = len(list(speaker.waitables))
    drop_events([speaker])
    drop_events([speaker])
    assert len(list(speaker.waitables)) < before
    assert not any(p.event_handlers for p in speaker.publishers)
    listener.create_subscription(String, "words", lambda msg: heard.append(msg.data), 1)
    until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(String(data="yes"))
    until(lambda: ros.spin_once(listener, timeout_sec=0.1) or heard)
    assert heard == ["yes"]
    ros.spin_once(speaker, timeout_sec=0.0)
    assert speaker.destroy_publisher(publisher)
