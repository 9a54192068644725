"""What the frames of a wide clip were taken with, and how its figures are grouped by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pta_ros.datasets.wide import Clip

#: Limits of the groups by the camera's height.
HEIGHTS_M = (0.0, 0.8, 1.25, 3.0)


@dataclass(frozen=True)
class Setting:
    """What a frame was taken with: devices, the camera's height (m) and pitch (degrees, positive
    looks down), whether the background was removed, the scene, and how many people are there.

    What the calibration does not tell, as that of recordings, is empty, NaN or None.
    """

    scene: str
    camera: str
    lidar: str
    height_m: float
    pitch_deg: float
    bare: bool | None
    people: int


def setting_of(clip: Clip) -> Setting:
    """What a clip's frames were taken with."""
    camera, lidar = (clip.known.about.get(name, {}) for name in ("depth", "lidar"))
    return Setting(
        clip.folder.parent.name, camera.get("device", ""), lidar.get("device", ""),
        camera["xyz_m"][2] if camera else math.nan, camera["rpy_deg"][1] if camera else math.nan,
        camera.get("background_removed"), clip.people.shape[1],
    )  # fmt: skip


def between(limits: Sequence[float], unit: str) -> dict[str, tuple[float, float]]:
    """Intervals by their names, such as `0.8 to 1.2 m`; the outer ones are open."""
    names = [f"{low:g} to {high:g} {unit}" for low, high in pairwise(limits)]
    names[0], names[-1] = f"below {limits[1]:g} {unit}", f"above {limits[-2]:g} {unit}"
    return dict(zip(names, pairwise([-math.inf, *limits[1:-1], math.inf]), strict=True))


def interval_of(value: float, intervals: Mapping[str, tuple[float, float]]) -> str:
    """The name of the interval that a value is in; empty for NaN."""
    return next((name for name, (low, high) in intervals.items() if low <= value < high), "")
