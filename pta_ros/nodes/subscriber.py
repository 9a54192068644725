"""The sensor node: subscribes one topic, and hands on each reading decoded, checked and reduced."""

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
from pta_ros.nodes.messages import MESSAGE_TYPES, stamp_ns
from pta_ros.nodes.runtime import Throttle
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
        self._subscription = None
        self._throttle = Throttle()

    def open(self, sensor: Sensor, topic: str, qos: QoSProfile, sink: Sink) -> None:
        """Subscribe `topic`; readings go to `sink` from now on."""
        self._sensor, self._topic, self._sink = sensor, topic, sink
        kind = MESSAGE_TYPES[sensor.modality]
        for events in (self._events(), SubscriptionEventCallbacks()):
            try:
                self._subscription = self.create_subscription(
                    kind, topic, self._on_message, qos, event_callbacks=events
                )
                return
            except UnsupportedEventTypeError:  # a middleware without some event: go without
                continue

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None

    def _on_message(self, msg: Any) -> None:
        now_ns = self._time.now().nanoseconds
        try:
            array = self._process(msg)
        except DecodeError as error:
            self._sink.reject(self._sensor.modality, error, msg, now_ns)
            return
        frame = Frame(self._sensor.modality, stamp_ns(msg.header.stamp), array, now_ns)
        self._sink.push(frame, msg)

    def _process(self, msg: Any) -> Any:
        """Decode, check and reduce; a decoder's own fault costs this message and not the node."""
        try:
            return self._sensor.process(msg, self._topic)
        except DecodeError:
            raise
        except Exception as error:
            text = self._throttle.pass_("decoder", traceback.format_exc())
            if text:
                self.get_logger().error(f"{self._topic}: the decoder failed: {text}")
            reason = f"the decoder failed: {type(error).__name__}: {error}"
            raise DecodeError(self._topic, reason, "a message that it can read") from error

    def _events(self) -> SubscriptionEventCallbacks:
        return SubscriptionEventCallbacks(
            incompatible_qos=self._on_incompatible_qos,
            incompatible_type=self._on_incompatible_type,
            message_lost=self._on_lost,
        )

    def _on_incompatible_qos(self, event: Any) -> None:
        policy = str(event.last_policy_kind).rsplit(".", maxsplit=1)[-1]
        self._sink.note(
            self._sensor.modality,
            f"a publisher of {self._topic} offers an incompatible QoS ({policy}): nothing arrives "
            "from it; change its QoS, or qos_reliability here",
        )

    def _on_incompatible_type(self, _event: Any) -> None:
        expected = MESSAGE_TYPES[self._sensor.modality].__name__
        self._sink.note(
            self._sensor.modality,
            f"a publisher of {self._topic} sends another message type; expected {expected}",
        )

    def _on_lost(self, event: Any) -> None:
        self._sink.lost(self._sensor.modality, event.total_count)


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
