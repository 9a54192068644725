"""One clip on disk: MM-Fi's files for what is there, the truth, and what is known of the sensors.

Beside MM-Fi's files (README of the wide tree: simulate/wide/writer.py):
  calibration.yaml   the lens, sensors' poses in the level frame, what is only assumed of them
  stamps.npy         (T,) ns, the instants
  ground_truth.npy   (T, 17, 3) metres, the nearest person, NaN: nobody; in the camera's frame
  people.npy         (T, P, 17, 3) metres in the level frame, nearest first, NaN: fewer
  sight.npy, counts.npy   joints that the camera and the LiDAR see, pixels and points on each
  deviation.npy      (T, P, 17) metres, one sigma, where the truth is an estimate
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io
import yaml
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pta_ros.datasets.mmfi_files import FOLDERS, csi_db
from pta_ros.datasets.people import MOST_PEOPLE
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.transforms import Matrix
from pta_ros.people.readings import OPTICAL, DepthReading, LidarReading
from pta_ros.people.seen import NOTHING, seen_by_camera, seen_by_lidar
from pta_ros.recordings.places import Places
from pta_ros.recordings.truth import LEVEL, OWN, SIGMA
from pta_ros.sensors import DepthSensor
from pta_ros.skeleton import NUM_JOINTS

_MAT_TEXT = b"MATLAB 5.0 MAT-file".ljust(116)
#: Of noisy depth smaller and faster than with a search for what repeats.
_FAST_PNG = [
    cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE
]  # fmt: skip


class ClipWriter:
    """Writes one clip's frames into `folder`, which it makes; `finish` adds the truth.

    An image of another size than the first is left out: a clip has one lens.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stamps: list[int] = []
        self.lens: Any = None
        self.csi_shape: tuple[int, ...] = ()
        self._people: list[FloatArray] = []
        self._sight: list[NDArray[np.bool_]] = []
        self._counts: list[NDArray[np.int32]] = []
        folder.mkdir(parents=True)

    def add(self, stamp: int, frames: Mapping[str, Frame], people: FloatArray | None) -> None:
        """Write one instant: what is there, and everybody (P, 17, 7), None: no truth is kept."""
        self.stamps.append(stamp)
        for modality, frame in frames.items():
            self._write(modality, frame)
        if people is not None:
            order = np.argsort(np.linalg.norm(people[:, 0, OWN], axis=1), kind="stable")
            self._note(frames, people[order[:MOST_PEOPLE]])

    def _write(self, modality: str, frame: Frame) -> None:
        name, ending = FOLDERS[modality]
        path = self.folder / name / f"frame{len(self.stamps):03d}.{ending}"
        path.parent.mkdir(exist_ok=True)
        if modality == "depth":
            self.lens = self.lens or frame.reading.lens
            png = cv2.imencode(".png", _millimetres(frame.array), _FAST_PNG)[1]
            path.write_bytes(png.tobytes())
        elif modality == "lidar":
            path.write_bytes(np.ascontiguousarray(frame.array, "<f8").tobytes())
        else:
            self.csi_shape = frame.array.shape
            path.write_bytes(_mat(frame.array))

    def _note(self, frames: Mapping[str, Frame], people: FloatArray) -> None:
        sight = np.zeros((2, len(people), NUM_JOINTS), bool)
        counts = np.zeros((2, len(people)), np.int32)
        readings = [frames[m].reading if m in frames else None for m in ("depth", "lidar")]
        for who, joints in enumerate(people[..., LEVEL].astype(np.float64)):
            for row, reading in enumerate(readings):
                seen = NOTHING
                if isinstance(reading, DepthReading):
                    seen = seen_by_camera(reading, joints)
                elif isinstance(reading, LidarReading):
                    seen = seen_by_lidar(reading, joints)
                sight[row, who], counts[row, who] = seen
        self._people.append(people)
        self._sight.append(sight)
        self._counts.append(counts)

    def finish(self, calibration: Mapping[str, Any], certain: bool) -> None:
        """Write what is known of all frames; `certain`: the truth has no deviation."""
        np.save(self.folder / "stamps.npy", np.array(self.stamps, np.int64))
        text = yaml.safe_dump(dict(calibration), sort_keys=False)
        (self.folder / "calibration.yaml").write_text(text, encoding="utf-8")
        if not self._people:
            return
        most = max(len(people) for people in self._people)
        people = np.stack([_padded(rows, 0, most, np.nan) for rows in self._people])
        nearest = np.full((len(people), NUM_JOINTS, 3), np.nan, np.float32)
        if most:
            nearest[:] = people[:, 0, :, OWN]
        arrays: dict[str, NDArray[Any]] = {
            "ground_truth": nearest,
            "people": np.ascontiguousarray(people[..., LEVEL]),
            "sight": np.stack([_padded(rows, 1, most, False) for rows in self._sight]),
            "counts": np.stack([_padded(rows, 1, most, 0) for rows in self._counts]),
        }
        if not certain:
            arrays["deviation"] = np.ascontiguousarray(people[..., SIGMA])
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)


def _padded(rows: NDArray[Any], axis: int, count: int, fill: Any) -> NDArray[Any]:
    """Rows along an axis, filled up to `count`."""
    missing = [(0, 0)] * rows.ndim
    missing[axis] = (0, count - rows.shape[axis])
    return np.pad(rows, missing, constant_values=fill)


def _mat(amplitude: FloatArray) -> bytes:
    """A MATLAB file of the amplitudes; without the date in its header, the same gives the same."""
    file = io.BytesIO()
    scipy.io.savemat(file, {"CSIamp": csi_db(amplitude)})
    return _MAT_TEXT + file.getvalue()[len(_MAT_TEXT) :]


def _millimetres(metres: FloatArray) -> NDArray[np.uint16]:
    """Whole millimetres; 0 for no return and for what 16 bits cannot say."""
    known = np.where((metres > 0) & (metres < 65.5345), metres, np.float32(0))
    return np.asarray(DepthSensor().compact(known), np.uint16)


def calibration(places: Places, clip: ClipWriter) -> dict[str, Any]:
    """What is known of a clip's sensors, as calibration.yaml has it."""
    found: dict[str, Any] = {}
    if "depth" in places.frames:
        lens = clip.lens
        pixels = {} if lens is None else {
            "width": lens.width, "height": lens.height, "fx": float(lens.fx), "fy": float(lens.fy),
            "cx": float(lens.cx), "cy": float(lens.cy),
            "distortion": [float(value) for value in lens.distortion],
        }  # fmt: skip
        found["depth"] = {
            "frame_id": places.frames["depth"], **pixels, "lens_assumed": places.lens_assumed(),
            "rotation_deg": places.rotation_deg(), **_pose(places, "depth", OPTICAL),
        }  # fmt: skip
    if "lidar" in places.frames:
        found["lidar"] = {"frame_id": places.frames["lidar"], **_pose(places, "lidar", np.eye(3))}
    if clip.csi_shape:
        sizes = zip(("antennas", "subcarriers", "packets"), clip.csi_shape, strict=True)
        found["csi"] = {"frame_id": places.frames["csi"], **dict(sizes)}
    return found


def _pose(places: Places, modality: str, axes: Matrix) -> dict[str, Any]:
    """Of a sensor's body in the level frame, as simulate/wide/writer.py tells it."""
    matrix = places.pose(modality)
    turned = Rotation.from_matrix(matrix[:3, :3] @ axes.T).as_euler("xyz", degrees=True)
    return {
        "xyz_m": [float(x) for x in matrix[:3, 3]],
        "rpy_deg": [float(x) for x in turned],
        "pose_assumed": places.assumed(modality),
    }
