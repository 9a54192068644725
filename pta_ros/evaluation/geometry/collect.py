"""One pass over frames of the wide world: a row per person, per frame, per set of sensors.

The search runs as it does live, without tracks; a person is found when an estimate's centre lies
within 0.3 m of the true one, seen from above. Sensors' poses are those of the calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.people import visible
from pta_ros.datasets.setting import Setting, setting_of
from pta_ros.datasets.wide import Clip
from pta_ros.fusion.people import PeopleEstimator, Person
from pta_ros.metrics.presence import expected_count, match
from pta_ros.model.freeze import Frozen
from pta_ros.people.centred import trunk
from pta_ros.people.readings import Readings

Array = NDArray[np.float64]

#: Sets of sensors that are measured, and the columns of `sight` and `counts` that each has.
SENSORS: dict[str, tuple[int, ...]] = {"depth": (0,), "LiDAR": (1,), "depth + LiDAR": (0, 1)}
_LEFT_SHOULDER, _RIGHT_SHOULDER = 11, 14


@dataclass(frozen=True, eq=False)
class PersonRow:
    """A person whom the sensors see: number `who` of the clip's frame `number`.

    `error_mm` (17,), NaN where not found; `ratio` (17, 3): coordinates' errors over their
    deviation; `sight` (17,): joints that a sensor sees; `facing_deg`: 0 looks away from the
    sensor, 180 at it.
    """

    setting: Setting
    number: int
    who: int
    sensors: str
    refined: bool
    distance_m: float
    facing_deg: float
    found: bool
    error_mm: Array
    ratio: Array
    sight: NDArray[np.bool_]


@dataclass(frozen=True)
class FrameRow:
    """A frame: estimates near nobody (`false`), estimates in all, and how many people can be
    expected: those clearly visible, None where somebody is half hidden or too near another."""

    setting: Setting
    sensors: str
    refined: bool
    false: int
    estimates: int
    expected: int | None


def collect(
    folders: Sequence[Path], estimator: PeopleEstimator, progress: Callable[[int, int], None]
) -> tuple[list[PersonRow], list[FrameRow]]:
    """The rows of all these clips, refined and plain features each."""
    ways = {refined: replace(estimator, refine=refined) for refined in (True, False)}
    graphs: Frozen = {}  # of the same parts either way
    for way in ways.values():
        way.quicken(graphs=graphs)
    people: list[PersonRow] = []
    frames: list[FrameRow] = []
    for done, folder in enumerate(folders, start=1):
        clip = Clip.open(folder)
        for number in range(len(clip.people)):
            for own, frame in _rows(clip, number, ways):
                people += own
                frames.append(frame)
        progress(done, len(folders))
    return people, frames


def _rows(
    clip: Clip, number: int, ways: dict[bool, PeopleEstimator]
) -> Iterator[tuple[list[PersonRow], FrameRow]]:
    readings, setting = clip.readings(number), setting_of(clip)
    truth = clip.people[number].astype(np.float64)
    for sensors, columns in SENSORS.items():
        given = Readings(
            depth=readings.depth if 0 in columns else None,
            lidar=readings.lidar if 1 in columns else None,
        )
        sight = clip.sight[number][list(columns)].any(axis=0)
        counts = clip.counts[number][list(columns)]
        seen = visible(clip)[number][:, list(columns)].any(axis=1)
        expected = expected_count(truth, sight, counts.sum(axis=0))
        eye = np.zeros(3) if (first := given.depth or given.lidar) is None else first.place
        for refined, estimator in ways.items():
            found = estimator(given)
            pairs = match(truth, found)
            rows = [
                _person(
                    setting,
                    (number, who, sensors, refined),
                    truth[who],
                    sight[who],
                    eye,
                    pairs.get(who),
                )
                for who in np.flatnonzero(seen).tolist()
            ]
            false = len(found) - len(pairs)
            yield rows, FrameRow(setting, sensors, refined, false, len(found), expected)


def _person(
    setting: Setting, about: tuple[int, int, str, bool], truth: Array, sight: NDArray[np.bool_],
    eye: Array, found: Person | None,
) -> PersonRow:  # fmt: skip
    ray = (trunk(truth) - eye)[:2]
    distance = float(np.hypot(*ray))
    left = (truth[_LEFT_SHOULDER] - truth[_RIGHT_SHOULDER])[:2]
    ahead = np.array([left[1], -left[0]]) / max(float(np.hypot(*left)), 1e-6)
    facing = float(np.rad2deg(np.arccos(np.clip(ahead @ ray / max(distance, 1e-6), -1, 1))))
    error, ratio = np.full(17, np.nan), np.full((17, 3), np.nan)
    if found is not None:
        away = found.joints - truth
        error = 1000.0 * np.linalg.norm(away, axis=1)
        ratio = np.abs(away) / found.deviation_m[:, None]
    return PersonRow(setting, *about, distance, facing, found is not None, error, ratio, sight)
