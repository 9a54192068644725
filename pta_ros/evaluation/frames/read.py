"""Frames of one's own: NAME.png (16-bit depth) and NAME.json (lens, unit, pose, marks).

NAME.json holds `width`, `height`, `fx`, `fy`, `cx`, `cy` (pixels), `unit` ("mm", "m" or metres per
count); where known `distortion` (OpenCV's order), the camera's `height_m`, `pitch_deg` (positive
looks down) and `roll_deg`; `joints_px`: {joint: [u, v]} of one person and `people`: how many are
there, or one of the two. Other keys are notes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DatasetError, did_you_mean
from pta_ros.people.ground import Stance, stance_on_floor
from pta_ros.people.readings import DepthReading, Readings
from pta_ros.sensors.camera import Intrinsics
from pta_ros.skeleton import JOINT_NAMES

#: Metres per count of the units that have a name.
UNITS = {"mm": 0.001, "m": 1.0}
#: Whoever measures farther or nearer than this, in the middle, has another unit, metres.
_LIKELY_M = (0.1, 50.0)
_LENS = ("width", "height", "fx", "fy", "cx", "cy")
#: Legal values of a camera's pose.
_POSE = {"height_m": (0.0, 10.0), "pitch_deg": (-90.0, 90.0), "roll_deg": (-180.0, 180.0)}
_COEFFICIENTS = (0, 4, 5, 8)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its reading in the level frame, `marks` {joint: (u, v)}, `people` there or None
    where nobody counted them, and how the camera's `stance` is known: "given", "floor", "assumed".
    """

    name: str
    depth: DepthReading
    marks: dict[str, tuple[float, float]]
    people: int | None
    stance: Stance
    source: str

    @property
    def readings(self) -> Readings:
        """What the model is given."""
        return Readings(depth=self.depth)


def find_frames(folder: Path) -> list[Path]:
    """The pictures of every frame in `folder` and below, sorted; DatasetError where none is."""
    found = sorted(path for path in folder.rglob("*.png") if path.is_file())
    if not found:
        raise DatasetError(
            f"{folder}: no frames; expected a folder of NAME.png (16-bit depth) with NAME.json"
        )
    return found


def read_frame(png: Path, folder: Path) -> Frame:
    """The frame of one picture; its name is the path from `folder`. Raises DatasetError."""
    beside = png.with_suffix(".json")
    about = _about(beside)
    lens = _lens(about, beside)
    pixels: Any = cv2.imread(str(png), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 2:
        what = "unreadable" if pixels is None else f"{pixels.dtype} of shape {pixels.shape}"
        raise DatasetError(f"{png}: {what}; expected a 16-bit PNG of one channel")
    if pixels.shape != (lens.height, lens.width):
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise DatasetError(
            f"{png}: {size} pixels; expected {lens.width} x {lens.height} as in {beside.name}"
        )
    depth = _metres(pixels, about, beside)
    stance, source = _stance(about, depth, lens, beside)
    name = png.relative_to(folder).with_suffix("").as_posix()
    reading = DepthReading(depth, lens, stance.rotation, stance.place)
    marks, people = _marks(about, lens, beside), _people(about, beside)
    if not marks and people is None:
        raise DatasetError(f"{beside}: neither joints_px nor people; expected one of them, or both")
    if marks and people == 0:
        raise DatasetError(f"{beside}: joints_px of somebody, and people 0; expected 1 or more")
    return Frame(name, reading, marks, people, stance, source)


def _about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; expected one beside {path.stem}.png")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path}: {error}; expected JSON") from error
    if not isinstance(about, dict):
        raise DatasetError(f"{path}: a {type(about).__name__}; expected names and values")
    return about


def _number(value: Any, name: str, path: Path, low: float, high: float) -> float:
    """A finite number from `low` to `high`; a truth value is none."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not plain or not math.isfinite(value) or not low <= value <= high:
        raise DatasetError(f"{path}: {name} {value!r}; expected a number from {low:g} to {high:g}")
    return float(value)


def _lens(about: dict[str, Any], path: Path) -> Intrinsics:
    missing = [name for name in (*_LENS, "unit") if name not in about]
    if missing:
        raise DatasetError(f"{path}: no {missing[0]}; expected {', '.join(_LENS)} and unit")
    size = [_number(about[name], name, path, 2, 16_384) for name in _LENS[:2]]
    if any(value % 1 for value in size):
        raise DatasetError(f"{path}: width and height {size}; expected whole pixels")
    fx, fy = (_number(about[name], name, path, 1.0, 1e5) for name in _LENS[2:4])
    cx, cy = (_number(about[name], name, path, -1e5, 1e5) for name in _LENS[4:])
    bent = about.get("distortion") or []
    if not isinstance(bent, list) or len(bent) not in _COEFFICIENTS:
        raise DatasetError(f"{path}: distortion {bent!r}; expected 4, 5 or 8 numbers")
    distortion = tuple(_number(value, "distortion", path, -1e3, 1e3) for value in bent)
    return Intrinsics(int(size[0]), int(size[1]), fx, fy, cx, cy, distortion)


def _metres(pixels: NDArray[np.uint16], about: dict[str, Any], path: Path) -> NDArray[np.float32]:
    unit = about["unit"]
    named = isinstance(unit, str)
    if named and unit not in UNITS:
        raise DatasetError(f"{path}: unit {unit!r}; expected 'mm', 'm' or the metres per count")
    scale = UNITS[unit] if named else _number(unit, "unit", path, 1e-6, 1.0)
    depth = pixels * np.float32(scale)
    returns = depth[depth > 0]
    middle = float(np.median(returns)) if len(returns) else None
    if middle is not None and not _LIKELY_M[0] <= middle <= _LIKELY_M[1]:
        raise DatasetError(
            f"{path}: with unit {unit!r} half of the returns lie beyond {middle:g} m; expected "
            f"{_LIKELY_M[0]:g} to {_LIKELY_M[1]:g}: is the unit another?"
        )
    return depth


def _stance(
    about: dict[str, Any], depth: NDArray[np.float32], lens: Intrinsics, path: Path
) -> tuple[Stance, str]:
    """The pose that is given (what is left out of it is level, 1 m), else the floor's."""
    given = {
        name: _number(about[name], name, path, *limits)
        for name, limits in _POSE.items() if about.get(name) is not None
    }  # fmt: skip
    if given:
        return Stance(**given), "given"
    seen = stance_on_floor(depth, lens)
    return (seen, "floor") if seen else (Stance(), "assumed")


def _marks(about: dict[str, Any], lens: Intrinsics, path: Path) -> dict[str, tuple[float, float]]:
    given = about.get("joints_px") or {}
    if not isinstance(given, dict):
        raise DatasetError(f"{path}: joints_px {given!r}; expected {{joint: [u, v]}}")
    marks = {}
    for joint, pixel in given.items():
        if joint not in JOINT_NAMES:
            hint = did_you_mean(joint, JOINT_NAMES)
            raise DatasetError(f"{path}: unknown joint {joint!r} in joints_px; {hint}")
        if not isinstance(pixel, list) or len(pixel) != 2:
            raise DatasetError(f"{path}: {joint} {pixel!r}; expected [u, v] in pixels")
        u, v = (
            _number(value, f"{joint}, {axis}", path, -0.5, size - 0.5)
            for value, axis, size in zip(pixel, "uv", (lens.width, lens.height), strict=True)
        )
        marks[joint] = (u, v)
    return marks


def _people(about: dict[str, Any], path: Path) -> int | None:
    if about.get("people") is None:
        return None
    count = _number(about["people"], "people", path, 0, 1000)
    if count % 1:
        raise DatasetError(f"{path}: people {count:g}; expected a whole number")
    return int(count)
