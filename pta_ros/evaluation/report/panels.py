"""The charts of one replay, side by side: error, latency, and how plausible the motion is."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.evaluation.report import charts, terms
from pta_ros.evaluation.report.markup import Markup, el
from pta_ros.evaluation.report.measure import Measured, Stages

_FREE, _TRUTH = "fault-free", "ground truth"


def panels(seen: Measured, stages: Stages, free: Measured | None) -> Markup:
    """All charts; `free` is the fault-free replay when it is another one."""
    columns = [el("div", *_subsets(seen), *_latency(stages))]
    if seen.joints_mm:
        where = "Error per joint" + " in the faults' windows" * bool(seen.faults)
        listed = charts.joint_bars(seen.joints_mm, seen.free_joints_mm)
        columns.append(_chart(where, _line(_FREE, seen.free_joints_mm), listed, "mm"))
    if seen.jitter:
        whose, other = _TRUTH, seen.truth_jitter
        if other is None:
            whose, other = _FREE, free.jitter if free else None
        listed = charts.joint_bars(seen.jitter, other)
        columns.append(_chart("Jitter: RMS acceleration", _line(whose, other), listed, "m/s²", 2))
    if seen.bones_percent:
        other = free.bones_percent if free else None
        listed = charts.bone_bars(seen.bones_percent, other)
        columns.append(_chart("Bones: std / mean of length", _line(_FREE, other), listed, "%"))
    return el("div", *columns, class_="charts")


def _subsets(seen: Measured) -> list[Markup]:
    known = [(s.name.replace("+", " + "), s.errors) for s in seen.subsets if s.errors]
    listed = [charts.Bar(name, terms.value(e), None, f" ({e.estimates})") for name, e in known]
    if not listed:
        return []
    what = "Error" if terms.unit(known[0][1]) == "mm" else "Accuracy"
    note = "in brackets: how many estimates"
    return [_chart(f"{what} by sensors used", note, listed, terms.unit(known[0][1]))]


def _latency(stages: Stages) -> list[Markup]:
    listed = [charts.Bar(name, t["p50"], t["p95"]) for name, t in stages.items()]
    return [_chart("Latency, median", _line("p95", stages), listed, "ms", 2)] if listed else []


def _line(whose: str, marks: object) -> str:
    """What the upright lines are, if there are any."""
    return f"upright line: {whose}" if marks else ""


def _chart(
    title: str, note: str, listed: Sequence[charts.Bar], unit: str, digits: int = 1
) -> Markup:
    below = el("p", note or "\N{NO-BREAK SPACE}", class_="soft")
    return el("div", el("h3", title), below, charts.bars(listed, unit, title, digits))
