"""What the page draws of a replay: what was when, the strips of the overview."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pta_ros.evaluation.report import numerals, words_faults
from pta_ros.evaluation.report.measure import Stages
from pta_ros.evaluation.report.scores import LIVE, Scored, gap_s, spans
from pta_ros.evaluation.report.seen import Measured
from pta_ros.metrics.pose import usual_step_s
from pta_ros.sensors import SENSORS

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
