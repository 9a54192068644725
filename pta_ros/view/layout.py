"""How everything looks: entities and colours, pictures of readings, and the viewer's layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

from pta_ros.frames import FloatArray, StreamState
from pta_ros.sensors import SENSORS, DepthSensor

#: A viewer keeps the changes that a user makes to the layout by this name.
APPLICATION = "pta_ros"

#: Entities. The world is the camera's frame: x right, y down, z forward, metres.
WORLD, CAMERA = "world", "world/camera"
ESTIMATE, TRUTH = "world/estimate", "world/truth"
WEIGHTS, ERROR, TIMES, STATES, REASONS = "weights", "error", "times", "states", "reasons"
#: Who is there, in words.
PEOPLE = "people"

#: Where the pictures of each kind lie (see Sensor.picture).
_FOLDERS = {"image": f"{CAMERA}/", "points": f"{WORLD}/", "lines": ""}

#: The timeline: the sensors' stamps.
TIMELINE = "stamp"

Colour = tuple[int, int, int]

LIMB_COLOURS: dict[str, Colour] = {
    "torso": (250, 220, 80),
    "right_leg": (240, 110, 70),
    "left_leg": (70, 150, 250),
    "left_arm": (90, 215, 235),
    "right_arm": (245, 100, 170),
}
#: Of the people by number; of Okabe and Ito, as the markers for RViz.
PEOPLE_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0),
    (204, 121, 167),
)  # fmt: skip
TRUTH_COLOUR: Colour = (225, 225, 225)
ERROR_COLOUR: Colour = (235, 90, 80)
STATE_COLOURS: dict[StreamState, Colour] = {
    StreamState.MISSING: (110, 110, 110),
    StreamState.LIVE: (60, 160, 85),
    StreamState.STALE: (225, 165, 40),
    StreamState.CORRUPT: (215, 60, 55),
    StreamState.DISABLED: (75, 85, 120),
    StreamState.EMPTY: (120, 190, 205),
}

_DARK = (24, 26, 30)
_OTHER: Colour = (153, 153, 153)
_POINT_M = 0.008
_MM = 1000.0  # per metre
#: The camera's intrinsics are given for an image of this width.
_FULL_WIDTH = 640
# Seen from behind the camera, a little to the right: a person about three metres in front of it.
_EYE, _TARGET, _UP = (1.25, -0.55, 0.9), (0.0, 0.1, 2.9), (0.0, -1.0, 0.0)


def picture(modality: str) -> str:
    """The kind of picture that is drawn of a sensor's readings; empty when none is."""
    return SENSORS[modality].picture if modality in SENSORS else ""


def entity(modality: str) -> str:
    """The entity that holds the newest picture of a sensor that has one."""
    return f"{_FOLDERS[picture(modality)]}{modality}"


def colour(modality: str) -> Colour:
    """The colour of a sensor."""
    if modality not in SENSORS:
        return _OTHER
    red, green, blue = bytes.fromhex(SENSORS[modality].colour.removeprefix("#"))
    return red, green, blue


def lens(height: int, width: int) -> rr.Pinhole:
    """The depth camera for an image of this size, however much it was shrunk."""
    scale = width / _FULL_WIDTH
    camera = DepthSensor
    return rr.Pinhole(
        resolution=(width, height),
        focal_length=(camera.fx * scale, camera.fy * scale),
        principal_point=((camera.cx + 0.5) * scale - 0.5, (camera.cy + 0.5) * scale - 0.5),
        camera_xyz=rr.ViewCoordinates.RDF,
        image_plane_distance=0.4,
    )


def _image(metres: FloatArray, _colour: Colour) -> rr.DepthImage:
    # Whole millimetres: a quarter of the size in a file, and 0 still is no return.
    pixels = np.rint(metres * _MM).astype(np.uint16)
    near_far = (DepthSensor.min_m * _MM, DepthSensor.max_m * _MM)
    return rr.DepthImage(pixels, meter=_MM, colormap="viridis", depth_range=near_far)


def _points(points_m: FloatArray, colour: Colour) -> rr.Points3D:
    return rr.Points3D(points_m, radii=_POINT_M, colors=colour)


def _lines(amplitude: FloatArray, colour: Colour) -> rr.LineStrips2D:
    """One line per antenna: the packets' mean (antennas, subcarriers), upwards, 1 wide."""
    mean = amplitude.mean(axis=2)
    across = np.linspace(0.0, 1.0, mean.shape[1])
    down = 0.6 * (mean.max() - mean) / (float(np.ptp(mean)) or 1.0)
    lines = [np.stack([across, row], axis=1) for row in down]
    full = np.array(colour)
    shades = [(full * share).astype(np.uint8) for share in np.linspace(1.0, 0.5, len(lines))]
    return rr.LineStrips2D(lines, colors=shades, radii=0.003)


_DRAWN = {"image": _image, "points": _points, "lines": _lines}


def drawn(modality: str, reading: FloatArray) -> rr.AsComponents:
    """The picture of a reduced reading, of a sensor that has one (see Sensor.picture)."""
    return _DRAWN[picture(modality)](reading, colour(modality))


def blueprint(
    modalities: Sequence[str], truth: bool, window_s: float | None = None, people: bool = False
) -> rrb.Blueprint:
    """The layout for these modalities; `truth`: with a plot of the error; `people`: who is there.

    The plots show the last `window_s` seconds, all of the time without it.
    """
    return rrb.Blueprint(
        rrb.Horizontal(
            rrb.Vertical(_scene(modalities), _streams(people), row_shares=[5, 2]),
            rrb.Vertical(*_sensors(modalities), *_plots(truth, _window(window_s))),
            column_shares=[3, 2],
        ),
        rrb.TimePanel(state="collapsed", timeline=TIMELINE, play_state="following"),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
    )


def _scene(modalities: Sequence[str]) -> rrb.Spatial3DView:
    # Without the images: as clouds of points they would stand in front of the skeleton.
    images = [f"- /{entity(m)}" for m in modalities if picture(m) == "image"]
    return rrb.Spatial3DView(
        origin=WORLD,
        contents=["$origin/**", *images],
        name="estimate (limbs in colours), ground truth (white), LiDAR (orange)",
        background=_DARK,
        line_grid=False,
        eye_controls=rrb.EyeControls3D(position=_EYE, look_target=_TARGET, eye_up=_UP),
    )


def _streams(people: bool) -> rrb.Horizontal:
    columns = rrb.TextLogColumns(text_log_columns=["Body"])
    who = [rrb.TextDocumentView(origin=PEOPLE, name="who is there")] if people else []
    return rrb.Horizontal(
        *who,
        rrb.StateTimelineView(origin=STATES, name="state of every stream"),
        rrb.TextLogView(origin=REASONS, name="changes and their reasons", columns=columns),
        column_shares=[1] * (2 + len(who)),
    )


def _sensors(modalities: Sequence[str]) -> list[rrb.Horizontal]:
    views = [_flat(modality) for modality in modalities if picture(modality) in ("image", "lines")]
    return [rrb.Horizontal(*views)] if views else []


def _flat(modality: str) -> rrb.Spatial2DView:
    if picture(modality) == "image":
        return rrb.Spatial2DView(
            origin=CAMERA,
            contents=["$origin/**", f"/{ESTIMATE}/**", f"/{TRUTH}/**"],
            name=f"{modality} image",
            background=_DARK,
        )
    return rrb.Spatial2DView(
        origin=entity(modality),
        name=f"{modality}: amplitude by subcarrier",
        background=_DARK,
        visual_bounds=rrb.VisualBounds2D(x_range=(-0.03, 1.03), y_range=(-0.03, 0.63)),
    )


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
