"""Shows the live fusion in a browser: sensors, skeleton or people, truth, states, weights, latency.

It only listens, and decodes for itself what the fusion node decodes. Times on the page are the
stamps; a stamp far from this machine's clock is replaced by the time of receipt.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("view_node")

import math
import time
import webbrowser
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from pta_msgs.msg import People, Skeleton
from rclpy.node import Node

from pta_ros.clock import stamp_ns
from pta_ros.errors import ConfigError, DecodeError, did_you_mean
from pta_ros.frames import Estimate, Frame
from pta_ros.fusion.config import RAW, StreamParams
from pta_ros.fusion.params import FusionParams, read_params
from pta_ros.fusion.transforms import pose_form
from pta_ros.nodes.base import STEADY, ProgramNode
from pta_ros.nodes.camera_place import CameraPlace
from pta_ros.nodes.composed import composed_options
from pta_ros.nodes.records import to_crowd, to_estimate, to_joints, to_statuses
from pta_ros.nodes.sensor_node import REDUCED, SensorNode, sensor_qos
from pta_ros.sensors import SENSORS
from pta_ros.sensors.lidar import POSE
from pta_ros.settings import START, param
from pta_ros.view.live import LiveScene
from pta_ros.view.page import Page
from pta_ros.view.people import in_camera

_DEPTH = 10
_LOOK_S = 0.25
#: So long after the last skeleton it is taken away, also when nobody says why.
_SILENCE_S = 1.0


@dataclass(frozen=True)
class ViewParams:
    """The node's parameters."""

    address: str = param(
        Page.address, "IPv4 address to listen on; 0.0.0.0 shows it to the network", change=START
    )
    web_port: int = param(Page.web_port, "port of the page", low=1, high=65535, change=START)
    data_port: int = param(Page.data_port, "port of its data", low=1, high=65535, change=START)
    memory_mb: int = param(
        Page.memory_mb, "data that the server keeps for the page; what is older is forgotten",
        unit="MB", low=10, high=100_000, change=START,
    )  # fmt: skip
    open_browser: bool = param(False, "open the page in this machine's browser", change=START)
    params_file: str = param(
        "", "the fusion node's parameter file, for its topics; empty: the defaults", change=START
    )
    composed: bool = param(
        True, "false shows what sensor_nodes publish, on each topic + '/reduced'", change=START
    )
    sensors: str = param(
        "", "the model's sensors, such as 'depth, lidar'; empty: all of the set", change=START
    )
    lidar_pose: str = param(
        POSE, "the LiDAR's pose in the camera's frame: x y z (m) roll pitch yaw (degrees)",
        form=pose_form, change=START,
    )  # fmt: skip
    max_rate_hz: float = param(
        10.0, "frames shown per second and sensor", unit="Hz", low=0.1, high=100.0, change=START
    )


def _chosen(streams: dict[str, StreamParams], names: str) -> dict[str, StreamParams]:
    """The streams that `names` lists, all for none; raises ConfigError for an unknown one."""
    wanted = [name for name in (part.strip() for part in names.split(",")) if name]
    for name in wanted:
        if name not in streams:
            raise ConfigError(f"sensors names {name!r}; {did_you_mean(name, streams)}")
    return {m: stream for m, stream in streams.items() if m in wanted or not wanted}


class ViewNode(ProgramNode):
    """Listens to the fusion node and to the truth; `sensor_nodes` listen to the sensors."""

    def __init__(self) -> None:
        super().__init__("view_node", ViewParams)
        path = self.params.params_file
        own, streams = read_params(Path(path) if path else None)
        if own.sensor_set != FusionParams.sensor_set:
            raise ConfigError(
                f"{path}: sensor_set is {own.sensor_set}; this page shows {FusionParams.sensor_set}"
            )
        streams = _chosen(streams, self.params.sensors)
        self._shown_at: dict[str, float] = {}
        self._estimated_at = time.monotonic()
        self._people_at = -math.inf
        self._camera = CameraPlace(streams)
        self.scene = self._open_scene(tuple(streams))
        self._camera.listen(self)
        self.create_subscription(Skeleton, "skeleton", self._on_skeleton, _DEPTH)
        self.create_subscription(People, "people", self._on_people, _DEPTH)
        self.create_subscription(Skeleton, "ground_truth", self._on_truth, _DEPTH)
        self.create_subscription(People, "truth/people", self._on_true_people, _DEPTH)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, _DEPTH)
        self.sensor_nodes = [self._listen(m, stream) for m, stream in streams.items()]
        self.create_timer(_LOOK_S, self._look, clock=STEADY)

    def _open_scene(self, modalities: tuple[str, ...]) -> LiveScene:
        p = self.params
        page = Page(p.address, p.web_port, p.data_port, p.memory_mb)
        scene = LiveScene(page, modalities, "live fusion", self._camera.seen_lidar(p.lidar_pose))
        self.get_logger().info(f"live view: {page.url}")
        if p.open_browser and not webbrowser.open(page.url):
            self.get_logger().warning("no browser could be opened here")
        return scene

    def _listen(self, modality: str, stream: Any) -> SensorNode:
        node = SensorNode(f"{self.get_name()}_{modality}", self, **composed_options())
        topic = ""
        if not self.params.composed:  # the sensor node has unpacked and moved its readings
            topic = stream.topic + REDUCED
            stream = replace(stream, transport=RAW, frame="", extrinsic="")
        if not stream.frame:  # without it, it is the pose in the level frame of a people model
            stream = replace(stream, extrinsic="")
        qos = sensor_qos(1, stream.qos_reliability)
        node.open(SENSORS[modality](), stream, qos, self, topic)
        return node

    # -- what the sensor nodes say ------------------------------------------------------------

    def push(self, frame: Frame, msg: Any) -> None:
        """Show a reading, unless one was shown just now."""
        now = time.monotonic()
        # A little less than the period, or a sensor of just this rate loses every other frame.
        if now - self._shown_at.get(frame.modality, 0.0) < 0.9 / self.params.max_rate_hz:
            return
        self._shown_at[frame.modality] = now
        if frame.modality == "depth":
            self._camera.frame_id = str(msg.header.frame_id)
        self.scene.frame(frame, self._now_ns())

    def reject(self, modality: str, error: DecodeError, _msg: Any, _now_ns: int) -> None:
        """Not shown; the fusion node says why, and so does this log."""
        self.warn(modality, str(error))

    def note(self, modality: str, text: str) -> None:
        """Report a remark on the connection."""
        self.warn(modality, text)

    def remark(self, modality: str, text: str) -> None:
        """The fusion node says it."""

    def lost(self, modality: str, total: int) -> None:
        """A view may lose messages."""

    # -- what the fusion node says ------------------------------------------------------------

    def _on_people(self, msg: People) -> None:
        self._people_at = time.monotonic()
        estimate = self._crowd(msg, "people")
        if estimate is not None:
            self._estimated_at = time.monotonic()
            self.scene.estimate(estimate, self._now_ns())

    def _crowd(self, msg: People, topic: str) -> Estimate | None:
        """Everybody in the camera's frame; None of a message that cannot be used."""
        try:
            estimate = to_crowd(msg, topic)
        except (DecodeError, ValueError) as error:
            self.warn(topic, str(error))
            return None
        camera = self._camera.pose(msg.header.frame_id)
        return replace(estimate, people=in_camera(estimate.people or (), camera))

    def _on_true_people(self, msg: People) -> None:
        truth = self._crowd(msg, "truth/people")
        if truth is not None:
            self.scene.true_people(truth.stamp_ns, truth.people, self._now_ns())

    def _on_skeleton(self, msg: Skeleton) -> None:
        if time.monotonic() - self._people_at < _SILENCE_S:
            return  # it is the nearest of the people
        try:
            estimate = to_estimate(msg, "skeleton")
        except (DecodeError, ValueError) as error:
            self.warn("skeleton", str(error))
            return
        self._estimated_at = time.monotonic()
        self.scene.estimate(estimate, self._now_ns())

    def _on_truth(self, msg: Skeleton) -> None:
        try:
            joints_m = to_joints(msg, "ground_truth")
        except DecodeError as error:
            self.warn("ground_truth", str(error))
            return
        self.scene.truth(stamp_ns(msg.header.stamp), joints_m, self._now_ns())

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        told = to_statuses(msg, self.get_namespace())
        self.scene.states(stamp_ns(msg.header.stamp), told, self._now_ns())

    # -- time ---------------------------------------------------------------------------------

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _look(self) -> None:
        """Notice a silent fusion node, and a server that is gone."""
        if time.monotonic() - self._estimated_at > _SILENCE_S:
            self.scene.no_estimate(self._now_ns())
        if self.scene.server.ended and self.exit_code is None:
            self.get_logger().error(f"the page's server is gone: {self.scene.server.last_line()}")
            self.exit_code = 1

    def nodes(self) -> list[Node]:
        """Every node of this process."""
        return [self, *self.sensor_nodes]

    def close(self) -> None:
        """Unsubscribe and end the server."""
        for node in self.sensor_nodes:
            node.close()
        self.scene.close()
