"""Fills Transforms from /tf_static, which keeps its messages for those who come late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from pta_ros.errors import ConfigError
from pta_ros.fusion.transforms import Transforms

TOPIC = "/tf_static"

#: That of tf2's own listener. The depth is over all publishers of static transforms together.
QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=100,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def tf_message() -> Any:
    """tf2_msgs/TFMessage, imported here because only few need it; ConfigError without it."""
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise ConfigError(
            "tf2_msgs is not on this Python's path, so nobody can read /tf_static; source a ROS "
            "distribution, or give the extrinsic parameter"
        ) from error
    return TFMessage


def listen(node: Node, transforms: Transforms, doubt: Callable[[str], None]) -> Any:
    """Subscribe /tf_static for `transforms`; `doubt` hears what is wrong with a message."""

    def take(msg: Any) -> None:
        for remark in transforms.take(msg):
            doubt(remark)

    return node.create_subscription(tf_message(), TOPIC, take, QOS)
