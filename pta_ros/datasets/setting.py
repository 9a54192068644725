"""What the frames of a wide clip were taken with, and how its figures are grouped by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pta_ros.datasets.wide import Clip

#: Limits of the groups by the camera's height.
HEIGHTS_M = (0.0, 0.8, 1.25, 3.0)


@dataclass(frozen=True)
class Setting:
    """What a frame was taken with: devices, the camera's height (m) and pitch (degrees, positive
    looks down), whether the background was removed, the scene, and how many people are there."""

    scene: str
    camera: str
    lidar: str
    height_m: float
    pitch_deg: float
    bare: bool
    people: int


def setting_of(clip: Clip) -> Setting:
    """What a clip's frames were taken with."""
    camera = clip.known.about["depth"]
    return Setting(
        clip.folder.parent.name, camera["device"], clip.known.about["lidar"]["device"],
        camera["xyz_m"][2], camera["rpy_deg"][1], camera["background_removed"],
        clip.people.shape[1],
    )  # fmt: skip


def between(limits: Sequence[float], unit: str) -> dict[str, tuple[float, float]]:
    """Intervals by their names, such as `0.8 to 1.2 m`; the outer ones are open."""
    pairs = list(pairwise(limits))
    names = [f"{low:g} to {high:g} {unit}" for low, high in pairs]
    names[0], names[-1] = f"below {pairs[0][1]:g} {unit}", f"above {pairs[-1][0]:g} {unit}"
    return dict(zip(names, pairs, strict=True))
