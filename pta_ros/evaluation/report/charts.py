"""What the page draws of a replay: what was when, the strips of the overview, charts of bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pta_ros.evaluation.report import numerals, words, words_faults
from pta_ros.evaluation.report.measure import Stages
from pta_ros.evaluation.report.scores import LIVE, Scored, gap_s, spans
from pta_ros.evaluation.report.seen import Measured
from pta_ros.metrics.pose import usual_step_s
from pta_ros.sensors import SENSORS
from pta_ros.skeleton import JOINT_NAMES, LIMBS

#: What a bar of time can be but LIVE: its colours (of the style sheet) and plotly's pattern for it.
LOOKS = {
    "MISSING": ("missing", "."),
    "STALE": ("stale", "/"),
    "CORRUPT": ("corrupt", "x"),
    "DISABLED": ("disabled", "-"),
    "EMPTY": ("empty", ""),
    "fault injected": ("fault", "\\"),
    "right": ("right", ""),
    "wrong": ("wrong", "/"),
    "not judged": ("panel", ""),
    "true": ("page", ""),
}
#: A strip of the overview: its width; heights of fault, state and space; the least width of a bar.
STRIP_WIDTH, _FAULT, _BAND, _BELOW, _LEAST = 520.0, 6.0, 9.0, 2.0, 1.6


@dataclass(frozen=True, eq=False)
class Part:
    """One replay, ready to be shown: `anchor` is its place in the page.

    `free` is the fault-free replay (None where this is it), `dropped` that without the sensor.
    """

    run: Scored
    free: Scored | None
    dropped: Scored | None
    seen: Measured
    stages: Stages
    anchor: str

    @property
    def modalities(self) -> tuple[str, ...]:
        """The sensors of the replay."""
        return self.run.run.modalities


class Stretch(NamedTuple):
    """What was from one time (s) to another: `what` is one of LOOKS, or a sensor and LIVE.

    `label` is written into it where there is room, `told` shows when the pointer rests on it.
    """

    begin_s: float
    end_s: float
    what: str
    label: str
    told: str


class Box(NamedTuple):
    """A rectangle of a strip; `outlined` where its pattern needs an edge to be seen."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    told: str
    outlined: bool


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


def colour(modality: str) -> str:
    """The colour of a sensor, grey for one that is not known."""
    return SENSORS[modality].colour if modality in SENSORS else "#999999"


def fill(what: str) -> str:
    """The fill of a bar of time in a drawing: a pattern of the page, or the sensor's colour."""
    return f"url(#{LOOKS[what][0]})" if what in LOOKS else colour(what.partition(" ")[0])


def ticks(high: float, count: int = 6) -> list[float]:
    """Round values from 0 to `high`, about `count` of them."""
    if high <= 0:
        return [0.0]
    step = 10 ** math.floor(math.log10(high / count))
    step = next(step * m for m in (1, 2, 5, 10) if high / (step * m) <= count)
    return [step * i for i in range(int(high / step + 1e-6) + 1)]


def faults(seen: Measured, modality: str) -> list[Stretch]:
    """The faults of a sensor."""
    found = []
    for fault in (fault for fault in seen.faults if fault.modality == modality):
        told = f"{words_faults.fault_window(fault)}, strength {words_faults.strength(fault)}"
        kind = words_faults.kind(fault.kind)
        found.append(Stretch(fault.begin_s, fault.end_s, "fault injected", kind, told))
    return found


def states(scored: Scored, modality: str) -> list[Stretch]:
    """A sensor's states; those that are not LIVE last, so that short ones lie on top."""
    found = []
    for span in sorted(spans(scored.run, modality), key=lambda span: span.state != LIVE):
        told = f"{modality} {span.state} {numerals.period(span.begin_s, span.end_s)}"
        told += f": {span.reason}" if span.reason else ""
        what = f"{modality} {LIVE}" if span.state == LIVE else span.state
        found.append(Stretch(span.begin_s, span.end_s, what, "", told))
    return found


def answers(scored: Scored, name: str) -> list[Stretch]:
    """The activities that a replay tells, alike ones in a row as one."""
    step, gap = usual_step_s(scored.seconds), gap_s(scored.seconds)
    judged = np.where(scored.known, np.where(scored.right == 1, "right", "wrong"), "not judged")
    found: list[tuple[float, float, int, str]] = []
    columns = (scored.seconds.tolist(), scored.run.class_id.tolist(), judged.tolist())
    for at, number, what in zip(*columns, strict=True):
        end = found[-1][1] if found else -math.inf
        if found and found[-1][2:] == (number, what) and 0 < at - end <= gap:
            found[-1] = (found[-1][0], at, number, what)
        else:
            found.append((max(at - step, end) if end < at else at - step, at, number, what))
    return [_answer(scored, name, *row) for row in found]


def true_activities(scored: Scored) -> list[Stretch]:
    """The true activities; empty where none are known."""
    start = scored.run.begin_ns
    return [
        _answer(scored, "true", (begin - start) / 1e9, (end - start) / 1e9, number, "true")
        for begin, end, number in scored.run.true_spans
    ]


def _answer(scored: Scored, name: str, begin: float, end: float, number: int, what: str) -> Stretch:
    label = scored.run.classes[number]
    told = f"{name}: {label}, {numerals.period(max(begin, 0.0), end)}"
    told += "" if what == "true" else f" ({what})"
    return Stretch(begin, end, what, label if what in ("true", "wrong") else "", told)


def strip(part: Part) -> list[Box]:
    """The small time line of a replay: per sensor its faults above its states."""
    scale, found = STRIP_WIDTH / max(part.seen.duration_s, 1e-9), []
    for row, name in enumerate(part.modalities):
        top = row * (_FAULT + _BAND + _BELOW)
        drawn = [(top, _FAULT - 1, fault) for fault in faults(part.seen, name)]
        drawn += [(top + _FAULT, _BAND, state) for state in states(part.run, name)]
        for y, height, stretch in drawn:
            width = round(max((stretch.end_s - stretch.begin_s) * scale, _LEAST), 2)
            place = (round(stretch.begin_s * scale, 2), y, width, height)
            outlined = height == _BAND and stretch.what in LOOKS
            found.append(Box(*place, fill(stretch.what), stretch.told, outlined))
    return found


def strip_height(part: Part) -> float:
    """Height of the small time line."""
    return len(part.modalities) * (_FAULT + _BAND + _BELOW)


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
