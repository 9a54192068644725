"""The MM-Fi data set in its published layout: clips, frames by number, physical arrays.

ROOT/E01/S01/A01/{depth/frame001.png, lidar/frame001.bin, wifi-csi/frame001.mat, ...}
ROOT/E01/S01/A01/ground_truth.npy    row i belongs to frame number i + 1
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import numpy as np

from pta_ros.datasets.calibration import CALIBRATION, Calibration, read_calibration
from pta_ros.datasets.clips import ClipFiles, Tree, file_stamp, made_of, made_with
from pta_ros.datasets.mmfi_files import (
    DEVIATION,
    FOLDERS,
    READERS,
    read_csi,
    read_deviations,
    read_ground_truth,
    read_millimetres,
)
from pta_ros.errors import DatasetError
from pta_ros.frames import FloatArray
from pta_ros.skeleton import NUM_JOINTS

#: Of synthetic trees: 1 had CSI that is not in dB, as MM-Fi's is.
SYNTHETIC_FORMAT = 2
#: Names of the activities A01, A02 and so on.
ACTIVITIES: tuple[str, ...] = (
    "stretching and relaxing", "chest expansion (horizontal)", "chest expansion (vertical)",
    "twist (left)", "twist (right)", "mark time", "limb extension (left)",
    "limb extension (right)", "lunge (left-front)", "lunge (right-front)",
    "limb extension (both)", "squat", "raising hand (left)", "raising hand (right)",
    "lunge (left side)", "lunge (right side)", "waving hand (left)", "waving hand (right)",
    "picking up things", "throwing (left side)", "throwing (right side)", "kicking (left side)",
    "kicking (right side)", "body extension (left)", "body extension (right)", "jumping up",
    "bowing",
)  # fmt: skip


class Clip(ClipFiles):
    """A clip of MM-Fi: `scene` E01.., `subject` S01.., `action` A01.., `path` of its folder.

    One of recordings (bag_to_dataset) has a calibration: images of any camera are seen through
    MM-Fi's; frames in which nobody is have no joints and are not complete.
    """

    readers = READERS

    @cached_property
    def ground_truth(self) -> FloatArray:
        """Joints of every frame, float32 (frames, 17, 3), metres in the camera frame."""
        return read_ground_truth(self._truth, gaps=self.calibration is not None)

    @cached_property
    def calibration(self) -> Calibration | None:
        """What is known of the sensors; None: they are MM-Fi's."""
        path = self.path / CALIBRATION
        return read_calibration(path) if path.is_file() else None

    def read(self, modality: str, number: int) -> FloatArray | None:
        """See ClipFiles; depth as MM-Fi's camera would see it, NaN where this one sees nothing."""
        path, known = self.file(modality, number), self.calibration
        if path is None or known is None:
            return super().read(modality, number)
        if modality == "depth" and known.lens is not None:
            pixels = read_millimetres(path, (known.lens.height, known.lens.width))
            return known.camera.view(pixels, str(path))
        if modality == "csi" and known.csi_shape:
            return read_csi(path, known.csi_shape)
        return super().read(modality, number)

    @property
    def _truth(self) -> Path:
        return self.path / "ground_truth.npy"

    @cached_property
    def files(self) -> dict[str, dict[int, Path]]:
        """See ClipFiles; the folders are listed once, on first use."""
        return {m: _frames(self.path / folder, end) for m, (folder, end) in FOLDERS.items()}

    @property
    def complete(self) -> Collection[int]:
        """See ClipFiles; numbers begin at 1."""
        if self.calibration is None:
            return range(1, len(self.ground_truth) + 1)
        return (np.flatnonzero(np.isfinite(self.ground_truth[:, 0, 0])) + 1).tolist()

    def place(self, modality: str, number: int) -> Path:
        """See ClipFiles."""
        folder, ending = FOLDERS[modality]
        return self.path / folder / f"frame{number:03d}.{ending}"

    def joints(self, number: int) -> FloatArray:
        """Ground truth (17, 3) of one frame number, metres in the camera frame."""
        if number not in self.complete:
            last = len(self.ground_truth)
            raise DatasetError(f"{self.path}: no ground truth for frame {number}; last is {last}")
        return self.joints_of((number,))[0]

    def joints_of(self, numbers: tuple[int, ...]) -> FloatArray:
        """See ClipFiles; (len(numbers), 17, 3)."""
        joints: FloatArray = self.ground_truth[[n - 1 for n in numbers]]
        return joints

    @cached_property
    def deviation(self) -> FloatArray:
        """One sigma of the joints of every frame, float32 (frames, 17) metres; 0: certain."""
        path, count = self.path / DEVIATION, len(self.ground_truth)
        if not path.is_file():
            return np.zeros((count, NUM_JOINTS), np.float32)
        sigma = read_deviations(path)
        nearest = sigma[:, 0] if sigma.shape[1] else np.full((count, NUM_JOINTS), np.nan)
        if len(nearest) != count or not np.isfinite(nearest[[n - 1 for n in self.complete]]).all():
            raise DatasetError(
                f"{path}: {len(nearest)} frames, or not finite; expected {count}, and a number for "
                f"each joint in {self._truth.name}"
            )
        return np.asarray(nearest, np.float32)

    def deviations_of(self, numbers: tuple[int, ...]) -> FloatArray:
        """See ClipFiles; (len(numbers), 17)."""
        sigma: FloatArray = self.deviation[[n - 1 for n in numbers]]
        return sigma

    def stamp(self) -> str:
        """See ClipFiles."""
        own = [file_stamp(self._truth)]
        own += [file_stamp(p) for n in (CALIBRATION, DEVIATION) if (p := self.path / n).is_file()]
        return "\n".join([super().stamp(), *own])


class MmfiTree(Tree):
    """An MM-Fi tree on disk; raises DatasetError when there is none at `root`."""

    joints = NUM_JOINTS
    clips: tuple[Clip, ...]

    def __init__(self, root: str | Path) -> None:
        made = made_with(Path(root)) or {}
        if made.get("world") == "wide":
            raise DatasetError(
                f"{root}: a tree of the wide world; expected MM-Fi's cameras and one person: train "
                "on it with config/people_lite.yaml --from people_lite, measure with "
                "evaluate_geometry"
            )
        if made.get("format", SYNTHETIC_FORMAT) != SYNTHETIC_FORMAT:
            raise DatasetError(
                f"{root}: a synthetic tree of format {made['format']!r}; expected "
                f"{SYNTHETIC_FORMAT}, whose CSI is in dB: make it again (make_mmfi)"
            )
        people = [s for scene in _folders(Path(root), "E") for s in _folders(scene, "S")]
        clips = tuple(
            Clip(person.parent.name, person.name, action.name, action)
            for person in people
            for action in _folders(person, "A")
        )
        super().__init__(Path(root), clips)
        self._people = [(person.parent.name, person.name) for person in people]
        if not clips:
            raise DatasetError(
                f"{root}: no clips; expected MM-Fi's layout E01/S01/A01/ground_truth.npy below"
            )

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects present, ascending."""
        return tuple(sorted({clip.subject for clip in self.clips}))

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions present, ascending."""
        return tuple(sorted({clip.action for clip in self.clips}))

    @property
    def missing_clips(self) -> tuple[str, ...]:
        """Clips (E01/S02/A05) that a subject lacks although another subject has the action.

        Of recordings none: a subject is a piece of one there.
        """
        if made_of(self.root) is not None:
            return ()
        found = {(clip.scene, *clip.pair) for clip in self.clips}
        expected = [(*person, action) for person in self._people for action in self.actions]
        return tuple("/".join(clip) for clip in expected if clip not in found)


def _folders(parent: Path, letter: str) -> list[Path]:
    """The sub-folders named by one letter and a number of two digits or five, ascending."""
    named = re.compile(rf"{letter}\d\d(\d\d\d)?")
    return [p for p in _entries(parent) if named.fullmatch(p.name) and p.is_dir()]


def _frames(folder: Path, ending: str) -> dict[int, Path]:
    """Files by frame number; hidden and foreign files are ignored."""
    if not folder.is_dir():
        return {}
    pattern = re.compile(rf"frame(\d{{3,}})\.{ending}")
    matches = ((pattern.fullmatch(path.name), path) for path in _entries(folder))
    return {int(match[1]): path for match, path in matches if match}


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DatasetError(f"{folder}: {error.strerror}; expected a folder of MM-Fi") from error
