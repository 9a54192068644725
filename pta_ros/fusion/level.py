"""From one message to one frame of a model that finds people: whole, and placed in a level frame.

Where a sensor stands is what its parameter `extrinsic` says, or else /tf_static, or else it is
assumed, with a remark. Level frame: x forward, y left, z up, the floor about z = 0; metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pta_ros.clock import stamp_ns
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.transforms import Matrix, Transforms, plain, to_pose
from pta_ros.people.readings import OPTICAL, DepthReading, LidarReading
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.whole import WholeDepth, WholeLidar

#: The level frame when nobody names one (REP 105).
LEVEL_FRAME = "base_link"
#: How high a sensor stands, ahead and level, of which nothing is known, metres.
ASSUMED_M = 1.0
#: An image whose upward direction points less upwards than this (a cosine) is no upright one's.
_UPRIGHT = 0.5


@dataclass(frozen=True, eq=False)
class Pose:
    """Of a sensor's own frame in the level one: (4, 4); and what is to be said of it, in words."""

    matrix: Matrix
    remark: str = ""
    assumed: bool = False


class LevelIntake(Intake):
    """One stream's way in to a model that finds people: `sensor` is whole (sensors/whole.py).

    `params.frame` names the level frame, and `params.extrinsic` is the sensor's pose in it: x
    ahead, y left, z up, of a camera as of a LiDAR. On /tf_static the message's frame_id counts,
    which is a camera's optical frame (REP 103).
    """

    assumes: ClassVar[bool] = True

    def __init__(
        self,
        sensor: WholeDepth | WholeLidar,
        params: StreamParams,
        transforms: Transforms | None = None,
        topic: str = "",
    ) -> None:
        super().__init__(sensor, params, transforms, topic)
        self._own = _own_axes(sensor, getattr(params.device, "rotation", 0))
        self._poses: dict[str, Pose] = {}
        #: The frame that the latest message came in.
        self.source = ""
        self._posed = ""  # what is to be said of the latest message's pose

    def _check(self, modality: str, params: StreamParams) -> None:
        """Nothing: `frame` is the level frame here, of images, too."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What an operator should know now; an assumed pose first."""
        return (*filter(None, [self._posed]), *super().remarks)

    def _received(self, array: FloatArray, msg: Any, now_ns: int) -> Frame:
        kept = self.sensor.receive(array, self.topic)
        self.source = plain(str(getattr(msg.header, "frame_id", "")))
        pose = self.pose(self.source)
        self._posed = pose.remark
        turn, place = pose.matrix[:3, :3], pose.matrix[:3, 3]
        reading: DepthReading | LidarReading
        if isinstance(self.sensor, WholeDepth):
            height, width = array.shape
            lens = self.sensor.lens((height, width), self.topic)
            reading = DepthReading(kept, lens, turn, place)
        else:
            reading = LidarReading.of(kept, turn, place)
        return Frame(self.modality, stamp_ns(msg.header.stamp), kept, now_ns, reading)

    def pose(self, frame_id: str) -> Pose:
        """Where the sensor stands whose messages come in `frame_id`."""
        if self._version != self._transforms.version:
            self._poses.clear()
            self._version = self._transforms.version
        if frame_id not in self._poses:
            self._poses[frame_id] = self._place(plain(frame_id))
        return self._poses[frame_id]

    def extrinsic(self, frame_id: str) -> str:
        """The sensor's pose as the parameter of this name; empty where it is only assumed."""
        pose = self.pose(frame_id)
        return "" if pose.assumed else to_pose(pose.matrix @ np.linalg.inv(self._own))

    def _place(self, source: str) -> Pose:
        camera = isinstance(self.sensor, WholeDepth)
        if self._given is not None:
            return self._judged(self._given @ self._own, f"{self.modality}.extrinsic")
        if source == self._frame and not camera:
            return Pose(np.eye(4))
        found = self._transforms.between(self._frame, source) if source != self._frame else None
        if found is not None:
            return self._judged(found, f"/tf_static ({source} in {self._frame})")
        matrix = np.eye(4)
        matrix[2, 3] = ASSUMED_M
        why = self._transforms.missing(self._frame, source)
        if source == self._frame:
            why = f"an image cannot be in the level frame {source!r}"
        return Pose(
            matrix @ self._own,
            f"pose assumed: level, looking ahead, {ASSUMED_M:.1f} m above the floor ({why}); set "
            f"{self.modality}.extrinsic, or publish /tf_static from {source or 'its frame'} to "
            f"{self._frame}",
            assumed=True,
        )

    def _judged(self, matrix: Matrix, said_by: str) -> Pose:
        """A pose that is known, with a remark if it holds the camera on its side."""
        up = -matrix[2, 1]
        if not isinstance(self.sensor, WholeDepth) or up >= _UPRIGHT:
            return Pose(matrix)
        angle = np.rad2deg(np.arccos(np.clip(up, -1.0, 1.0)))
        return Pose(
            matrix,
            f"by {said_by} the top of the image points {angle:.0f} degrees away from upwards; if "
            f"the camera is not held so, correct it ({self._frame} must be level; extrinsic is of "
            "the camera's body, x ahead)",
        )


def _own_axes(sensor: Sensor, rotation_deg: int) -> Matrix:
    """From the frame of a sensor's readings to its body: x ahead, y left, z up; upright."""
    matrix = np.eye(4)
    if isinstance(sensor, WholeDepth):
        from scipy.spatial.transform import Rotation  # late: see transforms

        upright = Rotation.from_euler("z", rotation_deg, degrees=True).as_matrix()
        matrix[:3, :3] = OPTICAL @ upright
    return matrix


def intake_of(
    sensor: Sensor,
    params: StreamParams,
    transforms: Transforms | None = None,
    topic: str = "",
    reduced: bool = False,
) -> Intake:
    """The way in that a sensor's model needs; see `Intake`. No sensor node sends whole ones."""
    if isinstance(sensor, (WholeDepth, WholeLidar)):
        return LevelIntake(sensor, params, transforms, topic)
    return Intake(sensor, params, transforms, topic, reduced)
