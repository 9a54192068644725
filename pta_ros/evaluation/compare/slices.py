"""Errors of compared systems by what the scenes were seen with: cameras, LiDARs, heights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pta_ros.datasets.setting import HEIGHTS_M, Setting, between, interval_of, setting_of
from pta_ros.datasets.wide import Clip
from pta_ros.evaluation.compare.records import Slices
from pta_ros.evaluation.compare.table import Table
from pta_ros.metrics.evaluate import Metric
from pta_ros.metrics.markdown import NOTHING, bold, grid
from pta_ros.metrics.paired import COUNT

_HEIGHTS = between(HEIGHTS_M, "m")


def slices_of(clips: Sequence[Clip]) -> Slices:
    """Scenes by camera, LiDAR, the camera's height, and how many people are there.

    A scene is in no group of what is not known of it, or not the same in all of its clips.
    """
    told: dict[str, dict[str, set[str]]] = {}  # attribute -> scene -> groups
    for setting in map(setting_of, clips):
        for attribute, group in _groups(setting).items():
            told.setdefault(attribute, {}).setdefault(setting.scene, set()).add(group)
    return {attribute: _by_group(scenes) for attribute, scenes in told.items()}


def _by_group(scenes: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for scene, groups in scenes.items():
        if len(groups) == 1 and (group := min(groups)):
            found.setdefault(group, []).append(scene)
    return {group: tuple(found[group]) for group in sorted(found, key=_place)}


def _place(group: str) -> tuple[int, str]:
    """Heights from the lowest, others by their names."""
    heights = list(_HEIGHTS)
    return heights.index(group) if group in heights else -1, group


def _groups(setting: Setting) -> dict[str, str]:
    return {
        "camera": setting.camera,
        "LiDAR": setting.lidar,
        "height of the camera": interval_of(setting.height_m, _HEIGHTS),
        "people in the room": str(setting.people),
    }


def slice_table(table: Table, slices: Slices, metric: Metric, subset: str) -> str:
    """A line for each group: rows in it, and each system's mean, the best in bold.

    Means over the rows of the group's scenes and over the seeds; empty groups are left out.
    """
    rows = []
    for attribute, groups in slices.items():
        for group, scenes in groups.items():
            means = [_mean(table, system, subset, metric, scenes) for system in table.compared]
            known = [mean for mean in means if mean is not None]
            if known:
                best, count = min(known), _count(table, subset, scenes)
                cells = [NOTHING if x is None else bold(f"{x:.1f}", x == best) for x in means]
                rows.append([attribute, group, str(count), *cells])
    titles = [table.titles[system] for system in table.compared]
    return grid(["by", "", "rows", *titles], rows)


def _mean(
    table: Table, system: str, subset: str, metric: Metric, scenes: Sequence[str]
) -> float | None:
    """Of a system over some scenes and all its seeds; None where it was not measured."""
    cell = table.cell(system, subset)
    if cell is None:
        return None
    each = [one[s] for r in cell.records for one in [r.people] for s in scenes if s in one]
    return _weighted(each, metric.key) if each else None


def _weighted(each: Sequence[Mapping[str, float]], key: str) -> float:
    return float(np.average([one[key] for one in each], weights=[one[COUNT] for one in each]))


def _count(table: Table, subset: str, scenes: Sequence[str]) -> int:
    """How many rows of the test some scenes have."""
    cells = (table.cell(system, subset) for system in table.compared)
    people = next(cell.records[0].people for cell in cells if cell is not None)
    return int(sum(people[s][COUNT] for s in scenes if s in people))
