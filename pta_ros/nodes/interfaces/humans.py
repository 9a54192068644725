"""Bodies as REP 155 has them (ROS4HRI): their names, and topics for each while it is followed."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Point, PointStamped, Twist, TwistStamped, Vector3
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from pta_ros.nodes.base import STEADY, keep_last
from pta_ros.nodes.interfaces.body import Body, body_id, body_of
from pta_ros.nodes.interfaces.output import Scene, wanted_class
from pta_ros.nodes.messages import to_header

BODIES = "/humans/bodies"
_QOS = keep_last(1, reliable=True)


class Humans:
    """Names on /humans/bodies/tracked; position and velocity of each on topics of its own.

    These topics come and go with people, in the executor's thread, which a guard wakes. Nobody is
    followed any longer when nothing came for `forget_after_s`.
    """

    def __init__(self, parameter: str, forget_after_s: float) -> None:
        self._kind = wanted_class("hri_msgs/msg/IdsList", parameter)
        self._forget_after_s = forget_after_s
        self._scene: Scene | None = None
        self._bodies: dict[str, tuple[Any, Any]] = {}  # publishers of position and velocity

    def open(self, node: LifecycleNode) -> None:
        """Make the list's publisher."""
        self._node = node
        self._names = node.create_lifecycle_publisher(self._kind, f"{BODIES}/tracked", _QOS)
        self._guard = node.create_guard_condition(self._tell)
        self._timer = node.create_timer(self._forget_after_s, self.forget, clock=STEADY)

    def publish(self, scene: Scene) -> None:
        """Keep the scene for the executor."""
        self._scene = scene
        self._guard.trigger()

    def forget(self) -> None:
        """Nobody is followed: take down everybody's topics, and say so once."""
        self._scene = None
        if self._bodies:
            self._keep({})
            now_ns = self._node.get_clock().now().nanoseconds
            self._list(to_header(now_ns, ""))

    def close(self) -> None:
        """Take down everything."""
        self.forget()
        self._node.destroy_timer(self._timer)
        self._node.destroy_guard_condition(self._guard)
        self._node.destroy_lifecycle_publisher(self._names)

    def _tell(self) -> None:
        scene = self._scene
        if scene is None:
            return
        self._timer.reset()
        header = to_header(scene.stamp_ns, scene.frame_id)
        tracks = {body_id(track.id): track for track in scene.tracks}
        self._keep(tracks)
        self._list(header)
        for name, track in tracks.items():
            for publisher, made in zip(self._bodies[name], (position, velocity), strict=True):
                if publisher.get_subscription_count():
                    publisher.publish(made(body_of(track, scene.ground), header))

    def _keep(self, wanted: Any) -> None:
        """Topics for those who are `wanted`, and for nobody else."""
        for name in self._bodies.keys() - wanted:
            for publisher in self._bodies.pop(name):
                self._node.destroy_publisher(publisher)
        for name in wanted:
            if name not in self._bodies:
                self._bodies[name] = (
                    self._node.create_publisher(PointStamped, f"{BODIES}/{name}/position", _QOS),
                    self._node.create_publisher(TwistStamped, f"{BODIES}/{name}/velocity", _QOS),
                )

    def _list(self, header: Header) -> None:
        if self._names.get_subscription_count():
            self._names.publish(self._kind(header=header, ids=sorted(self._bodies)))


def position(body: Body, header: Header) -> PointStamped:
    """The point midway between the hips."""
    x, y, z = body.origin.tolist()
    return PointStamped(header=header, point=Point(x=x, y=y, z=z))


def velocity(body: Body, header: Header) -> TwistStamped:
    """Its velocity, in the header's frame; nothing is known of how the body turns."""
    x, y, z = body.velocity.tolist()
    return TwistStamped(header=header, twist=Twist(linear=Vector3(x=x, y=y, z=z)))
