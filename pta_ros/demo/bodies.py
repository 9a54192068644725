"""Bodies in the demo's picture: of one instant of each phase, estimates beside the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from pta_ros.demo.accuracy import scores
from pta_ros.demo.records import Estimate, Joints, Run, Span
from pta_ros.skeleton import BONES

_TRUTH: dict[str, Any] = {"color": "#444444", "lw": 4.5, "alpha": 0.45}
ESTIMATE: dict[str, Any] = {"color": "#D55E00", "lw": 1.8}
#: What is shown of a room from above: metres ahead and to a side; of a body: to a side, upwards.
_AHEAD_M, _ASIDE_M, _BESIDE_M, _HIGH_M = 5.4, 2.6, 0.95, 2.0
#: How far the camera's view is drawn, metres.
_VIEW_M = 8.0


def draw_bodies(figure: Any, run: Run) -> None:
    """Two views of one instant of each phase: from above and the front of people, else the sides"""
    chosen = instants(run)
    grid = figure.subplots(2, max(1, len(chosen)), squeeze=False)
    draw = _draw_room if run.task == "people" else _draw_skeleton
    for number, (column, (span, estimate)) in enumerate(zip(grid.T, chosen, strict=False)):
        error = scores(run, [estimate])[0]
        column[0].set_title(
            f"{span.name}, {run.seconds(estimate.stamp_ns):.1f} s\n"
            f"uses {' + '.join(estimate.used)}\n{_told(run, estimate, error)}",
            fontsize=10 if len(chosen) < 8 else 8.5,
        )
        draw(column, run, estimate, labelled=number == 0)
    handles = [Line2D([], [], label=text, **look) for text, look in
               (("ground truth", _TRUTH), ("estimate", ESTIMATE))]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=9)


def _told(run: Run, estimate: Estimate, error: float) -> str:
    if run.task == "people" and not estimate.people:
        return "nobody"
    return "somebody" if np.isnan(error) else f"{error:.0f} mm"


def instants(run: Run) -> list[tuple[Span, Estimate]]:
    """The estimate nearest to the middle of every phase that has one."""
    chosen = []
    for span in run.spans:
        middle = (span.start_ns + span.end_ns) / 2
        known = [e for e in run.within(span) if e.stamp_ns in run.truth]
        if known:
            chosen.append((span, min(known, key=lambda e: abs(e.stamp_ns - middle))))
    return chosen


def _draw_skeleton(column: Any, run: Run, estimate: Estimate, labelled: bool) -> None:
    """Above the front view, below the side view."""
    truth = run.truth[estimate.stamp_ns].joints_m
    views = ((0, "seen from the front\ny (m)", "x (m)"), (2, "seen from the side\ny (m)", "z (m)"))
    for axis, (across, side, label) in zip(column, views, strict=True):
        _bones(axis, truth, (across, 1), _TRUTH)
        _bones(axis, estimate.joints_m, (across, 1), ESTIMATE)
        centre = float(truth[0, across])
        axis.set(aspect="equal", xlim=(centre - 0.8, centre + 0.8), ylim=(1.15, -1.0))
        _label(axis, label, side if labelled else "")


def _draw_room(column: Any, run: Run, estimate: Estimate, labelled: bool) -> None:
    """Above the room from above, the robot at its lower edge; below the nearest of who is there."""
    truth = [person.joints_m for person in run.truth[estimate.stamp_ns].people]
    for axis, plane in zip(column, ((1, 0), (1, 2)), strict=True):
        for joints in truth:
            _bones(axis, joints, plane, _TRUTH)
        for person in estimate.people:
            _bones(axis, person.joints, plane, ESTIMATE)
        axis.set_aspect("equal")
    above, front = column
    low, high = run.session["floor"]
    size = high[1] - low[1], high[0] - low[0]
    above.add_patch(Rectangle((low[1], low[0]), *size, fc="#F3F3F3", ec="#999999", zorder=0))
    side = _VIEW_M * np.tan(np.deg2rad(run.session["view_deg"] / 2))
    view = [(0.0, 0.0), (side, _VIEW_M), (-side, _VIEW_M)]
    above.add_patch(Polygon(view, fc="#0072B2", alpha=0.08, lw=0, zorder=0.5))
    above.plot(0.0, 0.0, marker="^", ms=7, color="#0072B2")
    above.set(xlim=(_ASIDE_M, -_ASIDE_M), ylim=(-0.6, _AHEAD_M))
    everybody = truth + [person.joints for person in estimate.people]
    centre = min((j[0] for j in everybody), key=lambda p: np.hypot(p[0], p[1]), default=np.zeros(3))
    front.axhline(0.0, color="#999999", lw=0.8)
    front.set(xlim=(centre[1] + _BESIDE_M, centre[1] - _BESIDE_M), ylim=(-0.15, _HIGH_M))
    _label(above, "", "from above, robot and its view\nx, ahead (m)" if labelled else "")
    _label(front, "y, left (m)", "the nearest, from the front\nz (m)" if labelled else "")


def _label(axis: Axes, across: str, side: str) -> None:
    axis.set_xlabel(across, fontsize=8)
    axis.set_ylabel(side, fontsize=9)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.25)


def _bones(axis: Axes, joints_m: Joints, plane: tuple[int, int], look: dict[str, Any]) -> None:
    """A skeleton (17, 3) in the plane of two coordinates."""
    for bone in BONES:
        pair = joints_m[list(bone)]
        axis.plot(pair[:, plane[0]], pair[:, plane[1]], solid_capstyle="round", **look)
