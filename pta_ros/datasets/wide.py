"""Clips with calibration and everybody in them (simulate/wide/writer.py has the layout)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pta_ros.datasets.mmfi import FOLDERS, read_lidar
from pta_ros.errors import DatasetError
from pta_ros.people.readings import OPTICAL, DepthReading, LidarReading, Readings
from pta_ros.sensors.camera import Intrinsics

Array = NDArray[np.float64]

#: Scenes of a tree: for training, validation and test.
SCENES = {"train": "E01", "val": "E02", "test": "E03"}


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip: truth of T instants with P people in the level frame, and how to read its sensors.

    `people` (T, P, 17, 3) metres; `sight` (T, 2, P, 17): joints that depth and LiDAR see; `counts`
    (T, 2, P): their pixels and points on each person. `about` is calibration.yaml.
    """

    folder: Path
    people: NDArray[np.float32]
    sight: NDArray[np.bool_]
    counts: NDArray[np.int32]
    about: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Clip:
        """Read a clip's truth; raises DatasetError naming the file that cannot be used."""
        try:
            people, sight, counts = (
                np.load(folder / f"{name}.npy", allow_pickle=False)
                for name in ("people", "sight", "counts")
            )
            about = yaml.safe_load((folder / "calibration.yaml").read_text())
            _lens(about), [_pose(about, m) for m in ("depth", "lidar")]
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise DatasetError(
                f"{folder}: {error!r}; expected a clip of make_mmfi --preset wide"
            ) from error
        return cls(folder, people, sight, counts, about)

    @property
    def lens(self) -> Intrinsics:
        """The camera's."""
        return _lens(self.about)

    def pose(self, modality: str) -> tuple[Array, Array]:
        """Rotation (3, 3) and place (3,) of a sensor's body in the level frame."""
        return _pose(self.about, modality)

    def arrays(self, frame: int) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """Depth (H, W) in mm and points (N, 3) in the LiDAR's own frame, metres, of an instant.

        Raises DatasetError and DecodeError naming the file that cannot be read.
        """
        png, cloud = (
            self.folder / FOLDERS[m][0] / f"frame{frame + 1:03d}.{FOLDERS[m][1]}"
            for m in ("depth", "lidar")
        )
        pixels = cv2.imread(str(png), cv2.IMREAD_UNCHANGED)
        lens = self.lens
        if pixels is None or pixels.dtype != np.uint16 or pixels.shape != (lens.height, lens.width):
            raise DatasetError(f"{png}: unreadable; expected uint16 {lens.height} x {lens.width}")
        # A LiDAR right behind something may have no return at all.
        nothing = cloud.is_file() and cloud.stat().st_size == 0
        points = np.zeros((0, 3), np.float32) if nothing else read_lidar(cloud)
        return np.asarray(pixels, np.uint16), points

    def readings(self, frame: int) -> Readings:
        """Both sensors at an instant (from 0), in the level frame; raises as `arrays`."""
        pixels, points = self.arrays(frame)
        turn, place = self.pose("depth")
        depth = DepthReading(pixels * np.float32(0.001), self.lens, turn @ OPTICAL, place)
        return Readings(depth, LidarReading.of(points, *self.pose("lidar")))


def clips_of(root: Path, split: str) -> list[Path]:
    """The folders of a split's clips; raises DatasetError when there is none."""
    found = sorted((root / SCENES[split]).glob("S*/A01"))
    if not found:
        raise DatasetError(
            f"{root / SCENES[split]}: no clips for {split}; make them with make_mmfi --preset wide"
        )
    return found


def _lens(about: dict[str, Any]) -> Intrinsics:
    values = about["depth"]
    names = ("width", "height", "fx", "fy", "cx", "cy")
    return Intrinsics(*(values[name] for name in names))


def _pose(about: dict[str, Any], modality: str) -> tuple[Array, Array]:
    """Rotation (3, 3) and place (3,) of a sensor in the level frame."""
    values = about[modality]
    turn = Rotation.from_euler("xyz", values["rpy_deg"], degrees=True).as_matrix()
    return np.asarray(turn), np.asarray(values["xyz_m"], np.float64)
