"""Topics by name and type, as player and recorder meet them: known only when they run."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from pta_ros.bags.records import Topic
from pta_ros.nodes import tf_listener

#: Messages that a publisher keeps for a slow subscriber, and a recorder while its disk is slow.
PLAYED, RECORDED = 10, 100

#: For timers that must go on when the time of the topics stands still or jumps.
STEADY = Clock(clock_type=ClockType.STEADY_TIME)


def names(text: str) -> list[str]:
    """The names in a parameter's text, separated by commas or blanks, each once."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def message_class(kind: str) -> Any:
    """The class of "package/msg/Name"; raises ImportError when this Python has none."""
    form = re.fullmatch(r"(\w+)/(?:msg/)?(\w+)", kind)
    if form is None:
        raise ImportError(f"{kind!r} is no message type")
    package, name = form.groups()
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except AttributeError as error:
        raise ImportError(f"no message class {kind}", name=package) from error


def play_qos(topic: Topic) -> QoSProfile:
    """The recorded publisher's QoS.

    Reliable where the bag does not say, as that fits every subscriber and best effort only some;
    static transforms are kept for those who come late.
    """
    static = topic.name == tf_listener.TOPIC
    latched = topic.durability == "transient_local" or static
    best_effort = topic.reliability == "best_effort" and not static
    depth = tf_listener.QOS.depth if latched else PLAYED
    return _qos(not best_effort, latched, depth)


def record_qos(offered: list[QoSProfile]) -> QoSProfile:
    """The strictest QoS that fits all of a topic's publishers."""
    return _qos(
        reliable=all(qos.reliability is ReliabilityPolicy.RELIABLE for qos in offered),
        latched=all(qos.durability is DurabilityPolicy.TRANSIENT_LOCAL for qos in offered),
        depth=RECORDED,
    )


def _qos(reliable: bool, latched: bool, depth: int) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def subscribe_raw(
    node: Node,
    kind: Any,
    topic: str,
    qos: QoSProfile,
    heard: Callable[[bytes, dict[str, Any]], None],
    lost: Callable[[int], None],
) -> Any:
    """Subscribe the serialized bytes; `heard` gets the middleware's message info with them.

    `lost` hears how many the middleware has lost in all.
    """
    events = SubscriptionEventCallbacks(message_lost=lambda event: lost(event.total_count))
    try:
        return node.create_subscription(kind, topic, heard, qos, event_callbacks=events, raw=True)
    except UnsupportedEventTypeError:  # a middleware that does not know: go without
        return node.create_subscription(kind, topic, heard, qos, raw=True)
