"""Charts of bars: errors by sensors used and by joint, latency, jitter and bones of a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pta_ros.evaluation.report import words
from pta_ros.evaluation.report.charts import Part
from pta_ros.evaluation.report.seen import Measured
from pta_ros.skeleton import JOINT_NAMES, LIMBS


class Bar(NamedTuple):
    """One bar of a chart: `mark` is another figure to compare it with, `note` stands behind it."""

    name: str
    value: float
    mark: float | None = None
    note: str = ""


class Chart(NamedTuple):
    """Bars from zero, each with its value; `note` says what the upright lines are, if any."""

    title: str
    note: str
    unit: str
    bars: Sequence[Bar]
    digits: int = 1

    @property
    def high(self) -> float:
        """The largest value or mark."""
        return max([0.0, *(max(bar.value, bar.mark or 0.0) for bar in self.bars)])

    def x(self, value: float) -> float:
        """The place of a value in the drawing."""
        return round(120 + 134 * value / (self.high or 1.0), 2)


def bar_charts(part: Part, free: Measured | None) -> list[list[Chart]]:
    """All charts in columns; `free` is the fault-free replay when it is another one."""
    seen, truth = part.seen, part.seen.truth_jitter
    known = [(subset, subset.errors) for subset in seen.subsets if subset.errors]
    errors = [
        Bar(subset.name.replace("+", " + "), e.value, None, f" ({e.estimates})")
        for subset, e in known
    ]
    stages = [Bar(name, times["p50"], times["p95"]) for name, times in part.stages.items()]
    joints = _joint_bars(seen.joints_mm, seen.free_joints_mm)
    jitter = _joint_bars(seen.jitter, truth or (free.jitter if free else None))
    bones = _bone_bars(seen.bones_percent, free.bones_percent if free else None)
    what = {"activity": "Accuracy", "people": "People right"}.get(part.run.run.task, "Error")
    unit = words.unit(known[0][1]) if known else ""
    where = "Error per joint in the faults' windows" if seen.faults else "Error per joint"
    beside = "ground truth" if truth else "fault-free"
    columns = (
        (
            Chart(f"{what} by sensors used", "in brackets: how many estimates", unit, errors),
            Chart("Latency, median", "upright line: p95", "ms", stages, 2),
        ),
        (Chart(where, _marks(joints, "fault-free"), "mm", joints),),
        (Chart("Jitter: RMS acceleration", _marks(jitter, beside), "m/s²", jitter, 2),),
        (Chart("Bones: std / mean of length", _marks(bones, "fault-free"), "%", bones),),
    )
    return [list(shown) for shown in ([c for c in column if c.bars] for column in columns) if shown]


def _marks(bars: Sequence[Bar], whose: str) -> str:
    return f"upright line: {whose}" if any(bar.mark is not None for bar in bars) else ""


def _joint_bars(values: Mapping[str, float] | None, marks: Mapping[str, float] | None) -> list[Bar]:
    """One bar per joint, limb by limb."""
    order = [JOINT_NAMES[joint] for limb in LIMBS.values() for joint in limb]
    return [Bar(_short(n), values[n], (marks or {}).get(n)) for n in order] if values else []


def _bone_bars(values: Mapping[str, float] | None, marks: Mapping[str, float] | None) -> list[Bar]:
    """One bar per bone; the side is said once."""
    found = []
    for name, value in (values or {}).items():
        near, far = (_short(end) for end in name.split("-"))
        if near[:3] == far[:3] in ("r. ", "l. "):
            far = far[3:]
        found.append(Bar(f"{near}–{far}", value, (marks or {}).get(name)))
    return found


def _short(name: str) -> str:
    return name.replace("right_", "r. ").replace("left_", "l. ")
