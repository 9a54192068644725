"""Writes the wide world in MM-Fi's layout: ROOT/E01/S00001/A01, one clip for each scene.

E01 are the scenes of training, E02 of validation, E03 of the test. Beside MM-Fi's files:
  calibration.yaml   the devices, the camera's intrinsics, both poses in the level frame
  people.npy         (T, P, 17, 3) metres, level frame: everybody who is there
  sight.npy          (T, 2, P, 17) bool: joints that the camera, that the LiDAR sees
  counts.npy         (T, 2, P): pixels and points on each person
ground_truth.npy (T, 17, 3) holds the nearest person in the camera's frame, NaN where nobody is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from pta_ros.datasets.mmfi_files import FOLDERS
from pta_ros.datasets.parts import PARTIAL
from pta_ros.errors import DatasetError
from pta_ros.simulate.wide.mounting import Mount
from pta_ros.simulate.wide.scene import SPLITS, Scene, Seen, draw_scene

FORMAT_VERSION = 1
STEP_S = 0.5
_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True)
class WidePlan:
    """How many scenes each split has, `frames` of each half a second apart, all from one seed."""

    seed: int
    scenes: tuple[int, int, int]
    frames: int
    preset: str = "wide"

    def settings(self) -> dict[str, object]:
        """What every clip of one tree has in common."""
        common = {"seed": self.seed, "frames": self.frames, "step_s": STEP_S}
        return {"world": "wide", "wide_format": FORMAT_VERSION, **common}

    def parts(self) -> Iterator[tuple[int, ...]]:
        """Every (split, number): validation and test first, as they are fewer."""
        for split in (2, 3, 1):
            for number in range(1, self.scenes[split - 1] + 1):
                yield split, number

    def write(self, root: Path, part: tuple[int, ...]) -> bool:
        """Write one clip; False when it is there already."""
        split, number = part
        folder = root / f"E{split:02d}" / f"S{number:05d}" / "A01"
        if folder.is_dir():
            return False
        partial = folder.with_name(PARTIAL + folder.name)
        shutil.rmtree(partial, ignore_errors=True)
        for modality in ("depth", "lidar"):
            (partial / FOLDERS[modality][0]).mkdir(parents=True)
        name = {value: key for key, value in SPLITS.items()}[split]
        scene = draw_scene(self.seed, name, number)
        rng = np.random.default_rng([self.seed, split, number, 404])
        seen = [scene.at(STEP_S * n, rng) for n in range(self.frames)]
        _write_clip(partial, scene, seen)
        partial.replace(folder)
        return True


def _write_clip(folder: Path, scene: Scene, seen: list[Seen]) -> None:
    for number, frame in enumerate(seen, start=1):
        png = folder / FOLDERS["depth"][0] / f"frame{number:03d}.png"
        if not cv2.imwrite(str(png), frame.depth_mm, _FAST_PNG):
            raise DatasetError(f"{png}: could not be written; check the space left on the disk")
        cloud = folder / FOLDERS["lidar"][0] / f"frame{number:03d}.bin"
        frame.lidar_m.astype(np.float64).tofile(cloud)
    np.save(folder / "people.npy", np.stack([f.joints for f in seen]).astype(np.float32))
    np.save(folder / "sight.npy", np.stack([f.sight for f in seen]))
    np.save(folder / "counts.npy", np.stack([f.counts for f in seen]).astype(np.int32))
    np.save(folder / "ground_truth.npy", np.stack([_nearest(scene, f) for f in seen]))
    text = yaml.safe_dump(_calibration(scene), sort_keys=False)
    (folder / "calibration.yaml").write_text(text)


def _nearest(scene: Scene, frame: Seen) -> Any:
    if not len(frame.joints):
        return np.full((17, 3), np.nan)
    mount = scene.mounting.camera
    local = (frame.joints - np.asarray(mount.place)) @ mount.optical
    return local[np.linalg.norm(local[:, 0], axis=1).argmin()]


def _calibration(scene: Scene) -> dict[str, Any]:
    def pose(mount: Mount) -> dict[str, list[float]]:
        return {
            "xyz_m": [round(v, 6) for v in mount.place],
            "rpy_deg": [round(v, 6) for v in mount.rpy_deg],
        }

    lens = {k: v for k, v in asdict(scene.lens).items() if k != "distortion"}
    return {
        "depth": {
            "device": scene.camera.name, "kind": scene.camera.kind, **lens,
            **pose(scene.mounting.camera), "background_removed": scene.bare,
        },
        "lidar": {
            "device": scene.lidar.name, "lines": scene.lidar.lines, **pose(scene.mounting.lidar)
        },
        "people": [
            {"action": p.action.name, "heading_deg": round(float(np.rad2deg(p.heading)), 2),
             "speed_m_s": p.speed, "height_m": round(p.subject.height, 3)}
            for p in scene.people
        ],
    }  # fmt: skip
