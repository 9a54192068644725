"""Timers go on beside more messages than a process can take; no slow callback changes anything."""

import threading
import time

import pytest

pytestmark = pytest.mark.ros
FLOOD_S = 3.0


@pytest.fixture
def node(ros):
    node = ros.create_node("flooded")
    yield node
    node.destroy_node()


@pytest.fixture
def flood(ros):
    """Three topics, some hundred messages each a second, by another thread."""
    from std_msgs.msg import String

    other, stop = ros.create_node("floods"), threading.Event()
    publishers = [other.create_publisher(String, f"flood{i}", 10) for i in range(3)]

    def send():
        while not stop.wait(0.002):
            for publisher in publishers:
                publisher.publish(String(data="x"))

    thread = threading.Thread(target=send)
    yield thread.start
    stop.set()
    thread.join()
    other.destroy_node()


def turned(turns, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        turns.once()


@pytest.mark.parametrize("by_events", [True, False])
def test_timers_go_on_beside_more_messages_than_can_be_taken(node, flood, by_events):
    from std_msgs.msg import String

    from pta_ros.nodes.turns import Turns

    ticks = []
    node.create_timer(0.05, lambda: ticks.append(time.monotonic()))
    for i in range(3):
        node.create_subscription(String, f"flood{i}", lambda _: time.sleep(0.005), 5)
    turns = Turns([node], by_events)
    flood()
    turned(turns, FLOOD_S)
    assert not turns.by_events
    assert len(ticks) > 20  # 60 on a quiet machine; a dozen where messages go first
    last = [tick for tick in ticks if tick > time.monotonic() - 1.0]
    assert len(last) > 8


def test_one_slow_callback_is_no_flood(node):
    pytest.importorskip("rclpy.experimental")
    from pta_ros.nodes.turns import Turns

    ticks = []
    node.create_timer(0.01, lambda: ticks.append(time.sleep(0.8) if len(ticks) == 10 else None))
    turns = Turns([node], by_events=True)
    turned(turns, 2.0)
    assert len(ticks) > 20
    assert turns.by_events
