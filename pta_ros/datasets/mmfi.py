"""The MM-Fi data set in its published layout: clips, frames by number, physical arrays.

ROOT/E01/S01/A01/{depth/frame001.png, lidar/frame001.bin, wifi-csi/frame001.mat, ...}
ROOT/E01/S01/A01/ground_truth.npy    row i belongs to frame number i + 1
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from pta_ros.datasets.clips import ClipFiles, Tree, file_stamp, made_with
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.channel import from_db
from pta_ros.sensors.depth_map import to_metres
from pta_ros.skeleton import NUM_JOINTS

#: Folder and file ending of each modality.
FOLDERS = {"depth": ("depth", "png"), "lidar": ("lidar", "bin"), "csi": ("wifi-csi", "mat")}
DEPTH_SHAPE = (480, 640)
CSI_SHAPE = (3, 114, 10)
#: Of synthetic trees: 1 had CSI that is not in dB, as MM-Fi's is.
SYNTHETIC_FORMAT = 2
#: The chunk that ends every complete PNG; some versions of OpenCV pad a cut image, silently.
_PNG_END = b"IEND\xaeB`\x82"
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


def read_depth(path: Path) -> FloatArray:
    """Read a 16-bit PNG of millimetres as float32 (480, 640) metres, 0 where nothing returned."""
    data = _bytes(path)
    if not data.rstrip(b"\0").endswith(_PNG_END):
        raise DecodeError(str(path), f"{len(data)} bytes without a PNG's end", "a complete PNG")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DecodeError(str(path), f"OpenCV: {error}", "a readable PNG") from error
    if pixels is None:
        raise DecodeError(str(path), "OpenCV cannot read it", "a readable PNG")
    if pixels.shape != DEPTH_SHAPE or pixels.dtype != np.uint16:
        reason = f"{pixels.dtype} image of shape {pixels.shape}"
        raise DecodeError(str(path), reason, f"uint16 {DEPTH_SHAPE}, millimetres")
    return to_metres(pixels)


def read_lidar(path: Path) -> FloatArray:
    """Read float64 x, y, z triples as float32 (N, 3) metres; non-finite rows are dropped."""
    data = _bytes(path)
    if not data or len(data) % 24:
        raise DecodeError(str(path), f"{len(data)} bytes", "float64 triples, 24 bytes per point")
    with np.errstate(over="ignore", invalid="ignore"):
        points = np.frombuffer(data, "<f8").astype(np.float32).reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    if not finite.any():
        raise DecodeError(str(path), f"none of {len(points)} points is finite", "points in metres")
    kept: FloatArray = points[finite]
    return kept


def read_csi(path: Path) -> FloatArray:
    """Read a MATLAB file's CSIamp, which is in dB, as linear float32 (3, 114, 10).

    10^(v/10) of its values is a whole number: the card counts real and imaginary parts. NaN and inf
    (-inf is 0 counts) are kept for the repair.
    """
    try:
        content = scipy.io.loadmat(path, variable_names=["CSIamp"])
    except Exception as error:  # a damaged file takes scipy's parser anywhere
        reason = f"{type(error).__name__}: {error}"
        raise DecodeError(str(path), reason, "a MATLAB 5 file") from error
    if "CSIamp" not in content:
        raise DecodeError(str(path), "has no CSIamp", "the variable CSIamp")
    amplitude = content["CSIamp"]
    if amplitude.shape != CSI_SHAPE or amplitude.dtype.kind not in "fiu":
        reason = f"CSIamp is {amplitude.dtype} of shape {amplitude.shape}"
        raise DecodeError(str(path), reason, f"real numbers {CSI_SHAPE}")
    return np.ascontiguousarray(from_db(amplitude))


def read_ground_truth(path: Path) -> FloatArray:
    """Read the joints of all frames as float32 (frames, 17, 3) metres in the camera frame."""
    try:
        joints = np.load(path, allow_pickle=False)
    except Exception as error:  # zip, header and memory errors, by what the damage looks like
        raise DatasetError(f"{path}: {error}; expected joints in .npy format") from error
    if getattr(joints, "dtype", np.dtype("O")).kind != "f":
        raise DatasetError(f"{path}: not an array of floats; expected joints in metres")
    if joints.ndim != 3 or joints.shape[1:] != (NUM_JOINTS, 3) or not np.isfinite(joints).all():
        raise DatasetError(
            f"{path}: {joints.dtype} of shape {joints.shape}; expected finite (N, {NUM_JOINTS}, 3)"
        )
    metres: FloatArray = joints.astype(np.float32)
    return metres


def _bytes(path: Path) -> bytes:
    """Read a whole file, or raise DecodeError with the reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(str(path), error.strerror or str(error), "a readable file") from error


READERS: dict[str, Callable[[Path], FloatArray]] = {
    "depth": read_depth,
    "lidar": read_lidar,
    "csi": read_csi,
}


class Clip(ClipFiles):
    """A clip of MM-Fi: `scene` E01.., `subject` S01.., `action` A01.., `path` of its folder."""

    readers = READERS

    @cached_property
    def ground_truth(self) -> FloatArray:
        """Joints of every frame, float32 (frames, 17, 3), metres in the camera frame."""
        return read_ground_truth(self._truth)

    @property
    def _truth(self) -> Path:
        return self.path / "ground_truth.npy"

    @cached_property
    def files(self) -> dict[str, dict[int, Path]]:
        """See ClipFiles; the folders are listed once, on first use."""
        return {m: _frames(self.path / folder, end) for m, (folder, end) in FOLDERS.items()}

    @property
    def complete(self) -> range:
        """See ClipFiles; numbers begin at 1."""
        return range(1, len(self.ground_truth) + 1)

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

    def stamp(self) -> str:
        """See ClipFiles."""
        return f"{super().stamp()}\n{file_stamp(self._truth)}"


class MmfiTree(Tree):
    """An MM-Fi tree on disk; raises DatasetError when there is none at `root`."""

    joints = NUM_JOINTS
    clips: tuple[Clip, ...]

    def __init__(self, root: str | Path) -> None:
        made = made_with(Path(root)) or {}
        if made.get("world") == "wide":
            raise DatasetError(
                f"{root}: a tree of the wide world; expected MM-Fi's cameras and one person: train "
                "on it with config/people_lite.yaml, measure with evaluate_geometry"
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
        """Clips (E01/S02/A05) that a subject lacks although another subject has the action."""
        found = {(clip.scene, *clip.pair) for clip in self.clips}
        expected = [(*person, action) for person in self._people for action in self.actions]
        return tuple("/".join(clip) for clip in expected if clip not in found)


def _folders(parent: Path, letter: str) -> list[Path]:
    """The sub-folders named by one letter and two digits, ascending."""
    named = re.compile(rf"{letter}\d\d")
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
