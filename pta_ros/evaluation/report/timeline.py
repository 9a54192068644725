"""The detailed time lines of one replay, as a figure for plotly.

A colour that begins with `--` is a variable of the page's style sheet, so that light and dark share
one figure; the page's script puts it in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.report.charts import (
    LOOKS,
    Part,
    Stretch,
    answers,
    colour,
    faults,
    states,
    true_activities,
)
from pta_ros.evaluation.report.scores import LIVE, Scored, gap_s
from pta_ros.evaluation.report.seen import FaultSeen, Measured
from pta_ros.evaluation.report.series import means, pieces, steps, thin
from pta_ros.metrics.pose import usual_step_s

Array = NDArray[np.floating]
Figure = dict[str, Any]
#: A panel of a figure: its height, its traces, its upright axis.
Panel = tuple[float, list[Figure], Figure]

#: Heights: a sensor's faults, its states, weights, errors, a row of answers, people, spaces.
_FAULTS, _STATES, _WEIGHTS, _ERRORS, _ANSWERS, _PEOPLE, _BETWEEN = 20, 26, 84, 150, 24, 84, 18
#: Above and below the panels: the legend, and the axis of time.
_TOP, _BOTTOM = 54, 40
#: A series has at most so many stretches; more could not be seen.
_CELLS = 1000


def figure(part: Part) -> Figure:
    """The plotly figure of a replay: faults, states, weights, errors, answers, people over time."""
    names, each = part.modalities, _FAULTS + _STATES
    placed = [
        (row * each + top, height, stretch)
        for row, name in enumerate(names)
        for top, height, found in (
            (0, _FAULTS, faults(part.seen, name)),
            (_FAULTS, _STATES, states(part.run, name)),
        )
        for stretch in found
    ]
    panels: list[Panel] = [(each * len(names), _bars(placed, names), _rows(names, each, _FAULTS))]
    share = {"range": [0, 1], "tickvals": [0, 0.5, 1], "title": {"text": "weight"}}
    panels.append((_WEIGHTS, _weights(part.run), share))
    if part.run.run.classes:
        panels.append(_answers_panel(part))
    if part.run.people is not None:
        panels.append(_people_panel(part))
    if part.run.has_truth and not part.run.run.classes:
        axis = {"rangemode": "tozero", "nticks": 6, "title": {"text": "error (mm)"}}
        panels.append((_ERRORS, _errors(part), axis))
    return _assembled(part.seen, panels)


def _assembled(seen: Measured, panels: Sequence[Panel]) -> Figure:
    """The panels below each other on one axis of time."""
    whole = sum(height for height, _, _ in panels) + _BETWEEN * (len(panels) - 1)
    look = {
        "ticklabelstandoff": 6,
        "gridcolor": "--rule",
        "zeroline": False,
        "tickfont": {"color": "--soft"},
    }
    time = {
        "range": [0, seen.duration_s], "showgrid": False, "linecolor": "--soft", "ticks": "outside",
        "title": {"text": "seconds since the bag began"}, "anchor": _axis(len(panels) - 1),
        "ticklabelstandoff": 0,
    }  # fmt: skip
    layout: Figure = {
        "height": whole + _TOP + _BOTTOM, "margin": {"l": 74, "r": 12, "t": _TOP, "b": _BOTTOM},
        "barmode": "overlay", "hovermode": "closest", "uniformtext": {"mode": "hide", "minsize": 8},
        "uirevision": "kept",  # zoom and hidden traces outlast a change of theme
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, DejaVu Sans, sans-serif", "size": 12, "color": "--ink"},
        "hoverlabel": {"bgcolor": "--panel", "bordercolor": "--soft", "font": {"color": "--ink"}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "--soft", "activecolor": "--ink"},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "shapes": [_shade(row, fault) for fault in seen.faults for row in range(1, len(panels))],
        "xaxis": look | time,
    }  # fmt: skip
    data, top = [], 1.0
    for row, (height, traces, axis) in enumerate(panels):
        place = {"domain": [max(0.0, top - height / whole), top], "fixedrange": True}
        layout[_axis(row).replace("y", "yaxis")] = look | place | axis
        data += [trace | {"yaxis": _axis(row)} for trace in traces]
        top -= (height + _BETWEEN) / whole
    return {"data": data, "layout": layout}


def _axis(row: int) -> str:
    return f"y{row + 1}" if row else "y"


def _rows(names: Sequence[str], each: float, above: float = 0) -> Figure:
    """An axis of rows from the top down, each named beside its part below `above`."""
    places = [row * each + (above + each) / 2 for row in range(len(names))]
    return {"range": [each * len(names), 0], "showgrid": False,
            "tickvals": places, "ticktext": list(names)}  # fmt: skip


def _shade(row: int, fault: FaultSeen) -> Figure:
    """A shade behind a panel where a sensor is faulty."""
    return {
        "type": "rect", "layer": "below", "fillcolor": "--shade", "line": {"width": 0},
        "x0": fault.begin_s, "x1": fault.end_s, "yref": f"{_axis(row)} domain", "y0": 0, "y1": 1,
    }  # fmt: skip


def _bars(
    placed: Iterable[tuple[float, float, Stretch]], sensors: Sequence[str] = ()
) -> list[Figure]:
    """One trace for each kind of bar; `placed` has the top and the height of each one's row."""
    found: dict[str, list[tuple[float, float, Stretch]]] = {}
    for top, height, stretch in placed:
        found.setdefault(stretch.what, []).append((top, height, stretch))
    traces = []
    for name in [*(f"{sensor} {LIVE}" for sensor in sensors), *LOOKS]:
        rows, (kind, pattern) = found.get(name, []), LOOKS.get(name, ("", ""))
        marker: Figure = {"color": f"--{kind}" if kind else colour(name.partition(" ")[0])}
        marker |= {"opacity": 1, "line": {"color": "--soft", "width": 0.5}}
        if pattern:
            hatch = {"shape": pattern, "fgcolor": f"--{kind}-hatch", "size": 6, "solidity": 0.25}
            marker["pattern"] = {"fillmode": "overlay", **hatch}
        trace = {
            "type": "bar", "orientation": "h", "name": name, "marker": marker, "hoverinfo": "text",
            "base": [round(s.begin_s, 3) for _, _, s in rows],
            "x": [round(s.end_s - s.begin_s, 3) for _, _, s in rows],
            "y": [top + height / 2 for top, height, _ in rows],
            "width": [height - 2 for _, height, _ in rows],
            "hovertext": [s.told for _, _, s in rows],
            "legendgroup": name,
        }  # fmt: skip
        if any(s.label for _, _, s in rows):
            inner: Figure = {"textposition": "inside", "insidetextanchor": "middle", "textangle": 0}
            trace |= inner | {"text": [s.label for _, _, s in rows]}
            trace |= {"textfont": {"color": "--ink", "size": 11}}
        traces += [trace] if rows else []
    return traces


def _answers_panel(part: Part) -> Panel:
    """A row of the truth where there is one, and a row of answers for every replay."""
    told = {"true": true_activities(part.run), "said": answers(part.run, "said")}
    told |= {name.removeprefix("sensor "): answers(s, name) for name, s in _others(part)}
    rows = {name: found for name, found in told.items() if found or name == "said"}
    placed = [(n * _ANSWERS, _ANSWERS, s) for n, found in enumerate(rows.values()) for s in found]
    return _ANSWERS * len(rows), _bars(placed), _rows(list(rows), _ANSWERS)


def _people_panel(part: Part) -> Panel:
    """How many people there are and how many are told; lines end where no estimate is."""
    assert part.run.people is not None
    counts = {"people there": part.run.people.there, "people told": part.run.people.told}
    looks = {"people there": ("--free", "dot"), "people told": ("--this", "solid")}
    lines = [(name, steps(part.run.seconds, c), *looks[name]) for name, c in counts.items()]
    traces: list[Figure] = [
        {
            "type": "scatter", "mode": "lines", "name": name, "x": times, "y": counts,
            "line": {"color": ink, "width": 2, "dash": dash, "shape": "hv"},
            "hovertemplate": f"{name}: %{{y}} at %{{x:.1f}} s<extra></extra>",
        }
        for name, (times, counts), ink, dash in lines
        if times
    ]  # fmt: skip
    most = max([1, *(count for _, (_, counts), *_ in lines for count in counts if count)])
    return _PEOPLE, traces, {"range": [-0.2, most + 0.3], "dtick": 1, "title": {"text": "people"}}


def _others(part: Part) -> list[tuple[str, Scored]]:
    """The replays to compare with, by name."""
    listed = [("fault-free", part.free), ("sensor dropped", part.dropped)]
    return [(name, scored) for name, scored in listed if scored is not None]


def _weights(scored: Scored) -> list[Figure]:
    """Weights of the sensors, one upon the other; a stretch ends one usual step after its last."""
    step = usual_step_s(scored.seconds) or gap_s(scored.seconds)
    cells = max(1, round(len(scored.seconds) / _CELLS))
    times: list[float] = []
    rows: list[Array] = []
    for t, w in pieces(scored.seconds, scored.run.weights, gap_s(scored.seconds)):
        times += [*means(t, cells).tolist(), t[-1] + step, t[-1] + step]
        rows += [*means(w, cells), w[-1], np.zeros_like(w[-1])]
    return [
        {
            "type": "scatter", "mode": "lines", "line": {"width": 0, "shape": "hv"},
            "stackgroup": "weights", "fillcolor": colour(name), "name": name,
            "legendgroup": f"{name} {LIVE}", "showlegend": False,
            "hovertemplate": f"{name} %{{y:.2f}} at %{{x:.1f}} s<extra></extra>",
            "x": np.round(times, 3).tolist(),
            "y": [round(float(row[column]), 3) for row in rows],
        }
        for column, name in enumerate(scored.run.modalities)
    ]  # fmt: skip


def _errors(part: Part) -> list[Figure]:
    """The error of this replay before that of the others."""
    lines = {"error of this replay": ("--this", "solid"), "fault-free": ("--free", "solid"),
             "sensor dropped": ("--without", "dash")}  # fmt: skip
    traces = []
    for name, scored in [*_others(part), ("error of this replay", part.run)]:
        ink, dash = lines[name]
        times: list[float | None] = []
        errors: list[float | None] = []
        for t, e in pieces(scored.seconds, scored.error_mm, gap_s(scored.seconds)):
            t, e = thin(t, e, max(2, round(_CELLS * len(t) / len(scored.seconds))))
            times += [*np.round(t, 3).tolist(), None]
            errors += [*(round(float(error), 1) for error in e), None]
        traces.append({
            "type": "scatter", "mode": "lines", "line": {"color": ink, "width": 1.5, "dash": dash},
            "name": name, "x": times, "y": errors,
            "hovertemplate": f"{name}: %{{y:.1f}} mm at %{{x:.1f}} s<extra></extra>",
        })  # fmt: skip
    return traces
