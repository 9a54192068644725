"""What a fusion node publishes of an estimate: skeleton, people, activity, markers, and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pta_msgs.msg import Activity, People, Skeleton
from rclpy.lifecycle import LifecycleNode
from visualization_msgs.msg import MarkerArray

from pta_ros.frames import Estimate
from pta_ros.nodes.interfaces.body import LEVEL, OPTICAL
from pta_ros.nodes.interfaces.chosen import Interfaces, chosen
from pta_ros.nodes.markers import people_markers, to_markers
from pta_ros.nodes.messages import set_latency, to_activity, to_people, to_skeleton

if TYPE_CHECKING:  # it brings PyTorch, which is imported when the node is there
    from pta_ros.checkpoint import Checkpoint


class Publishers:
    """The node's lifecycle publishers; `now_ns` reads the clock of the stamps."""

    def __init__(self, node: LifecycleNode, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        make = node.create_lifecycle_publisher
        self._skeletons = make(Skeleton, "skeleton", 5)
        self._people = make(People, "people", 5)
        self._activities = make(Activity, "activity", 5)
        self._markers = make(MarkerArray, "skeleton_markers", 5)
        self._marked = 0  # people in the last markers
        self._interfaces, self._ground = Interfaces(node), LEVEL

    def open(self, engine: Any) -> None:
        """Make what an Engine's parameters ask for; raises ConfigError for what cannot be."""
        self._ground = LEVEL if engine.level_frame else OPTICAL
        has_joints = engine.loaded.model.config.has("pose")
        self._interfaces.open(chosen(engine.params, has_joints))

    def forget(self) -> None:
        """No estimate comes for now."""
        self._interfaces.forget()

    def close(self) -> None:
        """Remove what `open` made; harmless when done twice."""
        self._interfaces.close()

    def publish(self, estimate: Estimate, loaded: Checkpoint, frame_id: str) -> float:
        """Publish one estimate; gives its latency from the newest sensor stamp, ms.

        Of a model that finds people: `people` always, and `skeleton` of the nearest when somebody
        is there.
        """
        names, latency_ms = (frame_id, loaded.name), 0.0
        if estimate.people is not None:
            everybody = to_people(estimate, *names)
            latency_ms = self._send(self._people, everybody, estimate)
            if self._markers.get_subscription_count():
                self._markers.publish(people_markers(everybody, self._marked))
                self._marked = len(everybody.people)
        if len(estimate.joints_m):
            msg = to_skeleton(estimate, *names)
            latency_ms = self._send(self._skeletons, msg, estimate)
            if estimate.people is None and self._markers.get_subscription_count():
                self._markers.publish(to_markers(msg))
        if len(estimate.probabilities):  # last: nobody reacts to it within milliseconds
            msg = to_activity(estimate, loaded.model.config.classes, *names)
            latency_ms = max(latency_ms, self._send(self._activities, msg, estimate))
        self._interfaces.publish(estimate, frame_id, self._ground)
        return latency_ms

    def _send(self, publisher: Any, msg: Any, estimate: Estimate) -> float:
        latency_ms = (self._now_ns() - estimate.sensed_ns) / 1e6
        set_latency(msg, latency_ms)
        publisher.publish(msg)
        return latency_ms
