"""The demo's picture: skeletons beside the truth, stream states, weights and error over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pta_ros.demo.records import Joints, Run, SkeletonEntry, Span
from pta_ros.demo.summary import errors_mm, mean_pose_errors_mm
from pta_ros.sensors import SENSORS
from pta_ros.simulate.script import MODALITIES
from pta_ros.skeleton import BONES

COLOURS = {name: SENSORS[name].colour for name in MODALITIES}
_ESTIMATE, _TRUTH, _ERROR, _BAD = "#D55E00", "#444444", "#222222", "#CC3311"
_STATES = {
    "STALE": ("#DDDDDD", "///"),
    "CORRUPT": ("#F4B6A6", "xxx"),
    "MISSING": ("#FFFFFF", "..."),
}


def draw(run: Run, summary: dict[str, Any], mean_pose_m: Joints, path: Path) -> None:
    """Write the picture of a run to `path` (PNG)."""
    chosen = instants(run)
    figure = Figure(figsize=(15, 13), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_title(run, summary), fontsize=14, fontweight="bold")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1.0))
    top, bottom = halves
    grid = top.subplots(2, max(1, len(chosen)), squeeze=False)
    for column, (span, entry) in enumerate(chosen):
        _skeletons(grid[:, column], run, span, entry, first=column == 0)
    _skeleton_legend(top)
    axes = bottom.subplots(3, 1, sharex=True, height_ratios=(0.8, 0.9, 1.3))
    _draw_states(axes[0], run)
    _draw_weights(axes[1], run)
    _draw_errors(axes[2], run, mean_pose_m)
    for number, axis in enumerate(axes):
        _phases(axis, run, named=number == 0)
    axes[-1].set_xlabel("time since the script began (s)")
    figure.savefig(path, dpi=110)


def _title(run: Run, summary: dict[str, Any]) -> str:
    latency = summary["latency_ms"]
    return (
        "pta_ros live fusion under scripted sensor failures — synthetic data "
        f"(subject {run.session['subject']}, scene {run.session['scene']})\n"
        f"latency p50 {_number(latency['p50'])} ms, p99 {_number(latency['p99'])} ms"
    )


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def instants(run: Run) -> list[tuple[Span, SkeletonEntry]]:
    """The estimate nearest to the middle of every phase that has one."""
    chosen = []
    for span in run.spans:
        middle = (span.start_ns + span.end_ns) / 2
        known = [s for s in run.skeletons_in(span) if s.stamp_ns in run.truth]
        if known:
            chosen.append((span, min(known, key=lambda s: abs(s.stamp_ns - middle))))
    return chosen


def _seconds(run: Run, times_ns: Any) -> Any:
    begin = run.spans[0].start_ns if run.spans else 0
    return (np.asarray(times_ns, dtype=np.int64) - begin) / 1e9


def _skeletons(
    axes: Sequence[Axes], run: Run, span: Span, entry: SkeletonEntry, first: bool
) -> None:
    truth = run.truth[entry.stamp_ns].joints_m
    error = errors_mm(run, [entry])[0]
    used = [name for name, stream in entry.streams.items() if stream.used_ns]
    when = float(_seconds(run, entry.stamp_ns))
    axes[0].set_title(
        f"{span.name}, {when:.1f} s\nuses {' + '.join(used)}\n{error:.0f} mm", fontsize=10
    )
    views = ((0, "seen from the front", "x (m)"), (2, "seen from the side", "z (m)"))
    for axis, (across, view, label) in zip(axes, views, strict=True):
        _bones(axis, truth, across, _TRUTH, 4.5, 0.45)
        _bones(axis, entry.joints_m, across, _ESTIMATE, 1.8, 1.0)
        axis.set_aspect("equal")
        centre = float(truth[0, across])
        axis.set_xlim(centre - 0.8, centre + 0.8)
        axis.set_ylim(1.15, -1.0)  # y points down
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
        if first:
            axis.set_ylabel(f"{view}\ny (m)", fontsize=9)


def _bones(
    axis: Axes, joints_m: Joints, across: int, colour: str, width: float, alpha: float
) -> None:
    for parent, child in BONES:
        pair = joints_m[[parent, child]]
        axis.plot(
            pair[:, across], pair[:, 1], color=colour, lw=width, alpha=alpha, solid_capstyle="round"
        )


def _skeleton_legend(figure: Any) -> None:
    handles = [
        Line2D([], [], color=_TRUTH, lw=4.5, alpha=0.45, label="ground truth"),
        Line2D([], [], color=_ESTIMATE, lw=1.8, label="estimate"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=9)


def _phases(axis: Axes, run: Run, named: bool) -> None:
    """Shade the phases with a fault; name every phase above the first axis."""
    for span in run.spans:
        start, end = float(_seconds(run, span.start_ns)), float(_seconds(run, span.end_ns))
        if len(span.available) < 3:
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
        axis.set_xlim(0, float(_seconds(run, run.spans[-1].end_ns)))


def state_bars(run: Run, modality: str) -> list[tuple[float, float, str]]:
    """(start s, length s, state) of a stream over the script, from all accounts of it."""
    if not run.spans:
        return []
    end_ns = run.spans[-1].end_ns
    told = [(t, s[modality].state) for t, s in run.states if modality in s]
    before = [state for t, state in told if t <= run.spans[0].start_ns]
    changes = [(run.spans[0].start_ns, before[-1] if before else "MISSING")]
    for when, state in told:
        if run.spans[0].start_ns < when < end_ns and state != changes[-1][1]:
            changes.append((when, state))
    ends = [when for when, _ in changes[1:]] + [end_ns]
    return [
        (float(_seconds(run, start)), (end - start) / 1e9, state)
        for (start, state), end in zip(changes, ends, strict=True)
    ]


def _draw_states(axis: Axes, run: Run) -> None:
    for row, modality in enumerate(COLOURS):
        for start, length, state in state_bars(run, modality):
            face, hatch = _STATES.get(state, (COLOURS[modality], ""))
            bar = [(start, length)]
            axis.broken_barh(
                bar, (row - 0.38, 0.76), facecolors=face, hatch=hatch, edgecolor="white"
            )
    axis.set_yticks(range(len(COLOURS)), list(COLOURS))
    axis.set_ylim(len(COLOURS) - 0.5, -0.5)
    axis.set_ylabel("stream state")
    handles = [Patch(facecolor="#666666", label="LIVE (in the stream's colour)")]
    handles += [
        Patch(facecolor=face, hatch=hatch, edgecolor="#999999", label=state)
        for state, (face, hatch) in _STATES.items()
        if state != "MISSING"
    ]
    axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.005, 0.5), fontsize=8)


def _draw_weights(axis: Axes, run: Run) -> None:
    scripted = [s for span in run.spans for s in run.skeletons_in(span)]
    if scripted:
        times = _seconds(run, [s.stamp_ns for s in scripted])
        shares = np.array([[_weight(s, m) for m in COLOURS] for s in scripted])
        times, shares = _with_gaps(times, shares)
        stack = np.cumsum(np.column_stack([np.zeros(len(shares)), shares]), axis=1)
        for i, colour in enumerate(COLOURS.values()):
            axis.fill_between(
                times,
                stack[:, i],
                stack[:, i + 1],
                color=colour,
                alpha=0.85,
                lw=0,
                step="mid",
            )
    axis.set_ylim(0, 1)
    axis.set_ylabel("weight")
    handles = [Patch(color=colour, alpha=0.85, label=name) for name, colour in COLOURS.items()]
    axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.005, 0.5), fontsize=8)


def _weight(entry: SkeletonEntry, modality: str) -> float:
    return entry.streams[modality].weight if modality in entry.streams else 0.0


def _with_gaps(times: Any, values: Any, gap_s: float = 0.35) -> tuple[Any, Any]:
    """Put NaN into gaps, so that nothing is drawn where nothing was estimated."""
    breaks = np.flatnonzero(np.diff(times) > gap_s) + 1
    blank = np.full((len(breaks), *values.shape[1:]), np.nan)
    return np.insert(times, breaks, times[breaks - 1] + 1e-3), np.insert(
        values, breaks, blank, axis=0
    )


def _draw_errors(axis: Axes, run: Run, mean_pose_m: Joints) -> None:
    scripted = [s for span in run.spans for s in run.skeletons_in(span) if s.stamp_ns in run.truth]
    if scripted:
        times = _seconds(run, [s.stamp_ns for s in scripted])
        for errors, colour, width, label in (
            (
                mean_pose_errors_mm(run, scripted, mean_pose_m),
                "#999999",
                1.2,
                "mean-pose predictor",
            ),
            (errors_mm(run, scripted), _ERROR, 1.6, "live estimate"),
        ):
            axis.plot(*_with_gaps(times, errors), color=colour, lw=width, label=label)
    for span in run.spans:
        inside = errors_mm(run, run.skeletons_in(span))
        if np.isfinite(inside).any():
            start, end = float(_seconds(run, span.start_ns)), float(_seconds(run, span.end_ns))
            mean = float(np.nanmean(inside))
            axis.plot([start, end], [mean, mean], color=_BAD, lw=1.0, ls="--")
            axis.annotate(
                f"{mean:.0f}", (end, mean), color=_BAD, fontsize=9, ha="right", va="bottom"
            )
    axis.plot([], [], color=_BAD, lw=1.0, ls="--", label="mean of the phase")
    axis.set_ylim(bottom=0)
    axis.set_ylabel("MPJPE (mm)")
    axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), fontsize=8)
