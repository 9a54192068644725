"""What a stream needs beside its messages: static transforms, and topics such as CameraInfo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.transforms import Transforms
from pta_ros.nodes.base import keep_last
from pta_ros.nodes.messages import message_class

#: Fits every publisher; what is latched is repeated with each image by all camera drivers.
SIDE_QOS = keep_last(1, reliable=False)
#: Static transforms, kept by their publishers for those who come late.
TF_STATIC = "/tf_static"
#: That of tf2's own listener. The depth is over all publishers of static transforms together.
TF_QOS = keep_last(100, reliable=True, latched=True)


def listen_beside(
    node: Node, intake: Intake, transforms: Transforms, remark: Callable[[str, str], None]
) -> list[Any]:
    """The subscriptions; `remark` is told the topic and what is wrong with a message on it."""
    opened = []
    if intake.needs_transforms:
        try:
            opened.append(listen_static(node, transforms, lambda text: remark(TF_STATIC, text)))
        except ConfigError as error:
            if not intake.assumes:
                raise
            remark(TF_STATIC, str(error))
    for topic, kind in intake.side_topics.items():

        def on_message(msg: Any, topic: str = topic) -> None:
            try:
                intake.take(topic, msg)
            except DecodeError as error:
                remark(topic, str(error))

        opened.append(node.create_subscription(message_class(kind), topic, on_message, SIDE_QOS))
    return opened


def tf_message() -> Any:
    """The class of the messages on /tf_static; raises ConfigError where there is none."""
    try:
        return message_class("tf2_msgs/msg/TFMessage")
    except ImportError as error:
        raise ConfigError(
            "tf2_msgs is not on this Python's path, so nobody can read /tf_static; source a ROS "
            "distribution, or give the extrinsic parameter"
        ) from error


def listen_static(node: Node, transforms: Transforms, remark: Callable[[str], None]) -> Any:
    """Fill `transforms` from /tf_static; `remark` is told what is wrong with a message."""

    def on_message(msg: Any) -> None:
        for text in transforms.take(msg):
            remark(text)

    return node.create_subscription(tf_message(), TF_STATIC, on_message, TF_QOS)
