"""A replay over time: faults and states of every sensor, weights, error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.report import answers as bag_answers
from pta_ros.evaluation.report import svg
from pta_ros.evaluation.report.faults_seen import FaultSeen
from pta_ros.evaluation.report.markup import Markup, el
from pta_ros.evaluation.report.measure import Measured
from pta_ros.evaluation.report.motion import gap_s
from pta_ros.evaluation.report.scores import Scored
from pta_ros.evaluation.report.states import LIVE, Seconds, spans
from pta_ros.evaluation.report.words import period, strength, window, words_of

_WIDTH, _LEFT, _RIGHT = 1180.0, 74.0, 12.0
_STRIP_WIDTH = 520.0
#: Heights: a fault's strip, a stream's band and the space below; the panels; between panels.
_STRIP, _BAND, _BELOW = 13.0, 22.0, 9.0
_WEIGHTS, _ERRORS, _BETWEEN, _AXIS = 84.0, 150.0, 20.0, 34.0
#: A series is drawn with at most so many stretches; more cannot be seen.
_CELLS = 1000
#: A narrower bar could not be seen, and a short outage must be.
_LEAST = 1.6
#: Width of a letter in a strip.
_LETTER = 6.0


@dataclass(frozen=True, eq=False)
class Series:
    """Replays whose error is drawn: this one, the fault-free one, that without the sensor."""

    run: Scored
    free: Scored | None = None
    dropped: Scored | None = None


#: Draws a series into a height from a top on.
Panel = Callable[[Series, svg.Scale, float, float], list[Markup]]


def strip(run: Replayed, seen: Measured) -> Markup:
    """The small timeline of the overview: per sensor its faults above its states."""
    fault, band, below = 6.0, 9.0, 2.0
    time = svg.Scale(0, seen.duration_s, 0, _STRIP_WIDTH)
    parts: list[Markup] = []
    for row, modality in enumerate(run.modalities):
        top = row * (fault + band + below)
        own = [f for f in seen.faults if f.modality == modality]
        parts += [_fault(f, time, top, fault) for f in own]
        parts += _states(run, modality, time, top + fault, band)
    height = len(run.modalities) * (fault + band + below)
    return svg.drawing(_STRIP_WIDTH, height, parts, f"states of the sensors in {run.name}", "strip")


def strip_axis(seen: Measured) -> Markup:
    """The time axis above the small timelines."""
    time = svg.Scale(0, seen.duration_s, 0, _STRIP_WIDTH)
    parts = []
    for mark in svg.ticks(seen.duration_s, 7):
        anchor = "start" if mark == 0 else "end" if time(mark) > _STRIP_WIDTH - 12 else "middle"
        parts.append(svg.text(time(mark), 10, f"{mark:g} s", "small", anchor))
        parts.append(svg.line(time(mark), 13, time(mark), 17, "axis"))
    return svg.drawing(_STRIP_WIDTH, 17, parts, "time axis", "strip")


def timeline(series: Series, seen: Measured) -> Markup:
    """The large figure of one replay."""
    run = series.run.run
    time = svg.Scale(0, seen.duration_s, _LEFT, _WIDTH - _RIGHT)
    parts, top = _streams(run, seen, time), len(run.modalities) * (_STRIP + _BAND + _BELOW)
    panels: list[tuple[float, Panel]] = [(_WEIGHTS, _weights)]
    if run.classes:
        panels.append((bag_answers.height(series), bag_answers.answers))
    elif series.run.has_truth:
        panels.append((_ERRORS, _errors))
    figure = list(parts)
    for height, panel in panels:
        top += _BETWEEN / 2 if panel is _weights else _BETWEEN
        figure += _shades(seen.faults, time, top, height)
        figure += panel(series, time, top, height)
        top += height
    figure += _time_axis(time, top)
    judged = " and answers" if run.classes else " and error" * series.run.has_truth
    label = f"{run.name}: states, weights{judged} over time"
    return svg.drawing(_WIDTH, top + _AXIS, figure, label, "timeline")


def _streams(run: Replayed, seen: Measured, time: svg.Scale) -> list[Markup]:
    parts = []
    for row, modality in enumerate(run.modalities):
        top = row * (_STRIP + _BAND + _BELOW)
        for fault in (f for f in seen.faults if f.modality == modality):
            parts.append(_fault(fault, time, top, _STRIP))
            parts += _named(fault, time, top)
        parts += _states(run, modality, time, top + _STRIP, _BAND)
        middle = top + _STRIP + _BAND / 2 + 4
        parts.append(svg.text(_LEFT - 8, middle, modality, "label", "end"))
    return parts


def _fault(fault: FaultSeen, time: svg.Scale, top: float, height: float) -> Markup:
    begin, end = time(fault.begin_s), time(fault.end_s)
    told = f"{window(fault)}, strength {strength(fault)}"
    return svg.box(begin, top, max(end - begin, _LEAST), height - 1, told, fill="url(#fault)")


def _named(fault: FaultSeen, time: svg.Scale, top: float) -> list[Markup]:
    """The kind of a fault on its strip, where there is room for it."""
    begin, end = time(fault.begin_s), time(fault.end_s)
    words = words_of(fault.kind)
    wide = len(words) * _LETTER + 6
    if wide > end - begin:
        return []
    left = (begin + end - wide) / 2
    ground = svg.box(left, top, wide, _STRIP - 1, class_="fault-name")
    return [ground, svg.text((begin + end) / 2, top + _STRIP - 3.5, words, "fault-text", "middle")]


def _states(
    run: Replayed, modality: str, time: svg.Scale, top: float, height: float
) -> list[Markup]:
    """Bars of the states; those that are not LIVE lie on top, so that short ones are seen."""
    listed = sorted(spans(run, modality), key=lambda span: span.state != LIVE)
    bars = []
    for span in listed:
        begin, end = time(span.begin_s), time(span.end_s)
        told = f"{modality} {span.state} {period(span.begin_s, span.end_s)}"
        told += f": {span.reason}" if span.reason else ""
        kind = "band" if span.state == LIVE else "band out"
        look = {"fill": svg.fill(modality, span.state), "class_": kind}
        bars.append(svg.box(begin, top, max(end - begin, _LEAST), height, told, **look))
    return bars


def _shades(
    faults: Iterable[FaultSeen], time: svg.Scale, top: float, height: float
) -> list[Markup]:
    """Shades behind a panel where any sensor is faulty."""
    shaded: list[tuple[float, float]] = []
    for begin, end in sorted((f.begin_s, f.end_s) for f in faults):
        if shaded and begin <= shaded[-1][1]:
            shaded[-1] = (shaded[-1][0], max(shaded[-1][1], end))
        else:
            shaded.append((begin, end))
    places = [(time(begin), time(end)) for begin, end in shaded]
    return [svg.box(x, top, max(end - x, 1.0), height, class_="shade") for x, end in places]


def _weights(series: Series, time: svg.Scale, top: float, height: float) -> list[Markup]:
    """Weights of the sensors, one upon the other."""
    run = series.run.run
    share = svg.Scale(0, 1, top + height, top)
    parts = _frame(time, share, (0.0, 0.5, 1.0), "weight")
    for times, weights in _stretches(series.run.seconds, run.weights):
        stack = np.cumsum(np.column_stack([np.zeros(len(weights)), weights]), axis=1)
        across = np.array([time(t) for t in times])
        for column, modality in enumerate(run.modalities):
            low = [share(v) for v in stack[:, column]]
            high = [share(v) for v in stack[:, column + 1]]
            there = np.column_stack([across, high])
            back = np.column_stack([across, low])[::-1]
            area = _steps(np.concatenate([there, back]), len(there))
            parts.append(svg.path([area], closed=True, fill=svg.colour(modality), class_="area"))
    return parts


def _steps(outline: svg.Array, half: int) -> svg.Array:
    """Widen an area of one single estimate, so that it can be seen."""
    if half > 1:
        return outline
    wide = np.repeat(outline, 2, axis=0)
    wide[:, 0] += np.array([-1.0, 1.0, 1.0, -1.0])
    return wide


def _stretches(times: Seconds, weights: svg.Array) -> list[tuple[svg.Array, svg.Array]]:
    """Weights cut at gaps; many estimates become means of neighbours."""
    cut = svg.pieces(times, weights, gap_s(times))
    cells = max(1, round(len(times) / _CELLS))
    return [(_means(t, cells), _means(w, cells)) for t, w in cut]


def _means(values: svg.Array, cells: int) -> svg.Array:
    begins = np.arange(0, len(values), cells)
    counts = np.diff(np.append(begins, len(values)))
    sums = np.add.reduceat(values, begins, axis=0)
    return sums / counts.reshape(-1, *[1] * (values.ndim - 1))


def _errors(series: Series, time: svg.Scale, top: float, height: float) -> list[Markup]:
    """The error of this replay before that of the others, on one scale."""
    drawn = [(series.free, "free"), (series.dropped, "without"), (series.run, "this")]
    known = [(scored, kind) for scored, kind in drawn if scored and scored.has_truth]
    high = max(float(np.nanmax(scored.error_mm)) for scored, _ in known)
    scale = svg.Scale(0, 1.04 * high, top + height, top)
    parts = _frame(time, scale, svg.ticks(high, 5), "error (mm)")
    for scored, kind in known:
        found = svg.pieces(scored.seconds, scored.error_mm, gap_s(scored.seconds))
        points = []
        for times, errors in found:
            cells = max(2, round(_CELLS * len(times) / len(scored.seconds)))
            thinned = zip(*svg.thin(times, errors, cells), strict=True)
            points.append(np.array([(time(t), scale(e)) for t, e in thinned]))
        parts.append(svg.path(points, class_=f"error {kind}"))
    return parts


def _frame(time: svg.Scale, scale: svg.Scale, marks: Iterable[float], name: str) -> list[Markup]:
    parts = []
    for mark in marks:
        y = scale(mark)
        parts.append(svg.line(time.begin, y, time.end, y, "grid"))
        parts.append(svg.text(time.begin - 8, y + 3.5, f"{mark:g}", "small", "end"))
    middle = (scale.begin + scale.end) / 2
    turned = f"rotate(-90 14 {middle:g})"
    label = el("text", name, x=14, y=middle, class_="small", text_anchor="middle",
                   transform=turned)  # fmt: skip
    return [*parts, label]


def _time_axis(time: svg.Scale, top: float) -> list[Markup]:
    parts = [svg.line(time.begin, top, time.end, top, "axis")]
    for mark in svg.ticks(time.high, 14):
        x = time(mark)
        parts.append(svg.line(x, top, x, top + 4, "axis"))
        parts.append(svg.text(x, top + 16, f"{mark:g}", "small", "middle"))
    middle = (time.begin + time.end) / 2
    return [*parts, svg.text(middle, top + 30, "seconds since the bag began", "small", "middle")]
