"""One replay's section of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pta_ros.evaluation.replay.record import Moment
from pta_ros.evaluation.report import answers as bag_answers
from pta_ros.evaluation.report import pictures, svg, tables, terms, words
from pta_ros.evaluation.report.context import Context
from pta_ros.evaluation.report.markup import Markup, el, join
from pta_ros.evaluation.report.measure import Measured, Stages
from pta_ros.evaluation.report.panels import panels
from pta_ros.evaluation.report.states import LIVE, seconds
from pta_ros.evaluation.report.timeline import Series, timeline

_TITLE = "Sensors, error, latency, jitter, bones"


@dataclass(frozen=True, eq=False)
class Part:
    """One replay, ready to be shown; `anchor` is its place in the page."""

    series: Series
    seen: Measured
    stages: Stages
    anchor: str


def section(part: Part, first: Part, context: Context, unfolded: bool) -> Markup:
    """Everything about one replay; `first` is the fault-free one, whose losses are all replays'."""
    run, seen = part.series.run.run, part.seen
    first_losses = first.series.run.run.losses
    free = None if part is first else first.seen
    blocks = [el("h2", seen.name), el("p", words.verdict(seen)), keys(part)]
    blocks.append(timeline(part.series, seen))
    if seen.faults:
        blocks += [el("h3", "Faults"), tables.faults(seen.faults)]
    losses = [loss for loss in run.losses if part is first or loss not in first_losses]
    if losses:
        blocks += [el("h3", "Notes, and what could not be read"), _list(losses)]
    if run.moments:
        blocks.append(_fold(_moments_title(part), _moments(part, context), unfolded))
    numbers = [tables.sensors(seen.sensors), panels(seen, part.stages, free)]
    title = "Sensors, accuracy, latency" if run.classes else _TITLE
    blocks.append(_fold(title, join(numbers), unfolded))
    if run.changes:
        title = f"Changes of state ({len(run.changes)})"
        blocks.append(_fold(title, tables.changes(run), False))
    return el("section", *blocks, id=part.anchor)


def _fold(title: str, content: Markup, unfolded: bool) -> Markup:
    """Content that opens on a click."""
    return el("details", el("summary", title), content, open="" if unfolded else None)


def keys(part: Part | None, modalities: tuple[str, ...] = ()) -> Markup:
    """The legend of the states, and with a replay that of its lines."""
    shown = part.series.run.run.modalities if part else modalities
    found = [_key(svg.colour(name), f"{name} {LIVE}") for name in shown]
    found += [_key(pattern, state) for state, pattern in svg.PATTERNS.items()]
    found.append(_key("url(#fault)", "fault injected"))
    if part and part.series.run.run.classes:
        found += [_answer_key(kind, told) for kind, told in bag_answers.MEANINGS.items()]
    elif part and part.series.run.has_truth:
        found.append(_line_key("this", "error of this replay"))
        if part.series.free and part.series.free.has_truth:
            found.append(_line_key("free", "fault-free"))
        if part.series.dropped and part.series.dropped.has_truth:
            found.append(_line_key("without", "sensor dropped instead"))
    return el("div", *found, class_="keys")


def _key(fill: str, name: str) -> Markup:
    swatch = svg.box(0.5, 0.5, 25, 11, fill=fill, class_="out")
    return el("span", el("svg", swatch, viewBox="0 0 26 12", aria_hidden="true"), name)


def _answer_key(kind: str, told: str) -> Markup:
    swatch = svg.box(0.5, 0.5, 25, 11, class_=f"answer {kind}")
    return el("span", el("svg", swatch, viewBox="0 0 26 12", aria_hidden="true"), told)


def _line_key(kind: str, name: str) -> Markup:
    drawn = svg.line(1, 6, 25, 6, f"error {kind}")
    return el("span", el("svg", drawn, viewBox="0 0 26 12", aria_hidden="true"), name)


def _moments_title(part: Part) -> str:
    """Which moments, the worst of them in numbers: all that shows while it is folded."""
    known = [m for m in part.series.run.run.moments if m.truth_m is not None]
    if not known:
        return "Least certain moments"
    worst = max(known, key=lambda moment: moment.error_mm)
    return f"Worst moments: {terms.mm(worst.error_mm)} mm at {_when(part, worst)}"


def _when(part: Part, moment: Moment) -> str:
    return words.clock(float(seconds(part.series.run.run, moment.stamp_ns)))


def _moments(part: Part, context: Context) -> Markup:
    shown = [_moment(part, moment, context) for moment in part.series.run.run.moments]
    truth = any(moment.truth_m is not None for moment in part.series.run.run.moments)
    names = "Orange: estimate." + " Broad and pale: ground truth." * truth
    return join([el("p", names, class_="soft"), el("div", *shown, class_="moments")])


def _moment(part: Part, moment: Moment, context: Context) -> Markup:
    wrong = "" if moment.truth_m is None else f", {terms.mm(moment.error_mm)} mm"
    used = ", ".join(f"{name} {weight:.2f}" for name, weight in moment.weights.items() if weight)
    shown = []
    if "depth" in moment.frames:
        shown.append(_picture(pictures.depth_picture(moment, context.camera), "depth map"))
    for axis, side in ((0, "front"), (2, "side")):
        drawn = pictures.cloud_picture(moment, axis, context.lidar_to_camera)
        points = "points, " * ("lidar" in moment.frames)
        shown.append(_picture(drawn, f"{points}{side}"))
    if "csi" in moment.frames:
        shown.append(_picture(pictures.csi_picture(moment), "CSI by antenna"))
    caption = el("figcaption", el("b", _when(part, moment) + wrong), f" · weights: {used}")
    return el("figure", caption, el("div", *shown, class_="pictures"))


def _picture(drawn: Markup, name: str) -> Markup:
    return el("div", drawn, el("div", name, class_="soft"))


def _list(texts: Sequence[str]) -> Markup:
    return el("ul", *(el("li", text) for text in texts))
