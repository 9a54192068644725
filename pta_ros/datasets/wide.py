"""Clips with calibration and everybody in them: of the wide world, or of recordings.

simulate/wide/writer.py has the layout, recordings/files.py what recordings add.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.calibration import CALIBRATION, Calibration, read_calibration
from pta_ros.datasets.mmfi_files import DEVIATION, FOLDERS, read_deviations, read_lidar
from pta_ros.errors import DatasetError
from pta_ros.people.readings import OPTICAL, DepthReading, LidarReading, Readings
from pta_ros.sensors.camera import Intrinsics

_SEEING = ("depth", "lidar")
#: Scenes of a tree: for training, validation and test.
SCENES = {"train": "E01", "val": "E02", "test": "E03"}


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip: truth of T instants with P people in the level frame, and how to read its sensors.

    `people` (T, P, 17, 3) metres; `sight` (T, 2, P, 17): joints that depth and LiDAR see; `counts`
    (T, 2, P): their pixels and points on each person. Who is not there at an instant has joints of
    NaN and is in no sensor's sight; a sensor that is absent has no file.
    """

    folder: Path
    people: NDArray[np.float32]
    sight: NDArray[np.bool_]
    counts: NDArray[np.int32]
    known: Calibration

    @classmethod
    def open(cls, folder: Path) -> Clip:
        """Read a clip's truth; raises DatasetError naming the file that cannot be used."""
        try:
            people, sight, counts = (
                np.load(folder / f"{name}.npy", allow_pickle=False)
                for name in ("people", "sight", "counts")
            )
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{folder}: {error!r}; expected a clip of make_mmfi --preset wide, or of "
                "bag_to_dataset with a truth"
            ) from error
        return cls(folder, people, sight, counts, read_calibration(folder / CALIBRATION))

    @property
    def lens(self) -> Intrinsics:
        """The camera's; raises DatasetError where there is none."""
        if self.known.lens is None:
            raise DatasetError(f"{self.folder / CALIBRATION}: no lens; expected depth's")
        return self.known.lens

    @cached_property
    def deviation(self) -> NDArray[np.float32]:
        """One sigma (T, P, 17), metres, of joints that are estimates; 0: certain."""
        path = self.folder / DEVIATION
        shape = self.people.shape[:3]
        if not path.is_file():
            return np.zeros(shape, np.float32)
        sigma = read_deviations(path)
        known = np.isfinite(self.people).all(axis=3)
        if sigma.shape != shape or not np.isfinite(sigma[known]).all():
            raise DatasetError(
                f"{path}: {sigma.shape}, or not finite; expected {shape}, a number for each joint"
            )
        return np.nan_to_num(sigma)

    @cached_property
    def frames(self) -> tuple[int, ...]:
        """The instants (from 0) that the camera or the LiDAR has a file of."""
        count = range(len(self.people))
        return tuple(n for n in count if any(self._file(m, n).is_file() for m in _SEEING))

    def _file(self, modality: str, frame: int) -> Path:
        name, ending = FOLDERS[modality]
        return self.folder / name / f"frame{frame + 1:03d}.{ending}"

    def arrays(self, frame: int) -> tuple[NDArray[np.uint16] | None, NDArray[np.float32] | None]:
        """Depth (H, W) in mm and points (N, 3) in the LiDAR's own frame, metres, of an instant.

        None is absent. Raises DatasetError and DecodeError naming the file that cannot be read.
        """
        png, cloud = (self._file(modality, frame) for modality in _SEEING)
        return (
            self._image(png) if png.is_file() else None,
            _points(cloud) if cloud.is_file() else None,
        )

    def _image(self, png: Path) -> NDArray[np.uint16]:
        import cv2  # late: scenes are known without it

        pixels = cv2.imread(str(png), cv2.IMREAD_UNCHANGED)
        lens = self.lens
        if pixels is None or pixels.dtype != np.uint16 or pixels.shape != (lens.height, lens.width):
            raise DatasetError(f"{png}: unreadable; expected uint16 {lens.height} x {lens.width}")
        return np.asarray(pixels, np.uint16)

    def readings(self, frame: int) -> Readings:
        """Both sensors at an instant (from 0), in the level frame; raises as `arrays`."""
        pixels, points = self.arrays(frame)
        depth = lidar = None
        if pixels is not None:
            turn, place = self.known.pose("depth")
            depth = DepthReading(pixels * np.float32(0.001), self.lens, turn @ OPTICAL, place)
        if points is not None:
            lidar = LidarReading.of(points, *self.known.pose("lidar"))
        return Readings(depth, lidar)


def _points(cloud: Path) -> NDArray[np.float32]:
    """A LiDAR right behind something may have no return at all."""
    return read_lidar(cloud) if cloud.stat().st_size else np.zeros((0, 3), np.float32)


def clips_of(root: Path, split: str) -> list[Path]:
    """The folders of a split's clips; raises DatasetError when there is none."""
    found = sorted((root / SCENES[split]).glob("S*/A*"))
    if not found:
        raise DatasetError(
            f"{root / SCENES[split]}: no clips for {split}; make them with make_mmfi --preset "
            "wide, or of recordings with bag_to_dataset (--part)"
        )
    return found
