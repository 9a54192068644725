"""Recordings of one's own room as a lesson: what depth and LiDAR say of a person teaches CSI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.checkpoint import CONFIG
from pta_ros.clock import NS
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.reduced import ReducedSet, reduce_tree
from pta_ros.errors import DatasetError
from pta_ros.home import model_folder
from pta_ros.recordings.convert import Progress, convert
from pta_ros.recordings.marker import Marker
from pta_ros.recordings.setup import Setup
from pta_ros.recordings.teacher import ModelTeacher
from pta_ros.recordings.told import Wishes
from pta_ros.sensors.base import Sensor
from pta_ros.training.lesson import TAUGHT, Lesson
from pta_ros.workers.workforce import Workforce

RATE_HZ, _CLIP_S = 10.0, 30.0
_TREE, _CACHE = "tree", "cache"
_FROZEN = "frozen"


@dataclass(frozen=True)
class Material:
    """What to make a lesson of, and where: recordings, the model that tells, a work folder."""

    bags: tuple[Path, ...]
    model: str
    params: Path | None
    work: Path
    jobs: int


def lesson_of(
    material: Material,
    sensors: dict[str, Sensor],
    progress: Progress,
    reduced: Callable[[int, int], None],
) -> tuple[Lesson, Marker]:
    """The lesson of recordings for a model's own `sensors`, and what its tree is made of.

    The same call goes on where an earlier one stopped. Raises ConfigError and DatasetError.
    """
    tree = material.work / _TREE
    teacher = ModelTeacher(material.model, material.params, tree, without=(TAUGHT,))
    wishes = Wishes(RATE_HZ, _CLIP_S, "train", jobs=material.jobs, teacher=teacher)
    setup = Setup.read(material.params, model_folder(material.model) / CONFIG, ())
    marker = convert([(bag,) for bag in material.bags], tree, setup, wishes, progress)
    if len(marker.recordings) > len(material.bags):
        names = ", ".join(one["name"] for one in marker.recordings)
        raise DatasetError(
            f"{material.work} holds lessons of {names}, more than was asked for: remove it, or "
            "choose another work folder"
        )
    workforce = Workforce(material.jobs)
    data = reduce_tree(MmfiTree(tree), sensors, material.work / _CACHE, workforce, reduced)
    deviation_m = data.deviation_m.mean(axis=1)
    repeats = sum(_repeats(one["report"]["unusable_messages"]) for one in marker.recordings)
    return Lesson(data, _times(tree, data), deviation_m, repeats), marker


def _repeats(unusable: dict[str, dict[str, Any]]) -> int:
    """How many frames of the taught sensor were left out because they repeat."""
    reasons = unusable.get(TAUGHT, {})
    return sum(count for why, count in reasons.items() if _FROZEN in why)


def _times(tree: Path, data: ReducedSet) -> NDArray[np.float64]:
    """Time (N,) in seconds of every row."""
    times_s = np.zeros(len(data))
    names = np.char.add(np.char.add(data.scene, "/"), data.clips)
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        at = data.number[rows] - 1
        times_s[rows] = _load(tree / name / "stamps.npy")[at] / NS
    return times_s


def _load(path: Path) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path}: {error}; expected what was written here: remove the work folder and run the "
            "same command again"
        ) from error
    return found
