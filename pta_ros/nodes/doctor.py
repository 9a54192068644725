"""Looks at the live graph: which topics could feed a sensor, and the parameters that use them.

ros2 run pta_ros doctor --model people_lite --seconds 5 --yaml robot.yaml
Exit code 0 when every sensor of the model has a topic that delivers, 1 otherwise.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("doctor")

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.utilities import remove_ros_args

from pta_ros.checkpoint import load
from pta_ros.clock import to_ns
from pta_ros.doctor.findings import Findings, find, settings_of, wanted
from pta_ros.doctor.text import tell
from pta_ros.doctor.watch import SAMPLES, Watch
from pta_ros.errors import ConfigError, DecodeError
from pta_ros.fusion.transforms import Transforms
from pta_ros.home import model_folder
from pta_ros.nodes.base import STEADY, keep_last
from pta_ros.nodes.beside import listen_static
from pta_ros.nodes.messages import message_class
from pta_ros.sensors.camera import CAMERA_INFO

_LOOK_S = 0.25
#: How long to listen, at least and at most.
_LEAST_S, _MOST_S = 1.0, 3600.0
#: A large cloud must not keep the others waiting: the newest few are enough.
_DEPTH = 5


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line, without what ROS reads."""
    parser = argparse.ArgumentParser("doctor", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to listen")
    told = "whose sensors to look for: a folder or a shipped model's name (default: mmfi_lite)"
    parser.add_argument("--model", default="", help=told)
    parser.add_argument("--yaml", type=Path, help="write the parameter file")
    return parser.parse_args(arguments)


class Doctor(Node):
    """Listens to every topic that concerns a sensor, best effort, then tells what it found."""

    def __init__(self, arguments: Sequence[str] | None = None) -> None:
        given = remove_ros_args(sys.argv)[1:] if arguments is None else arguments
        self.options = parse(given)
        if not _LEAST_S <= self.options.seconds <= _MOST_S:
            expected = f"expected {_LEAST_S:g} to {_MOST_S:g}"
            raise ConfigError(f"--seconds {self.options.seconds:g}; {expected}")
        super().__init__("doctor")
        self.exit_code: int | None = None
        source = load(model_folder(self.options.model))
        self.sensors = source.live_sensors
        self._settings = settings_of(self.options.model, source.finder is not None)
        self.watches: dict[str, Watch] = {}
        self.sides: dict[str, Watch] = {}
        self.transforms = Transforms()
        self._every_ns = to_ns(self.options.seconds / (SAMPLES + 1))
        self._look()
        try:
            listen_static(self, self.transforms, self.get_logger().warning)
        except ConfigError as error:  # no tf2_msgs: clouds that need a transform say so
            self.get_logger().warning(str(error))
        self.create_timer(_LOOK_S, self._look, clock=STEADY)
        self.create_timer(self.options.seconds, self._end, clock=STEADY)

    def nodes(self) -> list[Any]:
        """The nodes to spin."""
        return [self]

    def close(self) -> None:
        """Nothing is held."""

    def findings(self) -> Findings:
        """What is known by now."""
        for name in (*self.watches, *self.sides):
            self._describe(name)
        found = find(self.sensors, self.watches, self.sides, self.transforms)
        return replace(found, settings=self._settings)

    def _end(self) -> None:
        if self.exit_code is None:
            self.exit_code = tell(self.findings(), self.options.yaml)

    def _look(self) -> None:
        """Subscribe to topics that are new."""
        for name, kinds in self.get_topic_names_and_types():
            if name in self.watches or name in self.sides:
                continue
            mine = [k for k in kinds if k == CAMERA_INFO or wanted(k, self.sensors)]
            if mine and self.get_publishers_info_by_topic(name):
                watch = Watch(name, mine[0])
                if len(kinds) > 1:
                    watch.problem = f"published with several types: {', '.join(kinds)}"
                (self.sides if mine[0] == CAMERA_INFO else self.watches)[name] = watch
                self._listen(watch)

    def _listen(self, watch: Watch) -> None:
        try:
            kind = message_class(watch.type)
        except ImportError:
            watch.problem = f"{watch.type} is not installed here: seen by its name only"
            return

        def heard(data: bytes) -> None:
            now_ns = self.get_clock().now().nanoseconds
            watch.heard(data, now_ns, self._every_ns, partial(_decode, data, kind, watch.name))

        self.create_subscription(kind, watch.name, heard, self._fitting(watch.name), raw=True)

    def _fitting(self, name: str) -> QoSProfile:
        """QoS that all publishers of a topic can serve."""
        ends = self.get_publishers_info_by_topic(name)
        kept = DurabilityPolicy.TRANSIENT_LOCAL
        latched = all(end.qos_profile.durability is kept for end in ends)
        return keep_last(_DEPTH, reliable=latched, latched=latched)

    def _describe(self, name: str) -> None:
        """Who publishes a topic, and with which QoS."""
        watch = self.watches.get(name) or self.sides[name]
        ends = self.get_publishers_info_by_topic(name)
        nodes = [f"{end.node_namespace.rstrip('/')}/{end.node_name}" for end in ends]
        watch.publishers = tuple(sorted(nodes))
        offers = {
            f"{e.qos_profile.reliability.name} {e.qos_profile.durability.name}".lower()
            for e in ends
        }
        watch.qos = " or ".join(sorted(offers))


def _decode(data: bytes, kind: type, topic: str) -> Any:
    try:
        return deserialize_message(data, kind)
    except Exception as error:  # the middleware raises what the bytes lead it to
        reason = f"{len(data)} bytes cannot be decoded ({type(error).__name__})"
        raise DecodeError(topic, reason, f"a serialized {kind.__name__}") from error
