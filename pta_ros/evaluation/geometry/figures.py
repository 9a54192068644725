"""From rows to figures: error and coverage of a group of people, and who is found at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pta_ros.datasets.setting import HEIGHTS_M, between, interval_of
from pta_ros.evaluation.geometry.collect import FrameRow, PersonRow

Figures = dict[str, Any]

PITCHES_DEG = (-90.0, -10.0, 0.0, 10.0, 90.0)
DISTANCES_M = (0.0, 1.5, 2.5, 3.5, 4.5, 20.0)
IN_SIGHT = (0.0, 7.0, 10.0, 13.0, 18.0)
FACINGS_DEG = {"away": (0.0, 45.0), "sideways": (45.0, 135.0), "towards": (135.0, 181.0)}


def _binned(
    bins: dict[str, tuple[float, float]], value: Callable[[PersonRow], float]
) -> Callable[[PersonRow], str]:
    return lambda row: interval_of(value(row), bins)


_HEIGHTS, _PITCHES = between(HEIGHTS_M, "m"), between(PITCHES_DEG, "deg")
_DISTANCES, _IN_SIGHT = between(DISTANCES_M, "m"), between(IN_SIGHT, "joints")
_BACKGROUND = {None: "", False: "a room", True: "removed"}
#: Attribute -> the group's name of a row (empty: not known), and the groups in order (None: sorted
#: by name).
ATTRIBUTES: dict[str, tuple[Callable[[PersonRow], str], list[str] | None]] = {
    "camera": (lambda row: row.setting.camera, None),
    "LiDAR": (lambda row: row.setting.lidar, None),
    "height of the camera": (_binned(_HEIGHTS, lambda r: r.setting.height_m), list(_HEIGHTS)),
    "pitch of the camera": (_binned(_PITCHES, lambda r: r.setting.pitch_deg), list(_PITCHES)),
    "distance": (_binned(_DISTANCES, lambda r: r.distance_m), list(_DISTANCES)),
    "heading": (_binned(FACINGS_DEG, lambda r: r.facing_deg), list(FACINGS_DEG)),
    "joints in sight": (_binned(_IN_SIGHT, lambda r: float(r.sight.sum())), list(_IN_SIGHT)),
    "people in the room": (lambda row: str(row.setting.people), None),
    "background": (lambda row: _BACKGROUND[row.setting.bare], ["a room", "removed"]),
}


def of_people(rows: Iterable[PersonRow]) -> Figures:
    """Figures of some people: errors are means over joints, coverages shares of coordinates.

    None where there is nothing to measure; who was not found has no error.
    """
    rows = list(rows)
    if not rows:
        return {"people": 0, "found": None}
    error, ratio = np.array([r.error_mm for r in rows]), np.array([r.ratio for r in rows])
    sight, found = np.array([r.sight for r in rows]), np.array([r.found for r in rows])
    out: Figures = {"people": len(rows), "found": float(found.mean())}
    everything = np.broadcast_to(found[:, None], sight.shape)
    for name, kept in (("in_sight", sight & everything), ("all", everything)):
        own, share = error[kept], ratio[kept]
        out[f"{name}_mm"] = float(own.mean()) if len(own) else None
        out[f"{name}_median_mm"] = float(np.median(own)) if len(own) else None
        for sigma in (1, 2):
            covered = float((share <= sigma).mean()) if len(own) else None
            out[f"{name}_coverage_{sigma}"] = covered
    return out


def of_attribute(rows: Sequence[PersonRow], attribute: str) -> dict[str, Figures]:
    """Figures of each group of an attribute, in order; groups without anybody are left out."""
    name, order = ATTRIBUTES[attribute]
    groups: dict[str, list[PersonRow]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    groups.pop("", None)
    return {group: of_people(groups[group]) for group in order or sorted(groups) if group in groups}


def of_rooms(rows: Sequence[PersonRow]) -> Figures:
    """How much rooms differ: percentiles over scenes of the mean error of joints in sight."""
    rooms: dict[str, list[float]] = {}
    for row in rows:
        own = row.error_mm[row.sight & np.isfinite(row.error_mm)]
        if len(own):
            rooms.setdefault(row.setting.scene, []).extend(own.tolist())
    means = [float(np.mean(own)) for own in rooms.values()]
    if not means:
        return {"rooms": 0}
    shares = {f"p{p}_mm": float(np.percentile(means, p)) for p in (10, 50, 90)}
    return {"rooms": len(means), **shares}


def of_additions(rows: Sequence[PersonRow]) -> Figures:
    """What the second sensor costs those whom the first one sees: contamination, per sensor.

    `people`, the shares of them `found_alone` and `found_both`, and of those found both ways the
    mean error (mm) over the joints that this sensor sees, and its rise by the other sensor, a share
    (negative: it helps). `hidden`: the same of those whom the other sensor does not see.
    """
    sets: dict[str, dict[tuple[str, int, int], PersonRow]] = {}
    for row in rows:
        sets.setdefault(row.sensors, {})[row.setting.scene, row.number, row.who] = row
    both, out = sets.get("depth + LiDAR", {}), {}
    for alone, other in (("depth", "LiDAR"), ("LiDAR", "depth")):
        pairs = {key: (row, both[key]) for key, row in sets.get(alone, {}).items() if key in both}
        hidden = [pair for key, pair in pairs.items() if key not in sets.get(other, {})]
        if pairs:
            out[alone] = {**_addition([*pairs.values()]), "hidden": _addition(hidden)}
    return out


def _addition(pairs: Sequence[tuple[PersonRow, PersonRow]]) -> Figures:
    """Figures of people by one sensor, and by both."""
    twice = [pair for pair in pairs if pair[0].found and pair[1].found]
    sight = np.array([row.sight for row, _ in twice])
    out: Figures = {"people": len(pairs), "rise": None}
    for n, way in enumerate(("alone", "both")):
        out[f"found_{way}"] = _share([pair[n].found for pair in pairs])
        own = np.array([pair[n].error_mm for pair in twice])
        out[f"{way}_mm"] = float(own[sight].mean()) if twice else None
    if twice:
        out["rise"] = out["both_mm"] / out["alone_mm"] - 1
    return out


def of_presence(people: Sequence[PersonRow], frames: Sequence[FrameRow]) -> Figures:
    """Who is found, who is found where nobody is, and how often the number is right."""
    empty = [frame for frame in frames if frame.setting.people == 0]
    others = [frame for frame in frames if frame.setting.people > 0]
    out: Figures = {
        "people": len(people),
        "found": _share([row.found for row in people]),
        "empty_frames": len(empty),
        "empty_with_somebody": _share([frame.estimates > 0 for frame in empty]),
        "false_per_empty_frame": _share([frame.false for frame in empty]),
        "false_per_other_frame": _share([frame.false for frame in others]),
    }
    for count in range(4):
        own = [frame for frame in frames if frame.expected == count]
        out[f"frames_of_{count}"] = len(own)
        out[f"right_of_{count}"] = _share([frame.estimates == count for frame in own])
    return out


def _share(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
