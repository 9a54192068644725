"""Where the camera stands in the level frame, for whoever draws people in the camera's frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from rclpy.node import Node
from scipy.spatial.transform import Rotation

from pta_ros.errors import ConfigError
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.level import LevelIntake
from pta_ros.fusion.transforms import Matrix, Transforms, from_pose, to_pose
from pta_ros.nodes.beside import listen_static
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.whole import WholeDepth


class CameraPlace:
    """By the depth stream's `extrinsic`, or /tf_static, or assumed, as in the fusion node.

    `frame_id` is that of the camera's messages.
    """

    def __init__(self, streams: Mapping[str, StreamParams]) -> None:
        self.frame_id = DepthSensor.frame_id
        self._stream, self._lidar = streams["depth"], streams["lidar"]
        self._transforms = Transforms()
        self._intakes: dict[str, LevelIntake] = {}
        turned = Rotation.from_euler("z", self._rotation_deg, degrees=True)
        self._upright = np.eye(4)
        self._upright[:3, :3] = turned.as_matrix().T

    def listen(self, node: Node) -> None:
        """Let `node` listen to /tf_static, where its messages are known."""
        try:
            self._static: Any = listen_static(node, self._transforms, node.get_logger().warning)
        except ConfigError as error:  # no tf2_msgs here
            node.get_logger().info(str(error))

    @property
    def _rotation_deg(self) -> int:
        return int(getattr(self._stream.device, "rotation", 0))

    def pose(self, level: str) -> Matrix:
        """(4, 4): from the optical frame of the upright image to the frame `level`."""
        if level not in self._intakes:
            placed = replace(self._stream, frame=level)
            self._intakes[level] = LevelIntake(WholeDepth(), placed, self._transforms)
        return self._intakes[level].pose(self.frame_id).matrix @ self._upright

    def seen_lidar(self, pose: str) -> str:
        """The LiDAR's pose in the camera's frame: by both parameters `extrinsic`, else `pose`."""
        if self._lidar.frame or not (self._lidar.extrinsic and self._stream.extrinsic):
            return pose
        return to_pose(np.linalg.inv(self.pose("")) @ from_pose(self._lidar.extrinsic))
