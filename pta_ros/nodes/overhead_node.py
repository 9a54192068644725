"""The fusion node beside a sensor that publishes CSI frames: what it adds to the model's time.

Only one stream is LIVE, so that no wait for others is in the latency. `bench_pta` runs it; latency
and the model's part are written for every estimate but the first ones.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("overhead_node")

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pta_msgs.msg import CsiFrame, Skeleton
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from pta_ros.clock import stamp_ns
from pta_ros.frames import Estimate
from pta_ros.nodes.base import read_parameters
from pta_ros.nodes.fusion_node import FusionNode
from pta_ros.nodes.messages import to_header, to_reading
from pta_ros.sensors import CsiSensor
from pta_ros.settings import START, param

#: The share of the first messages that is left out: the machine warms up.
_SKIPPED, _PERIOD_S = 1 / 6, 0.05


@dataclass(frozen=True)
class OverheadParams:
    """The node's parameters."""

    out: str = param(
        "", "JSON file for the result", change=START,
        form=lambda value: "" if value else "the name of a file",
    )  # fmt: skip
    messages: int = param(120, "skeletons to wait for", low=6, high=100_000, change=START)


class OverheadNode(FusionNode):
    """The fusion node's program, with one more node that plays the sensor and notes the times."""

    def __init__(self) -> None:
        self._node = Node("overhead_node")
        self._wanted = read_parameters(self._node, OverheadParams)
        super().__init__()
        self._rng = np.random.default_rng(0)
        self._model_ms: dict[int, float] = {}  # by stamp
        self._pairs: list[tuple[float, float]] = []  # latency, the model's part
        self._sensor = CsiSensor()
        qos = qos_profile_sensor_data
        self._readings = self._node.create_publisher(CsiFrame, self._sensor.topic, qos)
        self._node.create_subscription(Skeleton, "skeleton", self._on_skeleton, 10)
        self._node.create_timer(_PERIOD_S, self._send_reading)

    def nodes(self) -> list[Node]:
        """The fusion's nodes and the sensor."""
        return [*super().nodes(), self._node]

    def publish(self, estimate: Estimate) -> None:
        """Note the model's time, and publish the estimate."""
        self._model_ms[estimate.stamp_ns] = estimate.timings_ms["infer"]
        super().publish(estimate)

    def _send_reading(self) -> None:
        smooth = np.sin(np.arange(114) * 0.1 + self._rng.uniform(0, 6))[None, :, None]
        amplitude = (2 + smooth + self._rng.normal(0, 0.05, (3, 114, 10))).astype(np.float32)
        msg = to_reading(self._sensor, amplitude, to_header(0, self._sensor.frame_id))
        # Stamped last: making a reading is not the node's time.
        now_ns = self._node.get_clock().now().nanoseconds
        msg.header = to_header(now_ns, self._sensor.frame_id)
        self._readings.publish(msg)

    def _on_skeleton(self, msg: Skeleton) -> None:
        spent_ms = self._model_ms[stamp_ns(msg.header.stamp)]
        self._pairs.append((float(msg.latency_ms), spent_ms))
        if len(self._pairs) == self._wanted.messages:
            latency, model = zip(*self._pairs[round(_SKIPPED * len(self._pairs)) :], strict=True)
            figures = {"latency_ms": latency, "model_ms": model}
            Path(self._wanted.out).write_text(json.dumps(figures) + "\n")
            self.exit_code = 0
