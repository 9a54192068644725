"""Where the truth is: from the frame that it is told in to the sensors' and to the level frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pta_ros.fusion.intake import Intake
from pta_ros.fusion.level import LevelIntake
from pta_ros.fusion.transforms import Matrix, plain
from pta_ros.recordings.moving import Moving
from pta_ros.sensors.depth import DepthCamera

#: Behind the name of a camera's frame: that of its image as it stands upright.
UPRIGHT = "_upright"


@dataclass(frozen=True, eq=False)
class Places:
    """`intakes` by modality, the frame that messages of each come in, all transforms.

    `ground_truth.npy` is in the frame of the first sensor that has a place: the camera's, as its
    image stands upright, or else the LiDAR's, or else where the truth itself is.
    """

    intakes: Mapping[str, Intake]
    frames: Mapping[str, str]
    moving: Moving
    level: str

    @property
    def reference(self) -> str:
        """The modality whose frame `ground_truth.npy` is in; empty without camera and LiDAR."""
        return next((m for m in ("depth", "lidar") if m in self.frames), "")

    def pose(self, modality: str) -> Matrix:
        """Of a sensor's messages in the level frame (4, 4); may be assumed."""
        intake = self.intakes[modality]
        assert isinstance(intake, LevelIntake)
        return intake.pose(self.frames[modality]).matrix

    def assumed(self, modality: str) -> bool:
        """Whether nobody says where a sensor stands."""
        intake = self.intakes[modality]
        return isinstance(intake, LevelIntake) and intake.pose(self.frames[modality]).assumed

    def lens_assumed(self) -> bool:
        """Whether nobody says what the camera's lens is."""
        sensor = self.intakes["depth"].sensor
        return isinstance(sensor, DepthCamera) and not (sensor.mount.fx or sensor.told)

    def rotation_deg(self) -> int:
        """By how much images are turned clockwise to stand upright."""
        sensor = self.intakes["depth"].sensor if "depth" in self.intakes else None
        return sensor.mount.rotation if isinstance(sensor, DepthCamera) else 0

    def ways(self, frame_id: str, stamp: int) -> tuple[Matrix, Matrix] | None:
        """From a frame to that of `ground_truth.npy` and to the level frame; None: none is known.

        A matrix that changes nothing is the identity, to the bit.
        """
        frame = plain(frame_id)
        known = [m for m in self.frames if plain(self.frames[m]) == frame and m != "csi"]
        if not self.reference:
            return np.eye(4), np.eye(4)
        if known and known[0] == self.reference:
            return self._upright(), self.pose(self.reference)
        if "depth" in self.frames and frame == f"{plain(self.frames['depth'])}{UPRIGHT}":
            return np.eye(4), self.pose("depth") @ np.linalg.inv(self._upright())
        own = self._to_reference(frame, known, stamp)
        if own is None:
            return None
        if frame in ("", self.level):
            return self._upright() @ own, np.eye(4)
        return self._upright() @ own, self.pose(self.reference) @ own

    def _to_reference(self, frame: str, known: list[str], stamp: int) -> Matrix | None:
        tree = self.moving.at(stamp)
        direct = tree.between(self.frames[self.reference], frame) if frame else None
        if direct is not None:
            return direct
        if self.assumed(self.reference):
            return None
        if known:
            level = None if self.assumed(known[0]) else self.pose(known[0])
        elif frame in ("", self.level):
            level = np.eye(4)
        else:
            level = tree.between(self.level, frame)
        return None if level is None else np.linalg.inv(self.pose(self.reference)) @ level

    def _upright(self) -> Matrix:
        """From the camera's frame to that of the upright image."""
        matrix = np.eye(4)
        if self.reference == "depth" and (turned := self.rotation_deg()):
            matrix[:3, :3] = Rotation.from_euler("z", turned, degrees=True).as_matrix()
        return matrix
