"""The demo's picture: estimates beside the truth; states, weights, people and error over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from pta_ros.demo.accuracy import scores
from pta_ros.demo.bodies import ESTIMATE, draw_bodies
from pta_ros.demo.crowd import judge
from pta_ros.demo.records import Estimate, Joints, Run
from pta_ros.sensors import SENSORS

_MEAN: dict[str, Any] = {"color": "#CC3311", "lw": 1.0, "ls": "--"}
_STATES = {
    "STALE": ("#DDDDDD", "///"),
    "CORRUPT": ("#F4B6A6", "xxx"),
    "MISSING": ("#FFFFFF", "..."),
}
_HEIGHTS = {"people": 11.5, "pose": 13, "activity": 7}
_BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.005, 0.5), "fontsize": 8}


def draw(run: Run, summary: dict[str, Any], mean_pose_m: Joints | None, path: Path) -> None:
    """Write the picture of a run to `path` (PNG); of activities without skeletons."""
    figure = Figure(figsize=(15, _HEIGHTS[run.task]), layout="constrained")
    FigureCanvasAgg(figure)
    latency = summary["latency_ms"]
    figure.suptitle(
        "pta_ros live fusion under scripted sensor failures — synthetic data "
        f"(subject {run.session['subject']}, scene {run.session['scene']})\n"
        f"latency p50 {_number(latency['p50'])} ms, p99 {_number(latency['p99'])} ms",
        fontsize=14,
        fontweight="bold",
    )
    below: Any = figure
    if run.task != "activity":
        halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1.0))
        above, below = halves
        draw_bodies(above, run)
    rows = 4 if run.task == "people" else 3
    axes = below.subplots(rows, 1, sharex=True, height_ratios=(0.8, 0.9, *(0.6,) * (rows - 3), 1.3))
    colours = {name: SENSORS[name].colour for name in (run.spans[0].faults if run.spans else ())}
    _draw_states(axes[0], run, colours)
    _draw_weights(axes[1], run, colours)
    if run.task == "people":
        _draw_counts(axes[2], run)
    _draw_scores(axes[-1], run, mean_pose_m)
    for number, axis in enumerate(axes):
        _phases(axis, run, named=number == 0)
    axes[-1].set_xlabel("time since the script began (s)")
    figure.savefig(path, dpi=110)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _phases(axis: Axes, run: Run, named: bool) -> None:
    """Shade the phases with a fault; name every phase above the first axis."""
    for span in run.spans:
        start, end = run.seconds([span.start_ns, span.end_ns])
        if len(span.available) < len(span.faults):
            axis.axvspan(start, end, color="#888888", alpha=0.13, lw=0, zorder=0)
        axis.axvline(start, color="#888888", lw=0.6, ls=":")
        if named:
            axis.annotate(
                span.name,
                ((start + end) / 2, 1.02),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                fontsize=8.5,
                rotation=0 if end - start > 2.5 else 20,
            )
    if run.spans:
        axis.set_xlim(0, float(run.seconds(run.spans[-1].end_ns)))


def state_bars(run: Run, modality: str) -> list[tuple[float, float, str]]:
    """(start s, length s, state) of a stream over the script, from all accounts of it."""
    if not run.spans:
        return []
    begin_ns, end_ns = run.spans[0].start_ns, run.spans[-1].end_ns
    states = run.states_of(modality)
    changes = [(begin_ns, next((s for t, s in reversed(states) if t <= begin_ns), "MISSING"))]
    for when_ns, state in states:
        if begin_ns < when_ns < end_ns and state != changes[-1][1]:
            changes.append((when_ns, state))
    ends = [when_ns for when_ns, _ in changes[1:]] + [end_ns]
    return [
        (float(run.seconds(start_ns)), (stop_ns - start_ns) / 1e9, state)
        for (start_ns, state), stop_ns in zip(changes, ends, strict=True)
    ]


def _draw_states(axis: Axes, run: Run, colours: dict[str, str]) -> None:
    for row, (modality, colour) in enumerate(colours.items()):
        for start, length, state in state_bars(run, modality):
            face, hatch = _STATES.get(state, (colour, ""))
            place = (row - 0.38, 0.76)
            axis.broken_barh([(start, length)], place, fc=face, hatch=hatch, ec="white")
    axis.set_yticks(range(len(colours)), list(colours))
    axis.set_ylim(len(colours) - 0.5, -0.5)
    axis.set_ylabel("stream state")
    handles = [Patch(fc="#666666", label="LIVE (in the stream's colour)")]
    handles += [Patch(fc=_STATES[state][0], hatch=_STATES[state][1], ec="#999999", label=state)
                for state in ("STALE", "CORRUPT")]  # fmt: skip
    axis.legend(handles=handles, **_BESIDE)


def _draw_weights(axis: Axes, run: Run, colours: dict[str, str]) -> None:
    scripted = [e for span in run.spans for e in run.within(span)]
    if scripted:
        shares = np.array(
            [[e.streams[m].weight if m in e.streams else 0.0 for m in colours] for e in scripted]
        )
        times, shares = _with_gaps(run, scripted, shares)
        stack = np.cumsum(np.column_stack([np.zeros(len(shares)), shares]), axis=1)
        for below, above, colour in zip(stack.T, stack.T[1:], colours.values(), strict=False):
            axis.fill_between(times, below, above, color=colour, alpha=0.85, lw=0, step="mid")
    axis.set_ylim(0, 1)
    axis.set_ylabel("weight")
    handles = [Patch(color=colour, alpha=0.85, label=name) for name, colour in colours.items()]
    axis.legend(handles=handles, **_BESIDE)


def _draw_counts(axis: Axes, run: Run) -> None:
    """How many people an honest count has, and how many each list names."""
    scripted = [e for span in run.spans for e in run.within(span) if e.stamp_ns in run.truth]
    judged = [judge(run.truth[e.stamp_ns], e) for e in scripted]
    known = [np.nan if one.expected is None else one.expected for one in judged]
    told = np.array([(truth, one.count) for truth, one in zip(known, judged, strict=True)], float)
    if scripted:
        times, told = _with_gaps(run, scripted, told)
        axis.step(times, told[:, 0], where="mid", color="#444444", lw=4.5, alpha=0.45,
                  label="clearly visible")  # fmt: skip
        axis.plot(times, told[:, 1], ".", ms=4, color=ESTIMATE["color"], label="named")
    axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axis.set_ylim(-0.4, float(np.nanmax(told, initial=2.0)) + 0.4)
    axis.set_ylabel("people")
    axis.legend(**_BESIDE)


def _with_gaps(run: Run, estimates: list[Estimate], values: Any) -> tuple[Any, Any]:
    """Times (s) and values, with NaN in gaps, so that nothing is drawn where nothing was told."""
    times = run.seconds([e.stamp_ns for e in estimates])
    breaks = np.flatnonzero(np.diff(times) > 3.5 / run.session["rate_hz"]) + 1
    blank = np.full((len(breaks), *values.shape[1:]), np.nan)
    return np.insert(times, breaks, times[breaks - 1] + 1e-3), np.insert(
        values, breaks, blank, axis=0
    )


def _draw_scores(axis: Axes, run: Run, mean_pose_m: Joints | None) -> None:
    """The error of skeletons beside the mean pose's, or which activities are right."""
    scripted = [e for span in run.spans for e in run.within(span) if e.stamp_ns in run.truth]
    if scripted and mean_pose_m is not None:
        mean = _with_gaps(run, scripted, scores(run, scripted, mean_pose_m))
        axis.plot(*mean, color="#999999", lw=1.2, label="mean-pose predictor")
    if scripted:
        look = {"ls": "", "marker": "o", "ms": 3} if run.task == "activity" else {"lw": 1.6}
        line = _with_gaps(run, scripted, scores(run, scripted))
        axis.plot(*line, color="#222222", label="live estimate", **look)
    for span in run.spans:
        inside = scores(run, run.within(span))
        if np.isfinite(inside).any():
            start, end = run.seconds([span.start_ns, span.end_ns])
            average = float(np.nanmean(inside))
            axis.plot([start, end], [average, average], **_MEAN)
            place = {"color": _MEAN["color"], "fontsize": 9, "ha": "right", "va": "bottom"}
            axis.annotate(f"{average:.0f}", (end, average), **place)
    axis.plot([], [], label="mean of the phase", **_MEAN)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("right (%)" if run.task == "activity" else "MPJPE (mm)")
    axis.legend(**_BESIDE)
