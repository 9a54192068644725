"""Where everything lies in a recording, in which colour, and how the viewer lays it out."""

from __future__ import annotations

from collections.abc import Sequence

import rerun.blueprint as rrb

from pta_ros.frames import StreamState

#: A viewer keeps the changes that a user makes to the layout by this name.
APPLICATION = "pta_ros"

#: Entities. The world is the camera's frame: x right, y down, z forward, metres.
WORLD, CAMERA, DEPTH = "world", "world/camera", "world/camera/depth"
LIDAR = "world/lidar"
ESTIMATE, TRUTH = "world/estimate", "world/truth"
CSI = "csi"
WEIGHTS, ERROR, TIMES, STATES, REASONS = "weights", "error", "times", "states", "reasons"

#: Which entity holds a modality's newest frame.
FRAMES = {"depth": DEPTH, "lidar": LIDAR, "csi": CSI}

#: The timeline: the sensors' stamps.
TIMELINE = "stamp"

Colour = tuple[int, int, int]

MODALITY_COLOURS: dict[str, Colour] = {
    "depth": (90, 160, 235),
    "lidar": (245, 165, 60),
    "csi": (110, 200, 120),
}
LIMB_COLOURS: dict[str, Colour] = {
    "torso": (250, 220, 80),
    "right_leg": (240, 110, 70),
    "left_leg": (70, 150, 250),
    "left_arm": (90, 215, 235),
    "right_arm": (245, 100, 170),
}
TRUTH_COLOUR: Colour = (225, 225, 225)
ERROR_COLOUR: Colour = (235, 90, 80)
STATE_COLOURS: dict[StreamState, Colour] = {
    StreamState.MISSING: (110, 110, 110),
    StreamState.LIVE: (60, 160, 85),
    StreamState.STALE: (225, 165, 40),
    StreamState.CORRUPT: (215, 60, 55),
    StreamState.DISABLED: (75, 85, 120),
}

_DARK = (24, 26, 30)
# Seen from behind the camera, a little to the right: a person about three metres in front of it.
_EYE, _TARGET, _UP = (1.25, -0.55, 0.9), (0.0, 0.1, 2.9), (0.0, -1.0, 0.0)


def blueprint(
    modalities: Sequence[str], truth: bool, window_s: float | None = None
) -> rrb.Blueprint:
    """The layout for these modalities; `truth`: with a plot of the error.

    The plots show the last `window_s` seconds, all of the time without it.
    """
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Vertical(_scene(), _streams(), row_shares=[5, 2]),
            rrb.Vertical(*_sensors(modalities), *_plots(truth, _window(window_s))),
            column_shares=[3, 2],
        ),
        rrb.TimePanel(state="collapsed", timeline=TIMELINE, play_state="following"),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
    )


def _scene() -> rrb.Spatial3DView:
    # Without the depth image: as a cloud of points it would stand in front of the skeleton.
    return rrb.Spatial3DView(
        origin=WORLD,
        contents=["$origin/**", f"- /{DEPTH}"],
        name="estimate (limbs in colours), ground truth (white), LiDAR (orange)",
        background=_DARK,
        line_grid=False,
        eye_controls=rrb.EyeControls3D(position=_EYE, look_target=_TARGET, eye_up=_UP),
    )


def _streams() -> rrb.Horizontal:
    columns = rrb.TextLogColumns(text_log_columns=["Body"])
    return rrb.Horizontal(
        rrb.StateTimelineView(origin=STATES, name="state of every stream"),
        rrb.TextLogView(origin=REASONS, name="changes and their reasons", columns=columns),
        column_shares=[1, 1],
    )


def _sensors(modalities: Sequence[str]) -> list[rrb.Horizontal]:
    shown = {
        "depth": rrb.Spatial2DView(
            origin=CAMERA,
            contents=["$origin/**", f"/{ESTIMATE}/**", f"/{TRUTH}/**"],
            name="depth image",
            background=_DARK,
        ),
        "csi": rrb.Spatial2DView(
            origin=CSI,
            name="Wi-Fi amplitude by subcarrier",
            background=_DARK,
            visual_bounds=rrb.VisualBounds2D(x_range=(-0.03, 1.03), y_range=(-0.03, 0.63)),
        ),
    }
    views = [view for modality, view in shown.items() if modality in modalities]
    return [rrb.Horizontal(*views)] if views else []


def _window(seconds: float | None) -> rrb.VisibleTimeRange | None:
    if seconds is None:
        return None
    boundary = rrb.TimeRangeBoundary.cursor_relative
    return rrb.VisibleTimeRange(TIMELINE, start=boundary(seconds=-seconds), end=boundary())


def _plots(truth: bool, window: rrb.VisibleTimeRange | None) -> list[rrb.TimeSeriesView]:
    named = {WEIGHTS: "weight of every sensor", ERROR: "mean joint error (mm)"}
    named[TIMES] = "time per stage (ms)"
    if not truth:
        del named[ERROR]
    share = rrb.ScalarAxis(range=(0.0, 1.0), zoom_lock=True)
    return [
        rrb.TimeSeriesView(
            origin=origin,
            name=name,
            axis_y=share if origin == WEIGHTS else None,
            plot_legend=rrb.PlotLegend(corner="LeftTop"),
            time_ranges=window,
        )
        for origin, name in named.items()
    ]
