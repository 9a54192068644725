"""Records topics into a bag, where `ros2 bag` is not installed.

Each topic is subscribed as soon as somebody publishes it, with a QoS that fits its publishers; its
serialized messages are written as they come, with the time of receipt: that of the middleware, so
that a slow disk delays nobody's message, or the node's where time is simulated.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("recorder_node")

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from pta_ros.bags.writer import COMPRESSIONS, STORAGES, BagWriter
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.fusion.params import topics_of
from pta_ros.nodes.base import STEADY, ProgramNode, check_topic, keep_last, names
from pta_ros.nodes.beside import TF_STATIC
from pta_ros.nodes.messages import message_class
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.camera import info_topic
from pta_ros.settings import START, param

_LOOK_S = 0.1
#: Messages that are kept while the disk is slow.
_RECORDED = 100

#: What is recorded unless others are asked for: the fusion's input, its output and the truth.
DEFAULT = (
    *topics_of("mmfi").values(), info_topic(DepthSensor.topic), "skeleton", "people",
    "ground_truth", "truth/people",
    TF_STATIC, "/diagnostics",
)  # fmt: skip


@dataclass(frozen=True)
class RecorderParams:
    """The node's parameters."""

    bag: str = param("", "folder of the new bag; must not exist", change=START)
    topics: str = param(",".join(DEFAULT), "topics to record, separated by commas", change=START)
    storage: str = param("mcap", "format of the bag", choices=tuple(STORAGES), change=START)
    compression: str = param(
        "", "what is compressed with zstd: nothing, chunks (zstd; mcap only), the file or messages",
        choices=tuple(COMPRESSIONS), change=START,
    )  # fmt: skip
    duration_s: float = param(
        0.0, "end so long after the first message; 0: when stopped", unit="s", low=0.0, high=1e6,
        change=START,
    )  # fmt: skip


@dataclass
class Tally:
    """What became of one topic's messages."""

    written: int = 0
    lost: int = 0

    def __str__(self) -> str:
        return f"{self.written}" + (f" ({self.lost} lost)" if self.lost else "")


class RecorderNode(ProgramNode):
    """Writes what it hears until it is stopped or `duration_s` is over."""

    def __init__(self, **options: Any) -> None:
        super().__init__("recorder_node", RecorderParams, **options)
        if not self.params.bag:
            raise ConfigError("bag is ''; expected a new folder, as in -p bag:=walk")
        self._simulated = self.get_parameter("use_sim_time").value
        self._began_ns = 0  # steady time of the first message
        #: Messages that came before the time of the topics began, and are not written.
        self.untimed = 0
        self._pending = self._wanted()
        self._tallies = {topic: Tally() for topic in self._pending}
        path, params = Path(self.params.bag), self.params
        self._writer = BagWriter(path, params.storage, params.compression).__enter__()
        self.create_timer(_LOOK_S, self._look, clock=STEADY)
        self.get_logger().info(f"recording {', '.join(self._pending)} into {path}")

    # -- topics ---------------------------------------------------------------------------------

    def _wanted(self) -> list[str]:
        wanted = names(self.params.topics)
        if not wanted:
            raise ConfigError(f"topics is {self.params.topics!r}; expected at least one topic")
        for name in wanted:
            check_topic(name, self)
        return [self.resolve_topic_name(name) for name in wanted]

    def _look(self) -> None:
        """Subscribe what is published by now; end when it is time."""
        for topic in tuple(self._pending):
            publishers = self.get_publishers_info_by_topic(topic)
            if publishers:
                self._pending.remove(topic)
                self._open(topic, publishers)
        limit_ns = self.params.duration_s * 1e9
        if limit_ns and self._began_ns and time.monotonic_ns() - self._began_ns >= limit_ns:
            self.exit_code = 0

    def _open(self, topic: str, publishers: list[Any]) -> None:
        """Subscribe and record from now on; a topic that cannot be recorded is told once."""
        kind = publishers[0].topic_type
        qos = record_qos([publisher.qos_profile for publisher in publishers])
        reliable = qos.reliability is ReliabilityPolicy.RELIABLE
        latched = qos.durability is DurabilityPolicy.TRANSIENT_LOCAL
        try:
            message = message_class(kind)
            self._writer.topic(topic, kind, reliable=reliable, latched=latched)
        except ImportError:
            self._leave_out(topic, f"{kind} is not on this Python's path")
        except DatasetError as error:
            self._leave_out(topic, str(error))
        else:
            tally = self._tallies[topic]

            def lost(total: int) -> None:
                tally.lost = total

            def heard(data: bytes, info: dict[str, Any]) -> None:
                self._on_message(topic, kind, data, info["received_timestamp"])

            self._subscribe(message, topic, qos, heard, lost)

    def _subscribe(
        self,
        message: Any,
        topic: str,
        qos: QoSProfile,
        heard: Callable[[bytes, dict[str, Any]], None],
        lost: Callable[[int], None],
    ) -> None:
        """Serialized bytes, with the middleware's info; `lost` is told how many it lost in all."""
        events = SubscriptionEventCallbacks(message_lost=lambda event: lost(event.total_count))
        make = self.create_subscription
        try:
            make(message, topic, heard, qos, event_callbacks=events, raw=True)
        except UnsupportedEventTypeError:  # a middleware that does not know: go without
            make(message, topic, heard, qos, raw=True)

    def _leave_out(self, topic: str, why: str) -> None:
        del self._tallies[topic]
        self.get_logger().warning(f"{topic} is left out: {why}")

    def _on_message(self, topic: str, kind: str, data: bytes, received_ns: int) -> None:
        now_ns = self.get_clock().now().nanoseconds
        if not now_ns:  # simulated time, and no /clock yet
            self.untimed += 1
            return
        if received_ns and not self._simulated:
            now_ns = received_ns
        self._began_ns = self._began_ns or time.monotonic_ns()
        self._writer.write_raw(topic, kind, now_ns, data)
        self._tallies[topic].written += 1

    def tally(self, topic: str) -> Tally:
        """What became of a topic's messages; `topic` with its full name."""
        return self._tallies[topic]

    # -- the program ----------------------------------------------------------------------------

    def close(self) -> None:
        """Complete the bag and say what is in it."""
        try:
            self._writer.__exit__(None, None, None)
        except DatasetError as error:
            self.get_logger().error(f"not completed: {error}")
            self.exit_code = 1
        counts = ", ".join(f"{topic} {tally}" for topic, tally in self._tallies.items())
        total = sum(tally.written for tally in self._tallies.values())
        self.get_logger().info(f"recorded {total} messages into {self.params.bag}: {counts}")
        if self.untimed:
            self.get_logger().warning(f"{self.untimed} messages came before /clock and are not in")


def record_qos(offered: list[QoSProfile]) -> QoSProfile:
    """The strictest QoS that fits all of a topic's publishers."""
    reliable = all(qos.reliability is ReliabilityPolicy.RELIABLE for qos in offered)
    latched = all(qos.durability is DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
    return keep_last(_RECORDED, reliable, latched)
