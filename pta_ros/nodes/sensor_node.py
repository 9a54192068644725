"""The sensor node: subscribes one topic, and hands on each reading decoded, checked and reduced.

Where a LiDAR's transform is asked of /tf_static, it listens there, too. The executable is one
sensor's node near its sensor: it republishes each reading on `<topic>/reduced` with the message
type it came with, stamp and frame kept; so the fusion node (`composed: false`) reads it as it would
read the sensor itself. A compressed image becomes a plain one, and a cloud is in the frame it was
moved to. A message that fails its check is passed on, for the fusion node to judge the stream by
it: as it is, or, where that could be taken for a good one, empty; no person, as no points.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("sensor_node")

import traceback
from typing import Any

import numpy as np
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.node import Node
from rclpy.qos import QoSProfile

from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.frames import Frame
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.intake import DecoderFault
from pta_ros.fusion.level import intake_of
from pta_ros.fusion.sensor_params import SensorParams, sensor_from, sensor_specs
from pta_ros.fusion.transforms import Transforms
from pta_ros.home import model_folder
from pta_ros.nodes.base import (
    STEADY,
    Throttle,
    check_topic,
    checked_values,
    keep_last,
    named_early,
)
from pta_ros.nodes.beside import listen_beside, tf_message
from pta_ros.nodes.graph import UNSEEN, Seen, look_at, time_fault
from pta_ros.nodes.messages import message_class, to_reading
from pta_ros.nodes.sink import Sink
from pta_ros.sensors import SENSORS
from pta_ros.sensors.base import Sensor

#: Appended to a topic by the stand-alone sensor node.
REDUCED = "/reduced"
_LOOK_S = 2.0


class SensorNode(Node):
    """A subscription that can be opened and closed; `clock` is the node whose time counts."""

    def __init__(self, name: str, clock: Node | None = None, **options: Any) -> None:
        super().__init__(name, **options)
        self._time = (clock or self).get_clock()
        self._opened: list[Any] = []
        self._throttle = Throttle()
        self._remarked = ""
        #: The frame that the latest reading is in; empty before the first.
        self.frame_id = ""

    def open(
        self, sensor: Sensor, params: StreamParams, qos: QoSProfile, sink: Sink, topic: str = ""
    ) -> None:
        """Subscribe the stream's topic, or `topic`: a sensor node's, whose readings are reduced.

        Readings go to `sink` from now on.
        """
        transforms, self._remarked = Transforms(), ""
        self._intake, self._sink = intake_of(sensor, params, transforms, topic, bool(topic)), sink
        sink.remark(self._intake.modality, "")
        self._opened += listen_beside(self, self._intake, transforms, self._warn_beside)
        self._opened.append(self._subscribe(qos))

    def check(self, params: StreamParams) -> None:
        """Raise ConfigError unless the stream, and /tf_static where needed, can be subscribed."""
        for topic in (params.source, getattr(params.device, "camera_info", "") or params.source):
            check_topic(topic, self)
        if params.needs_transforms:
            tf_message()

    def look(self) -> Seen:
        """Who publishes the topic that is subscribed, if one is."""
        if not self._opened:
            return UNSEEN
        intake = self._intake
        others = intake.sensor.other_types
        return look_at(self, intake.modality, intake.topic, intake.type, others)

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
        self.frame_id = self._intake.frame_id
        self._sink.push(frame, msg)
        if (text := "; ".join(self._intake.remarks)) != self._remarked:
            self._remarked = text
            self._sink.remark(self._intake.modality, text)

    def _tell_fault(self, error: DecoderFault) -> None:
        """Log a decoder's own fault: it costs this message and not the node."""
        lines = traceback.format_exception(error.__cause__)
        if text := self._throttle.due("decoder", "".join(lines)):
            self.get_logger().error(f"{self._intake.topic}: the decoder failed: {text}")

    def _warn_beside(self, topic: str, remark: str) -> None:
        """Log what is wrong on a side topic; a stream that misses what it tells says so itself."""
        if text := self._throttle.due(remark, remark):
            self.get_logger().warning(f"{topic}: {text}")

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
    return keep_last(depth, reliable=reliability == "reliable")


class SensorProgram:
    """The sensor node on its own, and the publisher that its readings go to."""

    exit_code = None

    def __init__(self) -> None:
        self._node = SensorNode("sensor")
        params, self._stream = _asked(self._node)
        qos = sensor_qos(params.qos_depth)
        self._throttle = Throttle()
        self._sensor = _sensor(params.modality, params.model)
        self._kind = message_class(self._sensor.message_type)
        self._out = self._node.create_publisher(self._kind, self._stream.topic + REDUCED, qos)
        self._node.open(self._sensor, self._stream, qos, self)
        self._node.create_timer(_LOOK_S, self._look, clock=STEADY)

    def nodes(self) -> list[Node]:
        """The one node."""
        return [self._node]

    def close(self) -> None:
        """Unsubscribe."""
        self._node.close()

    def push(self, frame: Frame, msg: Any) -> None:
        """Publish a good reading, reduced."""
        msg.header.frame_id = self._node.frame_id
        self._out.publish(to_reading(self._sensor, frame.array, msg.header))

    def reject(self, modality: str, error: DecodeError, msg: Any, _now_ns: int) -> None:
        """Report a message that cannot be used, and pass it on for the fusion node to judge."""
        if isinstance(error, NobodySeen):
            nothing = np.empty((0, *self._sensor.shape[1:]), np.float32)
            return self._out.publish(to_reading(self._sensor, nothing, msg.header))
        self._warn(modality, str(error))
        same = isinstance(msg, self._kind) and not self._stream.frame
        return self._out.publish(msg if same else self._kind(header=msg.header))

    def note(self, modality: str, text: str) -> None:
        """Report a remark on the connection."""
        self._warn("connection", f"{modality}: {text}")

    def remark(self, modality: str, text: str) -> None:
        """Report a remark on a stream that is read."""
        if text:
            self._warn("remark", f"{modality}: {text}")

    def lost(self, modality: str, total: int) -> None:
        """Report messages that the middleware lost."""
        self._warn("lost", f"{modality}: {total} messages lost on the way so far")

    def _look(self) -> None:
        """Report what is wrong in the graph, a topic that nobody publishes included."""
        seen = self._node.look()
        for text in (time_fault(self._node), seen.wrong, "" if seen.publishers else seen.absent):
            if text:
                self._warn(text, text)

    def _warn(self, key: str, text: str) -> None:
        if due := self._throttle.due(key, text):
            self._node.get_logger().warning(due)


def _asked(node: Node) -> tuple[SensorParams, StreamParams]:
    """The parameters; which there are depends on the modality."""
    modality = named_early(node, "modality", SENSORS, SensorParams.modality)
    return sensor_from(checked_values(node, sensor_specs(modality)))


def _sensor(modality: str, model: str) -> Sensor:
    """The sensor with the settings of a model folder, or with the default ones."""
    if not model:
        return SENSORS[modality]()
    from pta_ros import checkpoint  # late: a machine near a sensor need not have torch

    sensors = checkpoint.load(model_folder(model)).sensors
    if modality not in sensors:
        raise ConfigError(f"model {model} has no {modality}; expected one of {sorted(sensors)}")
    return sensors[modality]
