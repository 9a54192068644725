"""The XRF55 data set in its published layout: samples of five seconds, by sensor.

    ROOT/Scene1..Scene4/{mmWave,WiFi,RFID}/SS_AA_RR.npy    subject, action 01-55, repeat 01-20

All repeats of a person's action in a scene are one clip, and its frames are the repeats: so the
data set is read as MM-Fi is. File names are trusted, not counts: published copies differ. A file
that is not there is an absent modality; one that is there and unreadable is an error that names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pta_ros.datasets.arrays import file_stamp
from pta_ros.datasets.splits import Pair
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.frames import FloatArray

#: Folder of each modality in a scene, and the shape of its files.
FOLDERS = {"radar": ("mmWave", (17, 256, 128)), "wifi": ("WiFi", (270, 1000)),
           "rfid": ("RFID", (23, 148))}  # fmt: skip
ACTIONS = 55
_NAME = re.compile(r"(\d+)_(\d+)_(\d+)\.npy")

Files = dict[str, dict[int, Path]]


@dataclass(frozen=True)
class Xrf55Clip:
    """One subject doing one action in one scene: `files` by modality and repeat.

    `scene` Scene1.., `subject` S01.., `action` A01...
    """

    scene: str
    subject: str
    action: str
    path: Path
    files: Files

    @property
    def pair(self) -> Pair:
        """(subject, action)."""
        return (self.subject, self.action)

    @property
    def frame_numbers(self) -> tuple[int, ...]:
        """Repeats with at least one modality, ascending."""
        return tuple(sorted(set().union(*self.files.values())))

    @property
    def frames_without_truth(self) -> tuple[int, ...]:
        """None: the name is the truth."""
        return ()

    def joints_of(self, numbers: tuple[int, ...]) -> FloatArray:
        """No joints: float32 (repeats, 0, 3)."""
        return np.zeros((len(numbers), 0, 3), np.float32)

    def file(self, modality: str, number: int) -> Path | None:
        """Return the path of one repeat; None when there is no such file."""
        if modality not in FOLDERS:
            raise DatasetError(f"unknown modality {modality!r}; expected one of {list(FOLDERS)}")
        return self.files[modality].get(number)

    def read(self, modality: str, number: int) -> FloatArray | None:
        """Read one repeat as its sensor's physical array; None when there is no such file.

        Raises DecodeError, naming the file, when it is damaged or of another shape.
        """
        path = self.file(modality, number)
        return None if path is None else read_sample(modality, path)

    def stamp(self) -> str:
        """Return sizes and dates of the files; it changes as they do."""
        return "\n".join(file_stamp(p) for by_number in self.files.values()
                         for p in by_number.values())  # fmt: skip


def read_sample(modality: str, path: Path) -> FloatArray:
    """Read a file as float32 (packets, ...), oldest first; a Wi-Fi file may lie either way."""
    _, shape = FOLDERS[modality]
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # header, zip and memory errors, by what the damage looks like
        reason = f"{type(error).__name__}: {error}"
        raise DecodeError(str(path), reason, "a .npy file of numbers") from error
    found = getattr(array, "shape", ())
    if getattr(array, "dtype", np.dtype("O")).kind not in "fiu":
        raise DecodeError(str(path), f"not an array of real numbers, {found}", str(shape))
    if modality == "wifi" and found == shape[::-1]:
        array, found = array.T, shape
    if array.size != np.prod(shape) or (modality != "radar" and found != shape):
        raise DecodeError(str(path), f"array of shape {found}", str(shape))
    with np.errstate(over="ignore", invalid="ignore"):
        values = array.reshape(shape).astype(np.float32)
    packets: FloatArray = values if modality == "radar" else np.ascontiguousarray(values.T)
    return packets


class Xrf55Tree:
    """An XRF55 tree on disk. `clips` are in the order scene, subject, action."""

    #: Clips that a complete tree would have: not told, as published copies differ.
    missing_clips: tuple[str, ...] = ()
    joints = 0

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        found: dict[tuple[str, int, int], Files] = {}
        for scene in sorted(self.root.glob("Scene[0-9]*")):
            for modality, (folder, _) in FOLDERS.items():
                _list(scene, modality, folder, found)
        self.clips = tuple(
            Xrf55Clip(scene, f"S{subject:02d}", f"A{action:02d}", self.root / scene, files)
            for (scene, subject, action), files in sorted(found.items())
        )
        if not self.clips:
            raise DatasetError(
                f"{self.root}: no samples; expected XRF55's layout Scene1/mmWave/01_01_01.npy below"
            )


def _list(
    scene: Path, modality: str, folder: str, found: dict[tuple[str, int, int], Files]
) -> None:
    """Enter one folder's files; hidden and foreign files are passed over."""
    for path in sorted((scene / folder).glob("*.npy")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        subject, action, repeat = map(int, match.groups())
        if not 1 <= action <= ACTIONS:
            raise DatasetError(f"{path}: action {action}; expected 1 to {ACTIONS}")
        empty: Files = {m: {} for m in FOLDERS}
        found.setdefault((scene.name, subject, action), empty)[modality][repeat] = path
