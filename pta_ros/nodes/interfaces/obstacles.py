"""People as obstacles: poses on the floor, and discs of points that nav2's own layers take in.

Of nav2's costmap layers and its collision monitor those that are shipped read LaserScan and
PointCloud2, nothing with velocities; see people_msgs.py for layers that do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseArray
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import PointCloud2

from pta_ros.fusion.config import OBSTACLE_POINTS
from pta_ros.nodes.base import keep_last
from pta_ros.nodes.interfaces.body import Array, Ground, on_floor
from pta_ros.nodes.interfaces.output import Scene
from pta_ros.nodes.interfaces.tf import quaternion
from pta_ros.nodes.messages import to_header, to_reading
from pta_ros.sensors import LidarSensor

POSES = "obstacles"
_QOS = keep_last(5, reliable=True)
#: Half of a person's width, and the height above the floor that all of nav2's defaults look at, m.
_RADIUS_M, _HEIGHT_M = 0.25, 0.3
_RINGS = ((0.0, 1), (0.5, 8), (1.0, 16))  # of a disc: share of the radius, number of points


class Obstacles:
    """Everybody's pose and points; nothing while somebody is seen who is not followed."""

    def __init__(self) -> None:
        self._publishers: list[tuple[Any, Any]] = []

    def open(self, node: LifecycleNode) -> None:
        """Make the publishers."""
        self._node = node
        make = node.create_lifecycle_publisher
        self._publishers = [
            (make(PoseArray, POSES, _QOS), poses),
            (make(PointCloud2, OBSTACLE_POINTS, _QOS), points),
        ]

    def publish(self, scene: Scene) -> None:
        """An empty list says that nobody is there."""
        for publisher, made in self._publishers:
            if scene.complete and publisher.get_subscription_count():
                publisher.publish(made(scene))

    def forget(self) -> None:
        """Nothing: that no message comes says that nothing is known."""

    def close(self) -> None:
        """Remove the publishers."""
        for publisher, _ in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = []


def poses(scene: Scene) -> PoseArray:
    """Everybody's trunk on the floor, x where they go (see body.on_floor)."""
    found = []
    for track in scene.tracks:
        place, axes = on_floor(track, scene.ground)
        x, y, z = place.tolist()
        found.append(Pose(position=Point(x=x, y=y, z=z), orientation=quaternion(axes)))
    return PoseArray(header=to_header(scene.stamp_ns, scene.frame_id), poses=found)


def points(scene: Scene) -> PointCloud2:
    """A level disc of points for everybody, 0.5 m across, 0.3 m above the floor."""
    places = [on_floor(track, scene.ground)[0] for track in scene.tracks]
    cloud = (np.reshape(places, (-1, 1, 3)) + _disc(scene.ground)).reshape(-1, 3)
    header = to_header(scene.stamp_ns, scene.frame_id)
    return to_reading(LidarSensor(), cloud, header)


def _disc(ground: Ground) -> Array:
    """The points (25, 3) around a place on the floor."""
    up = np.array(ground.up)
    one = np.roll(up, 1)  # at right angles, as `up` is one of the frame's axes
    other, found = np.cross(up, one), []
    for share, number in _RINGS:
        angle = np.linspace(0.0, 2 * np.pi, number, endpoint=False)[:, None]
        ring = np.cos(angle) * one + np.sin(angle) * other
        found.append(share * _RADIUS_M * ring + _HEIGHT_M * up)
    return np.concatenate(found)
