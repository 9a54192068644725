"""Bodies and joints as frames on /tf, by the names of REP 155."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from pta_ros.nodes.base import keep_last
from pta_ros.nodes.interfaces.body import JOINT_FRAMES, Body, body_of
from pta_ros.nodes.interfaces.output import Scene, wanted_class
from pta_ros.nodes.messages import to_header

TF = "/tf"
#: That of tf2's own broadcaster.
QOS = keep_last(100, reliable=True)


class TfFrames:
    """Does what tf2_ros' broadcaster does, which is to publish a TFMessage, without tf2_ros."""

    def __init__(self, parameter: str) -> None:
        self._kind = wanted_class("tf2_msgs/msg/TFMessage", parameter)
        self._publisher: Any = None
        self._told_ns: int | None = None

    def open(self, node: LifecycleNode) -> None:
        """Make the publisher."""
        self._node = node
        self._publisher = node.create_lifecycle_publisher(self._kind, TF, QOS)

    def publish(self, scene: Scene) -> None:
        """A frame for everybody and each of their joints.

        A correction has the stamp of what it corrects, of which tf2 keeps the first and warns.
        """
        if scene.stamp_ns == self._told_ns or not self._publisher.get_subscription_count():
            return
        if scene.tracks:
            self._told_ns = scene.stamp_ns
            self._publisher.publish(self._kind(transforms=transforms(scene)))

    def forget(self) -> None:
        """Nothing: frames grow old by themselves."""

    def close(self) -> None:
        """Remove the publisher."""
        self._node.destroy_lifecycle_publisher(self._publisher)


def transforms(scene: Scene) -> list[TransformStamped]:
    """The frames body_<id> in the scene's, and <joint>_<id> in each body's."""
    parent, found = to_header(scene.stamp_ns, scene.frame_id), []
    for track in scene.tracks:
        body = body_of(track, scene.ground)
        root = f"body_{body.name}"
        found.append(_transform(parent, root, body.origin, quaternion(body.axes)))
        found += _joints(body, to_header(scene.stamp_ns, root))
    return found


def _joints(body: Body, header: Header) -> list[TransformStamped]:
    upright = Quaternion(w=1.0)
    return [
        _transform(header, f"{joint}_{body.name}", place, upright)
        for joint, place in zip(JOINT_FRAMES, body.joints, strict=True)
    ]


def _transform(header: Header, child: str, place: Any, turn: Quaternion) -> TransformStamped:
    x, y, z = place.tolist()
    moved = Transform(translation=Vector3(x=x, y=y, z=z), rotation=turn)
    return TransformStamped(header=header, child_frame_id=child, transform=moved)


def quaternion(axes: np.ndarray) -> Quaternion:
    """The rotation whose axes are the columns of (3, 3)."""
    from scipy.spatial.transform import Rotation  # late: most nodes never need it

    x, y, z, w = Rotation.from_matrix(axes).as_quat().tolist()
    return Quaternion(x=x, y=y, z=z, w=w)
