"""What all data sets have in common: clips with one file per modality and frame number."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pta_ros.errors import DatasetError
from pta_ros.frames import FloatArray

#: In the root of a synthetic tree: what it was made with.
MARKER = "SYNTHETIC.json"
#: In the root of a tree that bag_to_dataset made: of which recordings.
RECORDED = "RECORDED.json"


@dataclass(frozen=True)
class ClipFiles(ABC):
    """One subject doing one action in one scene, named as in the data set; `path` is its folder.

    A file that is not there is an absent modality of its frame (see `missing`); one that is there
    and unreadable is an error that names it. Ground truth that is unreadable raises DatasetError.
    """

    #: Modality -> what reads a file as the physical array that `sensors/` takes.
    readers: ClassVar[Mapping[str, Callable[[Path], FloatArray]]]

    scene: str
    subject: str
    action: str
    path: Path

    @property
    @abstractmethod
    def files(self) -> dict[str, dict[int, Path]]:
        """The files that are there, by modality and frame number."""

    @property
    @abstractmethod
    def complete(self) -> Collection[int]:
        """Numbers, ascending, of the frames that have ground truth: those of a complete clip."""

    @abstractmethod
    def place(self, modality: str, number: int) -> Path:
        """Where the file of a frame belongs."""

    @abstractmethod
    def joints_of(self, numbers: tuple[int, ...]) -> FloatArray:
        """Ground truth (len(numbers), J, 3), float32, metres in the camera frame."""

    def deviations_of(self, numbers: tuple[int, ...]) -> FloatArray:
        """One sigma (len(numbers), J), float32 metres, of joints that are estimates; 0: certain."""
        return np.zeros(self.joints_of(numbers).shape[:2], np.float32)

    @property
    def pair(self) -> tuple[str, str]:
        """(subject, action), the key of the splits."""
        return (self.subject, self.action)

    @property
    def frame_numbers(self) -> tuple[int, ...]:
        """Numbers of the frames with ground truth and at least one file, ascending."""
        complete = self.complete
        return tuple(n for n in self._listed() if n in complete)

    @property
    def frames_without_truth(self) -> tuple[int, ...]:
        """Numbers of the frames that have a file and no ground truth, ascending: not usable."""
        complete = self.complete
        return tuple(n for n in self._listed() if n not in complete)

    def file(self, modality: str, number: int) -> Path | None:
        """The path of one frame's file; None when there is no such file."""
        if modality not in self.readers:
            known = list(self.readers)
            raise DatasetError(f"unknown modality {modality!r}; expected one of {known}")
        return self.files[modality].get(number)

    def read(self, modality: str, number: int) -> FloatArray | None:
        """The physical array in the file of one frame; None when there is no such file.

        Raises DecodeError, naming the file, when it is damaged or of another shape.
        """
        path = self.file(modality, number)
        return None if path is None else self.readers[modality](path)

    def missing(self, modality: str) -> list[Path]:
        """The files that a complete clip has and this one lacks, in the order of their frames."""
        there = self.files[modality]
        return [self.place(modality, n) for n in self.complete if n not in there]

    def stamp(self) -> str:
        """Sizes and dates of the files that are read; it changes when one of them does."""
        return "\n".join(file_stamp(p) for files in self.files.values() for p in files.values())

    def _listed(self) -> list[int]:
        """Numbers of the frames that have a file of any modality, ascending."""
        return sorted(set().union(*self.files.values()))


class Tree:
    """A data set on disk: its `clips`, in the order scene, subject, action, below `root`."""

    #: Joints in the ground truth of a frame.
    joints: int

    def __init__(self, root: Path, clips: tuple[ClipFiles, ...]) -> None:
        self.root, self.clips = root, clips

    @property
    def missing_clips(self) -> tuple[str, ...]:
        """Names of the clips that a complete tree would have; empty where that is unknown."""
        return ()


def made_with(root: Path) -> dict[str, Any] | None:
    """What a synthetic tree was made with; None for real data. Raises DatasetError.

    Recordings of synthetic sensors are synthetic data, too.
    """
    if (recorded := made_of(root)) is not None:
        return {"synthetic": True, "recorded": True} if recorded.get("synthetic") else None
    return _read_marker(root / MARKER)


def made_of(root: Path) -> dict[str, Any] | None:
    """What a tree of recordings was made of; None for any other. Raises DatasetError."""
    return _read_marker(root / RECORDED)


def _read_marker(marker: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{marker}: {error}; expected what the tree was made with") from error
    if not isinstance(found, dict):
        raise DatasetError(f"{marker}: {found!r}; expected what the tree was made with, by name")
    return found


def file_stamp(path: Path) -> str:
    """Name, size and date (mtime, ns) of a file, or the reason why they cannot be read."""
    try:
        stat = path.stat()
    except OSError as error:  # a link to nowhere: reading it raises an error
        return f"{path.name} {error.strerror}"
    return f"{path.name} {stat.st_size} {stat.st_mtime_ns}"
