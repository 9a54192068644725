"""The MM-Fi data set in its published layout: clips, frames by number, physical arrays.

    ROOT/E01/S01/A01/{depth/frame001.png, lidar/frame001.bin, wifi-csi/frame001.mat, ...}
    ROOT/E01/S01/A01/ground_truth.npy    row i belongs to frame number i + 1

Frames come as the physical arrays that `sensors/` takes. A file that is not there is an absent
modality; a file that is there and unreadable is an error that names it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pta_ros.datasets.arrays import file_stamp
from pta_ros.datasets.mmfi_files import READERS, read_ground_truth
from pta_ros.datasets.splits import Pair
from pta_ros.errors import DatasetError
from pta_ros.frames import FloatArray
from pta_ros.skeleton import NUM_JOINTS

#: Frames per second of every modality.
RATE_HZ = 10.0

#: Folder and file ending of each modality.
FOLDERS = {"depth": ("depth", "png"), "lidar": ("lidar", "bin"), "csi": ("wifi-csi", "mat")}


@dataclass(frozen=True)
class Clip:
    """One subject doing one action: `scene` E01.., `subject` S01.., `action` A01.., `path`."""

    scene: str
    subject: str
    action: str
    path: Path

    @property
    def pair(self) -> Pair:
        """(subject, action), the key of the splits."""
        return (self.subject, self.action)

    @cached_property
    def ground_truth(self) -> FloatArray:
        """Joints of every frame, float32 (frames, 17, 3), metres in the camera frame."""
        return read_ground_truth(self.path / "ground_truth.npy")

    @cached_property
    def frame_numbers(self) -> tuple[int, ...]:
        """Numbers, from 1, of the frames with ground truth and at least one modality."""
        rows = len(self.ground_truth)
        return tuple(n for n in self._listed if 1 <= n <= rows)

    @cached_property
    def frames_without_truth(self) -> tuple[int, ...]:
        """Numbers of the frames that have a file and no row of ground truth: not usable."""
        rows = len(self.ground_truth)
        return tuple(n for n in self._listed if not 1 <= n <= rows)

    def available(self, number: int) -> tuple[str, ...]:
        """Return the modalities that have a file for this frame number."""
        return tuple(modality for modality, files in self._files.items() if number in files)

    def file(self, modality: str, number: int) -> Path | None:
        """Return the path of one frame; None when there is no such file."""
        if modality not in FOLDERS:
            raise DatasetError(f"unknown modality {modality!r}; expected one of {list(FOLDERS)}")
        return self._files[modality].get(number)

    def read(self, modality: str, number: int) -> FloatArray | None:
        """Read one frame as its sensor's physical array; None when there is no such file.

        Raises DecodeError, naming the file, when it is empty, truncated or of another layout.
        """
        path = self.file(modality, number)
        return None if path is None else READERS[modality](path)

    def joints(self, number: int) -> FloatArray:
        """Return the ground truth (17, 3) of one frame number, metres in the camera frame."""
        if not 1 <= number <= len(self.ground_truth):
            last = len(self.ground_truth)
            raise DatasetError(f"{self.path}: no ground truth for frame {number}; last is {last}")
        joints: FloatArray = self.ground_truth[number - 1]
        return joints

    def joints_of(self, numbers: tuple[int, ...]) -> FloatArray:
        """Return the ground truth (len(numbers), 17, 3) of frame numbers, metres."""
        joints: FloatArray = self.ground_truth[[n - 1 for n in numbers]]
        return joints

    def stamp(self) -> str:
        """Return sizes and dates (mtime, ns) of the files that are read; it changes as they do."""
        frames = [path for files in self._files.values() for path in files.values()]
        return "\n".join(file_stamp(path) for path in [*frames, self.path / "ground_truth.npy"])

    @property
    def _listed(self) -> list[int]:
        """Numbers of the frames with a file in any modality, ascending."""
        return sorted(set().union(*self._files.values()))

    @cached_property
    def _files(self) -> dict[str, dict[int, Path]]:
        """Each modality's files by frame number; listed once, on first use."""
        return {m: _frames(self.path / folder, end) for m, (folder, end) in FOLDERS.items()}


class MmfiTree:
    """An MM-Fi tree on disk. `clips` are in the order scene, subject, action."""

    joints = NUM_JOINTS

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        people = [s for scene in _folders(self.root, "E") for s in _folders(scene, "S")]
        self.clips = tuple(
            Clip(person.parent.name, person.name, action.name, action)
            for person in people
            for action in _folders(person, "A")
        )
        self._people = [(person.parent.name, person.name) for person in people]
        if not self.clips:
            raise DatasetError(
                f"{self.root}: no clips; expected MM-Fi's layout E01/S01/A01/ground_truth.npy below"
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
        """Clips (E01/S02/A05) that a subject lacks although another subject has the action."""
        found = {(clip.scene, *clip.pair) for clip in self.clips}
        expected = [(*person, action) for person in self._people for action in self.actions]
        return tuple("/".join(clip) for clip in expected if clip not in found)

    def select(
        self,
        subjects: Collection[str] | None = None,
        actions: Collection[str] | None = None,
        pairs: Collection[Pair] | None = None,
    ) -> tuple[Clip, ...]:
        """Return the clips that match every given criterion, in the tree's order."""
        return tuple(
            clip
            for clip in self.clips
            if (subjects is None or clip.subject in subjects)
            and (actions is None or clip.action in actions)
            and (pairs is None or clip.pair in pairs)
        )


def _folders(parent: Path, letter: str) -> list[Path]:
    """List the sub-folders named by one letter and two digits, ascending."""
    named = re.compile(rf"{letter}\d\d")
    return [p for p in _entries(parent) if named.fullmatch(p.name) and p.is_dir()]


def _frames(folder: Path, ending: str) -> dict[int, Path]:
    """Map frame numbers to files; hidden and foreign files are passed over."""
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
