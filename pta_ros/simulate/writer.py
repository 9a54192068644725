"""Writes synthetic clips as a tree in MM-Fi's exact layout (ROOT/E01/S01/A01/...)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from pta_ros.datasets.mmfi import SYNTHETIC_FORMAT
from pta_ros.datasets.mmfi_files import FOLDERS
from pta_ros.datasets.parts import PARTIAL
from pta_ros.errors import DatasetError
from pta_ros.sensors.channel import to_db
from pta_ros.simulate.recording import Recording, SimFrame, scene_of

FULL_FRAMES = 297  # of a clip of the real data set
RATE_HZ = 10.0


@dataclass(frozen=True)
class TreePlan:
    """What a tree holds: `frames` per clip, `step` sensor periods (0.1 s) apart, from one seed."""

    seed: int
    subjects: tuple[int, ...]
    actions: tuple[int, ...]
    frames: int
    step: int
    preset: str = "custom"

    def settings(self) -> dict[str, object]:
        """What every clip of one tree has in common."""
        common = {"seed": self.seed, "frames": self.frames, "step": self.step}
        return {"format": SYNTHETIC_FORMAT, **common, "rate_hz": RATE_HZ}

    def parts(self) -> Iterator[tuple[int, ...]]:
        """Every (subject, action), subject by subject."""
        return ((subject, action) for subject in self.subjects for action in self.actions)

    def write(self, root: Path, part: tuple[int, ...]) -> bool:
        """Write one clip; False when it is there already."""
        subject, action = part
        return write_clip(root, self, subject, action)


def spread_step(frames: int) -> int:
    """The step (in sensor periods) that spreads `frames` over the real clip's 297, at most 1 s."""
    return int(np.clip(FULL_FRAMES // frames, 1, 10))


def clip_folder(root: Path, subject: int, action: int) -> Path:
    """MM-Fi's folder of a clip."""
    return root / scene_of(subject) / f"S{subject:02d}" / f"A{action:02d}"


def write_clip(root: Path, plan: TreePlan, subject: int, action: int) -> bool:
    """Write one clip; False when it is there already."""
    folder = clip_folder(root, subject, action)
    if folder.is_dir():
        return False
    partial = folder.with_name(PARTIAL + folder.name)
    shutil.rmtree(partial, ignore_errors=True)
    for name, _ in FOLDERS.values():
        (partial / name).mkdir(parents=True)
    recording = Recording(plan.seed, subject, action, step_s=plan.step / RATE_HZ)
    for number in range(plan.frames):
        _write_frame(partial, number + 1, recording.frame(number))
    np.save(partial / "ground_truth.npy", recording.ground_truth(plan.frames))
    partial.replace(folder)
    return True


def _write_frame(folder: Path, number: int, frame: SimFrame) -> None:
    png, cloud, channel = (
        folder / name / f"frame{number:03d}.{ending}" for name, ending in FOLDERS.values()
    )
    if not cv2.imwrite(str(png), frame.depth_mm, _FAST_PNG):
        raise DatasetError(f"{png}: could not be written; check the space left on the disk")
    frame.lidar_m.astype(np.float64).tofile(cloud)
    csi = {"CSIamp": to_db(frame.csi), "CSIphase": np.zeros_like(frame.csi)}
    scipy.io.savemat(channel, csi)


_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
