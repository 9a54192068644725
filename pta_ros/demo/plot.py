"""The demo's picture: estimates beside the truth, stream states, weights and error over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pta_ros.demo.records import Estimate, Joints, Run, Span
from pta_ros.demo.summary import scores
from pta_ros.sensors import SENSORS
from pta_ros.skeleton import BONES

_TRUTH: dict[str, Any] = {"color": "#444444", "lw": 4.5, "alpha": 0.45}
_ESTIMATE: dict[str, Any] = {"color": "#D55E00", "lw": 1.8}
_MEAN: dict[str, Any] = {"color": "#CC3311", "lw": 1.0, "ls": "--"}
_STATES = {
    "STALE": ("#DDDDDD", "///"),
    "CORRUPT": ("#F4B6A6", "xxx"),
    "MISSING": ("#FFFFFF", "..."),
}
_BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.005, 0.5), "fontsize": 8}


def draw(run: Run, summary: dict[str, Any], mean_pose_m: Joints | None, path: Path) -> None:
    """Write the picture of a run to `path` (PNG); of activities without skeletons."""
    figure = Figure(figsize=(15, 7 if run.of_activities else 13), layout="constrained")
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
    if not run.of_activities:
        halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1.0))
        above, below = halves
        _draw_skeletons(above, run)
    axes = below.subplots(3, 1, sharex=True, height_ratios=(0.8, 0.9, 1.3))
    colours = {name: SENSORS[name].colour for name in (run.spans[0].faults if run.spans else ())}
    _draw_states(axes[0], run, colours)
    _draw_weights(axes[1], run, colours)
    _draw_scores(axes[2], run, mean_pose_m)
    for number, axis in enumerate(axes):
        _phases(axis, run, named=number == 0)
    axes[-1].set_xlabel("time since the script began (s)")
    figure.savefig(path, dpi=110)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def instants(run: Run) -> list[tuple[Span, Estimate]]:
    """The estimate nearest to the middle of every phase that has one."""
    chosen = []
    for span in run.spans:
        middle = (span.start_ns + span.end_ns) / 2
        known = [e for e in run.within(span) if e.stamp_ns in run.truth]
        if known:
            chosen.append((span, min(known, key=lambda e: abs(e.stamp_ns - middle))))
    return chosen


def _draw_skeletons(figure: Any, run: Run) -> None:
    """Above the front view, below the side view, of one instant of each phase."""
    chosen = instants(run)
    grid = figure.subplots(2, max(1, len(chosen)), squeeze=False)
    views = ((0, "seen from the front\ny (m)", "x (m)"), (2, "seen from the side\ny (m)", "z (m)"))
    for column, (span, estimate) in zip(grid.T, chosen, strict=False):
        truth, error = run.truth[estimate.stamp_ns].joints_m, scores(run, [estimate])[0]
        column[0].set_title(
            f"{span.name}, {run.seconds(estimate.stamp_ns):.1f} s\n"
            f"uses {' + '.join(estimate.used)}\n{error:.0f} mm",
            fontsize=10,
        )
        for axis, (across, side, label) in zip(column, views, strict=True):
            _bones(axis, truth, across, _TRUTH)
            _bones(axis, estimate.joints_m, across, _ESTIMATE)
            centre = float(truth[0, across])
            axis.set(aspect="equal", xlim=(centre - 0.8, centre + 0.8), ylim=(1.15, -1.0))
            axis.set_xlabel(label, fontsize=8)
            axis.tick_params(labelsize=7)
            axis.grid(alpha=0.25)
            if column[0] is grid[0, 0]:
                axis.set_ylabel(side, fontsize=9)
    handles = [Line2D([], [], label=text, **look) for text, look in
               (("ground truth", _TRUTH), ("estimate", _ESTIMATE))]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=9)


def _bones(axis: Axes, joints_m: Joints, across: int, look: dict[str, Any]) -> None:
    for bone in BONES:
        pair = joints_m[list(bone)]
        axis.plot(pair[:, across], pair[:, 1], solid_capstyle="round", **look)


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
        look = {"ls": "", "marker": "o", "ms": 3} if run.of_activities else {"lw": 1.6}
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
    axis.set_ylabel("right (%)" if run.of_activities else "MPJPE (mm)")
    axis.legend(**_BESIDE)
