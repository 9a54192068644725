"""Horizontal bars: error of subsets and joints, jitter, bones, latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pta_ros.evaluation.report import svg
from pta_ros.evaluation.report.markup import Markup
from pta_ros.skeleton import JOINT_NAMES, LIMBS

_ROW, _HALF, _AXIS = 19.0, 6.0, 24.0
_WIDTH, _LEFT, _RIGHT = 320.0, 120.0, 66.0


@dataclass(frozen=True)
class Bar:
    """One bar; `mark` is another figure to compare it with, `note` stands behind the value."""

    name: str
    value: float
    mark: float | None = None
    note: str = ""


def bars(listed: Sequence[Bar], unit: str, label: str, digits: int = 1) -> Markup:
    """A chart of bars from zero, each with its value; marks are upright lines."""
    high = max([0.0, *(max(bar.value, bar.mark or 0.0) for bar in listed)])
    scale = svg.Scale(0, high or 1.0, _LEFT, _WIDTH - _RIGHT)
    bottom = len(listed) * _ROW
    parts: list[Markup] = []
    for mark in svg.ticks(high, 3):
        x = scale(mark)
        parts.append(svg.line(x, 0, x, bottom, "grid"))
        parts.append(svg.text(x, bottom + 13, f"{mark:g}", "small", "middle"))
    parts.append(svg.text(_WIDTH - _RIGHT + 10, bottom + 13, unit, "small"))
    for row, bar in enumerate(listed):
        parts += _bar(bar, scale, (row + 0.5) * _ROW, digits)
    return svg.drawing(_WIDTH, bottom + _AXIS, parts, label, "bars")


def _bar(bar: Bar, scale: svg.Scale, y: float, digits: int) -> list[Markup]:
    end = scale(bar.value)
    parts = [
        svg.text(_LEFT - 8, y + 4, bar.name, "small", "end"),
        svg.box(_LEFT, y - _HALF, end - _LEFT, 2 * _HALF, class_="bar"),
    ]
    if bar.mark is not None:
        x = scale(bar.mark)
        parts.append(svg.line(x, y - _HALF - 2, x, y + _HALF + 2, "mark"))
        end = max(end, x)
    told = f"{bar.value:.{digits}f}{bar.note}"
    return [*parts, svg.text(end + 6, y + 4, told, "small value")]


def joint_bars(values: dict[str, float], marks: dict[str, float] | None) -> list[Bar]:
    """One bar per joint, limb by limb."""
    order = [JOINT_NAMES[joint] for limb in LIMBS.values() for joint in limb]
    return [
        Bar(_short(name), values[name], None if marks is None else marks[name]) for name in order
    ]


def bone_bars(values: dict[str, float], marks: dict[str, float] | None) -> list[Bar]:
    """One bar per bone; the side is said once."""
    found = []
    for name, value in values.items():
        near, far = (_short(end) for end in name.split("-"))
        if near[:3] == far[:3] in ("r. ", "l. "):
            far = far[3:]
        found.append(Bar(f"{near}–{far}", value, None if marks is None else marks[name]))
    return found


def _short(name: str) -> str:
    return name.replace("right_", "r. ").replace("left_", "l. ")
