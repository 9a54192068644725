"""People as people_msgs/People, which social costmap layers read: places with velocities."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode

from pta_ros.frames import Track
from pta_ros.nodes.base import keep_last
from pta_ros.nodes.interfaces.body import Ground, body_id, on_floor
from pta_ros.nodes.interfaces.output import Scene, wanted_class
from pta_ros.nodes.messages import to_header, to_message

TOPIC, KIND = "moving_people", "people_msgs/msg/People"


class MovingPeople:
    """Everybody's place on the floor and velocity; nothing while somebody is not followed.

    The layers listen on /people, where ours are, so that one of the two is to be remapped.
    """

    def __init__(self, parameter: str) -> None:
        self._kind = wanted_class(KIND, parameter)
        self._publisher: Any = None

    def open(self, node: LifecycleNode) -> None:
        """Make the publisher."""
        self._node = node
        qos = keep_last(5, reliable=True)
        self._publisher = node.create_lifecycle_publisher(self._kind, TOPIC, qos)

    def publish(self, scene: Scene) -> None:
        """An empty list says that nobody is there."""
        if scene.complete and self._publisher.get_subscription_count():
            header = to_header(scene.stamp_ns, scene.frame_id)
            self._publisher.publish(to_message(KIND, fields(scene), header))

    def forget(self) -> None:
        """Nothing: that no message comes says that nothing is known."""

    def close(self) -> None:
        """Remove the publisher."""
        self._node.destroy_lifecycle_publisher(self._publisher)


def fields(scene: Scene) -> dict[str, Any]:
    """The fields of a people_msgs/People, without the header."""
    return {"people": [_person(track, scene.ground) for track in scene.tracks]}


def _person(track: Track, ground: Ground) -> dict[str, Any]:
    place, _ = on_floor(track, ground)
    return {
        "name": body_id(track.id),
        "position": dict(zip("xyz", place.tolist(), strict=True)),
        "velocity": dict(zip("xyz", track.velocity.tolist(), strict=True)),
        "reliability": float(track.presence),
    }
