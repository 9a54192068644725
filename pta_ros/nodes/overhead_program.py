"""The fusion node beside a sensor that publishes CSI frames: latency, and the model's part of it.

Only one stream is LIVE, so that no wait for others is in the latency. The model's own time is that
of the same frames through the same model, in this process, without any of ROS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from pta_msgs.msg import CsiFrame, Skeleton
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from pta_ros import checkpoint
from pta_ros.errors import ConfigError
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.estimator import Estimator
from pta_ros.fusion.specs import START, param, specs
from pta_ros.nodes.declare import Parameters
from pta_ros.nodes.fusion_node import FusionProgram
from pta_ros.nodes.messages import to_csi, to_header

_MESSAGES, _SKIPPED, _PERIOD_S = 120, 20, 0.05


@dataclass(frozen=True)
class OverheadParams:
    """The node's parameters."""

    out: str = param("", "JSON file for the result", change=START)


class OverheadProgram(FusionProgram):
    """The fusion node's program, with one more node that plays the sensor and takes the time."""

    def __init__(self) -> None:
        self._node = Node("overhead_node")
        given = Parameters(self._node, specs(OverheadParams))
        if given.problems():
            raise ConfigError("; ".join(given.problems()))
        self._out = Path(OverheadParams(**given.values()).out)
        super().__init__()
        self._rng, self._latencies = np.random.default_rng(0), list[float]()
        self._publisher = self._node.create_publisher(CsiFrame, "wifi/csi", qos_profile_sensor_data)
        self._node.create_subscription(Skeleton, "skeleton", self._take, 10)
        self._node.create_timer(_PERIOD_S, self._publish)

    def nodes(self) -> list[Node]:
        """The fusion's nodes and the sensor."""
        return [*super().nodes(), self._node]

    def _publish(self) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        self._publisher.publish(to_csi(self._amplitude(), to_header(now_ns, "wifi_frame")))

    def _amplitude(self) -> np.ndarray:
        smooth = np.sin(np.arange(114) * 0.1 + self._rng.uniform(0, 6))[None, :, None]
        return (2 + smooth + self._rng.normal(0, 0.05, (3, 114, 10))).astype(np.float32)

    def _take(self, msg: Skeleton) -> None:
        self._latencies.append(float(msg.latency_ms))
        if len(self._latencies) == _MESSAGES:
            latency, model = median(self._latencies[_SKIPPED:]), self._model_ms()
            figures = {"latency_p50_ms": latency, "model_p50_ms": model}
            figures["overhead_p50_ms"] = latency - model
            self._out.write_text(json.dumps(figures) + "\n")
            self.exit_code = 0

    def _model_ms(self) -> float:
        loaded = checkpoint.load(checkpoint.model_folder(""))
        estimator, sensor = Estimator(loaded.model), loaded.sensors["csi"]
        estimator.warm_up({m: s.shape for m, s in loaded.sensors.items()})
        times = []
        for number in range(_MESSAGES):
            frame = Frame("csi", number, sensor.prepare(self._amplitude(), "csi"))
            begun = perf_counter()
            estimator(Sample(number, {"csi": frame}))
            times.append(1e3 * (perf_counter() - begun))
        return median(times[_SKIPPED:])
