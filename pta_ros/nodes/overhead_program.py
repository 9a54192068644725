"""The fusion node beside a sensor that publishes CSI frames: what it adds to the model's time.

Only one stream is LIVE, so that no wait for others is in the latency. The model's time is taken
around the node's own calls of it. Both are written for every estimate but the first ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from pta_msgs.msg import CsiFrame, Skeleton
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from pta_ros.errors import ConfigError
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.estimator import Estimator
from pta_ros.nodes.declare import Parameters
from pta_ros.nodes.fusion_node import FusionProgram
from pta_ros.nodes.messages import stamp_ns, to_csi, to_header
from pta_ros.settings import START, param, specs

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


class ModelTime:
    """Milliseconds that every Estimator of this process spends, by the stamp of its frames."""

    def __init__(self) -> None:
        self.ms: dict[int, float] = {}
        encode, call = Estimator.encode, Estimator.__call__

        def timed_encode(estimator: Estimator, frame: Frame) -> bool:
            return self._timed(frame.stamp_ns, lambda: encode(estimator, frame))

        def timed_call(estimator: Estimator, sample: Sample) -> Any:
            # What it encodes itself is within its own time.
            before = self.ms.get(sample.stamp_ns, 0.0)
            begun = perf_counter()
            prediction = call(estimator, sample)
            self.ms[sample.stamp_ns] = before + 1e3 * (perf_counter() - begun)
            return prediction

        Estimator.encode, Estimator.__call__ = timed_encode, timed_call

    def _timed(self, stamp: int, run: Any) -> Any:
        begun = perf_counter()
        result = run()
        self.ms[stamp] = self.ms.get(stamp, 0.0) + 1e3 * (perf_counter() - begun)
        return result


class OverheadProgram(FusionProgram):
    """The fusion node's program, with one more node that plays the sensor and takes the time."""

    def __init__(self) -> None:
        self._node = Node("overhead_node")
        given = Parameters(self._node, specs(OverheadParams))
        if given.problems():
            raise ConfigError("; ".join(given.problems()))
        self._params = OverheadParams(**given.values())
        self._model = ModelTime()
        super().__init__()
        self._rng = np.random.default_rng(0)
        self._pairs: list[tuple[float, float]] = []  # latency, the model's part
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
        spent = self._model.ms.get(stamp_ns(msg.header.stamp))
        assert spent is not None, "an estimate that no model made"
        self._pairs.append((float(msg.latency_ms), spent))
        if len(self._pairs) == self._params.messages:
            latency, model = zip(*self._pairs[round(_SKIPPED * len(self._pairs)) :], strict=True)
            figures = {"latency_ms": latency, "model_ms": model}
            Path(self._params.out).write_text(json.dumps(figures) + "\n")
            self.exit_code = 0
