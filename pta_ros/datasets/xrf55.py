"""The XRF55 data set in its published layout: samples of five seconds, by sensor.

    ROOT/Scene1..Scene4/{mmWave,WiFi,RFID}/SS_AA_RR.npy    subject, action 01-55, repeat 01-20

All repeats of a person's action in a scene are one clip, and its frames are the repeats: so the
data set is read as MM-Fi is. File names are trusted, not counts: published copies differ.

A tree that bag_to_dataset made of recordings has the same files: Scene1 to train, Scene2 to
validate, Scene3 to test; SS counts stretches of one activity, AA its own classes, RR the windows of
a stretch. Arrays are as large as the recorded sensors' windows, packets last but for the radar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.clips import ClipFiles, Tree, made_of
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.frames import FloatArray

#: Folder of each modality in a scene, and the shape of its files.
FOLDERS = {"radar": ("mmWave", (17, 256, 128)), "wifi": ("WiFi", (270, 1000)),
           "rfid": ("RFID", (23, 148))}  # fmt: skip
#: Scenes of a tree of recordings.
RECORDED_SCENES = {"train": "Scene1", "val": "Scene2", "test": "Scene3"}
Files = dict[str, dict[int, Path]]
_NAME = re.compile(r"(\d+)_(\d+)_(\d+)\.npy")
#: Names of the activities A01, A02 and so on, in the five groups of the publication: objects, other
#: people, fitness, body motion, gestures. Public lists differ only in the names of 3 to 15.
ACTIVITIES: tuple[str, ...] = (
    "carrying weight", "mopping the floor", "using a phone", "throwing something",
    "picking something up", "putting something on a table", "cutting something",
    "wearing a hat", "putting on clothing", "blow-drying hair", "combing hair",
    "brushing teeth", "drinking", "eating", "smoking",
    "shaking hands", "hugging", "handing something over", "kicking someone",
    "hitting someone with something", "choking someone's neck", "pushing someone",
    "body-weight squats", "tai chi", "boxing", "weightlifting", "hula hooping", "jumping rope",
    "jumping jack", "high leg lifting",
    "waving", "clapping hands", "falling on the floor", "jumping", "running", "sitting down",
    "standing up", "turning", "walking", "stretching oneself", "patting a shoulder",
    "playing erhu", "playing ukulele", "playing drums", "stomping", "shaking the head", "nodding",
    "drawing a circle", "drawing a cross", "pushing with the hand", "pulling with the hand",
    "swiping left", "swiping right", "swiping up", "swiping down",
)  # fmt: skip


def read_sample(modality: str, path: Path) -> FloatArray:
    """Read a file as float32 (packets, ...), oldest first; a Wi-Fi array may be transposed.

    Raises DecodeError, naming the file, when it is damaged or of another shape.
    """
    _, shape = FOLDERS[modality]
    array = _numbers(path, str(shape))
    if modality == "wifi" and array.shape == shape[::-1]:
        array = array.T
    if array.size != np.prod(shape) or (modality != "radar" and array.shape != shape):
        raise DecodeError(str(path), f"array of shape {array.shape}", str(shape))
    return _packets(modality, array.reshape(shape))


def read_window(modality: str, path: Path) -> FloatArray:
    """Read a file of a tree of recordings, of any size, as float32 (packets, ...), oldest first.

    Raises DecodeError, naming the file, when it is damaged.
    """
    dimensions = len(FOLDERS[modality][1])
    array = _numbers(path, f"an array of {dimensions} dimensions")
    if array.ndim != dimensions:
        expected = f"{dimensions} dimensions"
        raise DecodeError(str(path), f"array of shape {array.shape}", expected)
    return _packets(modality, array)


def window_file(modality: str, packets: FloatArray) -> NDArray[Any]:
    """What `read_window` reads as `packets`: in half the size where no digit is lost by that."""
    array = packets if modality == "radar" else packets.T
    with np.errstate(over="ignore"):
        small = array.astype(np.float16)
    kept: NDArray[Any] = small if np.array_equal(small, array, equal_nan=True) else array
    return np.ascontiguousarray(kept)


def _numbers(path: Path, expected: str) -> NDArray[Any]:
    """The array of real numbers in a file; raises DecodeError."""
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # header, zip and memory errors, by what the damage looks like
        reason = f"{type(error).__name__}: {error}"
        raise DecodeError(str(path), reason, "a .npy file of numbers") from error
    if getattr(array, "dtype", np.dtype("O")).kind not in "fiu":
        found = getattr(array, "shape", ())
        raise DecodeError(str(path), f"not an array of real numbers, {found}", expected)
    numbers: NDArray[Any] = array
    return numbers


def _packets(modality: str, array: NDArray[Any]) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        values = array.astype(np.float32)
    packets: FloatArray = values if modality == "radar" else np.ascontiguousarray(values.T)
    return packets


@dataclass(frozen=True)
class Xrf55Clip(ClipFiles):
    """A clip of XRF55: `scene` Scene1.., `subject` S01.., `action` A01.., `path` of its scene.

    `listed` holds its files by modality and repeat. The names of the files are its ground truth.
    """

    readers: ClassVar = {modality: partial(read_sample, modality) for modality in FOLDERS}

    listed: Files

    @property
    def files(self) -> Files:
        """See ClipFiles."""
        return self.listed

    @property
    def complete(self) -> tuple[int, ...]:
        """See ClipFiles: repeats with at least one modality."""
        return tuple(self._listed())

    def place(self, modality: str, number: int) -> Path:
        """See ClipFiles."""
        name = f"{self.subject[1:]}_{self.action[1:]}_{number:02d}.npy"
        return self.path / FOLDERS[modality][0] / name

    def joints_of(self, numbers: tuple[int, ...]) -> FloatArray:
        """No joints: float32 (repeats, 0, 3)."""
        return np.zeros((len(numbers), 0, 3), np.float32)


@dataclass(frozen=True)
class RecordedClip(Xrf55Clip):
    """A stretch of one activity in a tree of recordings; its frames are windows."""

    readers: ClassVar = {modality: partial(read_window, modality) for modality in FOLDERS}


class Xrf55Tree(Tree):
    """An XRF55 tree on disk, or one of recordings; raises DatasetError when none is at `root`.

    Which clips it lacks is unknown: published copies differ.
    """

    joints = 0
    clips: tuple[Xrf55Clip, ...]

    def __init__(self, root: str | Path) -> None:
        found: dict[tuple[str, int, int], Files] = {}
        recorded = made_of(Path(root))
        most = len(ACTIVITIES if recorded is None else recorded.get("classes", ()))
        kind = Xrf55Clip if recorded is None else RecordedClip
        for scene in sorted(Path(root).glob("Scene[0-9]*")):
            if not scene.name[5:].isdecimal():
                continue  # a copy that somebody laid beside, such as Scene1_old
            for modality, (folder, _) in FOLDERS.items():
                _list(scene, modality, folder, most, found)
        clips = tuple(
            kind(scene, f"S{subject:02d}", f"A{action:02d}", Path(root) / scene, files)
            for (scene, subject, action), files in sorted(found.items())
        )
        super().__init__(Path(root), clips)
        if not clips:
            raise DatasetError(
                f"{root}: no samples; expected XRF55's layout Scene1/mmWave/01_01_01.npy below"
            )


def _list(
    scene: Path,
    modality: str,
    folder: str,
    most: int,
    found: dict[tuple[str, int, int], Files],
) -> None:
    """Add one folder's files to `found`; hidden and foreign files are ignored."""
    for path in sorted((scene / folder).glob("*.npy")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        subject, action, repeat = map(int, match.groups())
        if not 1 <= action <= most:
            raise DatasetError(f"{path}: action {action}; expected 1 to {most}")
        empty: Files = {m: {} for m in FOLDERS}
        files = found.setdefault((scene.name, subject, action), empty)[modality]
        if repeat in files:
            raise DatasetError(
                f"{path}: the same sample as {files[repeat].name}; expected one of them"
            )
        files[repeat] = path
