"""Activities over time: what is true, and what a replay and those beside it say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pta_ros.evaluation.report import svg
from pta_ros.evaluation.report.markup import Markup
from pta_ros.evaluation.report.motion import gap_s, usual_step_s
from pta_ros.evaluation.report.scores import Scored
from pta_ros.evaluation.report.states import seconds
from pta_ros.evaluation.report.words import period

if TYPE_CHECKING:
    from pta_ros.evaluation.report.timeline import Series

RIGHT, WRONG, OPEN = "right", "wrong", "open"
#: What an answer can be, in words.
MEANINGS = {RIGHT: "right", WRONG: "wrong", OPEN: "not judged: the truth of its window is not one"}

_BAR, _ROW = 17.0, 21.0
#: Width of a letter; of a name at least so many must fit.
_LETTER, _LEAST_LETTERS = 5.6, 4


@dataclass(frozen=True)
class Answer:
    """The same class, judged alike, from one estimate to another; seconds after the begin."""

    begin_s: float
    end_s: float
    class_id: int
    kind: str


def rows(series: Series) -> list[tuple[str, Scored]]:
    """The replays whose answers are drawn, each with its name."""
    listed = [("said", series.run), ("fault-free", series.free), ("dropped", series.dropped)]
    return [(name, scored) for name, scored in listed if scored is not None]


def height(series: Series) -> float:
    """What `answers` takes."""
    return _ROW * (len(rows(series)) + bool(series.run.run.true_spans))


def answers(series: Series, time: svg.Scale, top: float, _height: float) -> list[Markup]:
    """A row of the truth where there is one, and a row of answers for every replay."""
    run, parts = series.run.run, []
    if run.true_spans:
        told = [
            Answer(float(seconds(run, begin)), float(seconds(run, end)), number, OPEN)
            for begin, end, number in run.true_spans
        ]
        parts += _row("true", told, run.classes, time, top, "truth-bar")
        top += _ROW
    for name, scored in rows(series):
        parts += _row(name, list(said(scored)), run.classes, time, top)
        top += _ROW
    return parts


def said(scored: Scored) -> Iterator[Answer]:
    """The answers of a replay, those in a row that are the same as one."""
    step, gap = usual_step_s(scored.seconds), gap_s(scored.seconds)
    kinds = np.where(scored.known, np.where(scored.right == 1, RIGHT, WRONG), OPEN).tolist()
    last: Answer | None = None
    listed = zip(scored.seconds.tolist(), scored.run.class_id.tolist(), kinds, strict=True)
    for at, number, kind in listed:
        if last and (last.class_id, last.kind) == (number, kind) and 0 < at - last.end_s <= gap:
            last = Answer(last.begin_s, at, number, kind)
            continue
        if last:
            yield last
        begin = max(at - step, last.end_s) if last and last.end_s < at else at - step
        last = Answer(begin, at, number, kind)
    if last:
        yield last


def _row(
    name: str,
    listed: list[Answer],
    classes: tuple[str, ...],
    time: svg.Scale,
    top: float,
    look: str = "",
) -> list[Markup]:
    parts = [svg.text(time.begin - 8, top + _BAR - 4.5, name, "small", "end")]
    for answer in listed:
        begin, end = time(answer.begin_s), time(answer.end_s)
        label = classes[answer.class_id]
        told = f"{name}: {label}, {period(max(answer.begin_s, 0.0), answer.end_s)}"
        told += f" ({MEANINGS[answer.kind]})" if not look else ""
        drawn = f"answer {look or answer.kind}"
        parts.append(svg.box(begin, top, max(end - begin, 1.0), _BAR, told, class_=drawn))
        if look or answer.kind == WRONG:
            parts += _label(label, begin, end, top)
    return parts


def _label(label: str, begin: float, end: float, top: float) -> list[Markup]:
    """A name, or as much of it as there is room for."""
    room = int((end - begin - 4) / _LETTER)
    if room < min(_LEAST_LETTERS, len(label)):
        return []
    shown = label if len(label) <= room else label[: room - 1].rstrip() + "…"
    return [svg.text((begin + end) / 2, top + _BAR - 5, shown, "answer-text", "middle")]
