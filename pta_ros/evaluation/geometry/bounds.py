"""What a model of people must hold on the wide world's test split (synthetic)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from pta_ros.evaluation.geometry import figures
from pta_ros.evaluation.geometry.collect import SENSORS, FrameRow, PersonRow
from pta_ros.metrics.bound import Bound, at_least, at_most

#: Mean error of joints in sight, mm, at these distances; and all joints, as a multiple.
_LARGEST_MM = {"depth": 60.0, "LiDAR": 75.0, "depth + LiDAR": 50.0}
_NEAR_M, _FAR_M, _ALL = 1.0, 5.0, 1.5
#: A cell of these tables against their median cell.
_GEOMETRY = ("camera", "height of the camera", "pitch of the camera")
_CELL = 1.25
#: Cells of fewer people say nothing.
_LEAST = 20
_FOUND, _EMPTY, _RIGHT = 0.98, 0.005, 0.95
_ONE_SIGMA, _TWO_SIGMA = (0.60, 0.76), 0.88
_RISE = 0.01


def bounds_of(
    people: Sequence[PersonRow], frames: Sequence[FrameRow], found: dict[str, Any]
) -> list[Bound]:
    """All bounds, of refined features; `found`: page.tables of the same rows."""
    out: list[Bound] = []
    for sensors in SENSORS:
        out += _errors(sensors, [row for row in people if row.refined and row.sensors == sensors])
    out += [_worst_cell(sensors, found["attributes"]) for sensors in ("depth", "depth + LiDAR")]
    for sensors in SENSORS:
        own = [frame for frame in frames if frame.refined and frame.sensors == sensors]
        out += _presence(sensors, found["presence"][sensors], own)
    out += _coverage(found)
    for alone, one in found["additions"].items():
        out += _addition(alone, one)
    return out


def _addition(alone: str, one: dict[str, Any]) -> Iterator[Bound]:
    yield at_most(f"adding to {alone}", one["rise"], _RISE, "of the error alone")
    hidden = one["hidden"]
    fewer = hidden["found_alone"] - hidden["found_both"] if hidden["people"] else None
    worse = f"adding to {alone}: error of whom the other does not see"
    few = f"{hidden['people']} people"
    yield at_most(worse, hidden["rise"], _RISE, "of the error alone", few)
    yield at_most(
        f"adding to {alone}: fewer of whom the other does not see", fewer, _RISE, where=few
    )


def _errors(sensors: str, rows: list[PersonRow]) -> Iterator[Bound]:
    near = figures.of_people(r for r in rows if _NEAR_M <= r.distance_m <= _FAR_M)
    limit = _LARGEST_MM[sensors]
    at = f"{_NEAR_M:g} to {_FAR_M:g} m"
    yield at_most(f"{sensors}: joints in sight, {at}", near.get("in_sight_mm"), limit, "mm")
    yield at_most(f"{sensors}: all joints, {at}", near.get("all_mm"), _ALL * limit, "mm")


def _worst_cell(sensors: str, attributes: dict[str, Any]) -> Bound:
    """The worst cell of lens, height and pitch over the median of them."""
    cells = {
        f"{attribute} {name}": one["in_sight_mm"]
        for attribute in _GEOMETRY
        for name, one in attributes[attribute][sensors].items()
        if one["people"] >= _LEAST and one.get("in_sight_mm")
    }
    worst = max(cells, key=lambda name: cells[name], default="")
    value = cells[worst] / median(cells.values()) if cells else None
    return at_most(f"{sensors}: worst lens, height or pitch", value, _CELL, "x the median", worst)


def _presence(sensors: str, one: dict[str, Any], frames: list[FrameRow]) -> Iterator[Bound]:
    counted = [f for f in frames if f.expected is not None and f.expected <= 3]
    right = [frame.estimates == frame.expected for frame in counted]
    share = sum(right) / len(right) if right else None
    yield at_least(f"{sensors}: people found", one["found"], _FOUND)
    yield at_most(f"{sensors}: somebody in empty frames", one["empty_with_somebody"], _EMPTY)
    yield at_least(f"{sensors}: right number, 0 to 3", share, _RIGHT)


def _coverage(found: dict[str, Any]) -> Iterator[Bound]:
    """The worst group of any attribute, of joints in sight, by set of sensors."""
    for sensors in SENSORS:
        groups = {
            f"{attribute} {name}": one
            for attribute, sets in found["attributes"].items()
            for name, one in sets.get(sensors, {}).items()
            if one["people"] >= _LEAST and one.get("in_sight_coverage_1") is not None
        }
        ones = {name: one["in_sight_coverage_1"] for name, one in groups.items()}
        twos = {name: one["in_sight_coverage_2"] for name, one in groups.items()}
        least, most = (f(ones, key=ones.__getitem__, default="") for f in (min, max))
        lowest = min(twos, key=twos.__getitem__, default="")
        low, high = _ONE_SIGMA
        yield at_least(f"{sensors}: least within 1 σ", ones.get(least), low, "", least)
        yield at_most(f"{sensors}: most within 1 σ", ones.get(most), high, "", most)
        yield at_least(f"{sensors}: least within 2 σ", twos.get(lowest), _TWO_SIGMA, "", lowest)
