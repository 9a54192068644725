"""The sensor node: subscribes one topic, and hands on each reading decoded, checked and reduced.

Where a LiDAR's transform is asked of /tf_static, it listens there, too.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any, Protocol

from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.exceptions import InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.validate_full_topic_name import validate_full_topic_name

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import Frame
from pta_ros.fusion.intake import DecoderFault, Intake
from pta_ros.fusion.params import StreamParams
from pta_ros.fusion.transforms import Transforms
from pta_ros.nodes.messages import message_class
from pta_ros.nodes.runtime import Throttle
from pta_ros.nodes.tf_listener import listen
from pta_ros.sensors.base import Sensor

#: Appended to a topic by the stand-alone sensor node.
REDUCED = "/reduced"


class Sink(Protocol):
    """Where a sensor node's readings go; times are ns on the sensor node's clock."""

    def push(self, frame: Frame, msg: Any) -> None:
        """A good reading and the message it came from."""

    def reject(self, modality: str, error: DecodeError, msg: Any, now_ns: int) -> None:
        """A message that is none."""

    def note(self, modality: str, text: str) -> None:
        """A standing remark on the connection, such as an incompatible QoS."""

    def lost(self, modality: str, total: int) -> None:
        """Messages that the middleware knows it lost since the subscription began."""


class SensorNode(Node):
    """A subscription that can be opened and closed; `clock` is the node whose time counts."""

    def __init__(self, name: str, clock: Node | None = None, **options: Any) -> None:
        super().__init__(name, **options)
        self._time = (clock or self).get_clock()
        self._opened: list[Any] = []
        self._throttle = Throttle()

    def open(
        self, sensor: Sensor, params: StreamParams, qos: QoSProfile, sink: Sink, topic: str = ""
    ) -> None:
        """Subscribe `topic` (empty: the stream's own); readings go to `sink` from now on."""
        transforms = Transforms()
        self._intake, self._sink = Intake(sensor, params, transforms, topic), sink
        if self._intake.needs_transforms:
            self._opened.append(listen(self, transforms, self._doubt))
        self._opened.append(self._subscribe(qos))

    def close(self) -> None:
        """Unsubscribe."""
        while self._opened:
            self.destroy_subscription(self._opened.pop())

    def _subscribe(self, qos: QoSProfile) -> Any:
        kind, topic = message_class(self._intake.type), self._intake.topic
        make, heard = self.create_subscription, self._on_message
        try:
            return make(kind, topic, heard, qos, event_callbacks=self._events())
        except UnsupportedEventTypeError:  # a middleware without some event: go without
            return make(kind, topic, heard, qos)

    def _on_message(self, msg: Any) -> None:
        now_ns = self._time.now().nanoseconds
        try:
            frame = self._intake.frame(msg, now_ns)
        except DecodeError as error:
            if isinstance(error, DecoderFault):
                self._tell_fault(error)
            self._sink.reject(self._intake.modality, error, msg, now_ns)
            return
        self._sink.push(frame, msg)

    def _tell_fault(self, error: DecoderFault) -> None:
        """Log a decoder's own fault: it costs this message and not the node."""
        lines = traceback.format_exception(error.__cause__)
        text = self._throttle.pass_("decoder", "".join(lines))
        if text:
            self.get_logger().error(f"{self._intake.topic}: the decoder failed: {text}")

    def _doubt(self, remark: str) -> None:
        """Log what is wrong on /tf_static; a stream that misses a transform says so itself."""
        text = self._throttle.pass_(remark, remark)
        if text:
            self.get_logger().warning(f"/tf_static: {text}")

    def _events(self) -> SubscriptionEventCallbacks:
        return SubscriptionEventCallbacks(
            incompatible_qos=self._on_incompatible_qos,
            incompatible_type=self._on_incompatible_type,
            message_lost=self._on_lost,
        )

    def _on_incompatible_qos(self, event: Any) -> None:
        policy = str(event.last_policy_kind).rsplit(".", maxsplit=1)[-1]
        self._sink.note(
            self._intake.modality,
            f"a publisher of {self._intake.topic} offers an incompatible QoS ({policy}): nothing "
            "arrives from it; change its QoS, or qos_reliability here",
        )

    def _on_incompatible_type(self, _event: Any) -> None:
        self._sink.note(
            self._intake.modality,
            f"a publisher of {self._intake.topic} sends another message type; "
            f"expected {self._intake.type}",
        )

    def _on_lost(self, event: Any) -> None:
        self._sink.lost(self._intake.modality, event.total_count)


def sensor_qos(depth: int, reliability: str = "best_effort") -> QoSProfile:
    """Keep-last QoS of the sensor topics."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy[reliability.upper()],
    )


def check_topic(topic: str, node: Node) -> None:
    """Raise ConfigError for a name that cannot be a topic of this node."""
    try:
        full = expand_topic_name(topic, node.get_name(), node.get_namespace())
        validate_full_topic_name(full)
    except (ValueError, InvalidTopicNameException) as error:
        raise ConfigError(f"topic {topic!r}: {' '.join(str(error).split())}") from error


def composed_options() -> dict[str, Any]:
    """Options of a sensor node inside another node's process.

    It follows the process's remappings, but not its new name, which is meant for the main node;
    services that nobody asks of it are left out: every one costs time in each turn of the executor.
    """
    return {
        "use_global_arguments": False,
        "cli_args": _without_names(sys.argv),
        "enable_rosout": False,
        "start_parameter_services": False,
        "parameter_overrides": [
            Parameter("start_type_description_service", value=False),
            Parameter("use_sim_time", value=False),
        ],
    }


def _without_names(arguments: list[str]) -> list[str]:
    kept: list[str] = []
    for argument in arguments:
        if argument.startswith(("__node:=", "__name:=")):
            kept.pop()  # the flag before it: -r or --remap
        else:
            kept.append(argument)
    return kept
