"""What an archive's recordings say together: of each robot, of each sensor, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pta_ros.evaluation.archive.result import BAD, GOOD, Figure, Result, SensorResult


@dataclass(frozen=True)
class Row:
    """One recording: with its result, or `failed` in words, or neither: it was not evaluated yet.

    `name` is what it is called, `shown` the same as short as it is clear. `folder` is that of its
    report, relative to the summary. `robot` is its own; empty: not known.
    """

    name: str
    shown: str
    folder: str
    robot: str
    result: Result | None = None
    failed: str = ""

    @property
    def state(self) -> str:
        """`evaluated`, `failed` or `open`."""
        return "evaluated" if self.result else "failed" if self.failed else "open"


@dataclass(frozen=True)
class SensorTotal:
    """One sensor over `recordings` that should have it; times in hours, `out` of them `watched`.

    `state_h` are hours in each state, `lost_h` those in which it gave nothing of use. It never
    delivered in `silent` recordings, and the topic is missing in `absent` of these.
    """

    modality: str
    recordings: int
    with_outage: int
    silent: int
    absent: int
    watched_h: float
    lost_h: float
    left_out_h: float
    state_h: dict[str, float]
    outages: int
    contradictions: int
    received: int
    refused: int

    @property
    def lost(self) -> float | None:
        """Share of the time in which it gave nothing of use."""
        return self.lost_h / self.watched_h if self.watched_h > 0 else None

    @property
    def outages_per_h(self) -> float | None:
        """How often it stopped working, an hour."""
        return self.outages / self.watched_h if self.watched_h > 0 else None


@dataclass(frozen=True)
class RobotTotal:
    """One robot: its recordings, those that failed, hours and estimates of the others.

    `judged` are its means against ground truth, one for each kind; `lost` is the share of its
    sensors' time that gave nothing of use, `sensors` by modality.
    """

    robot: str
    recordings: int
    failed: int
    hours: float
    estimates: int
    judged: tuple[Figure, ...]
    lost: float | None
    sensors: dict[str, SensorTotal]


@dataclass(frozen=True)
class Summary:
    """The whole archive: `rows` worst first, `robots` and `sensors` worst first, too."""

    rows: tuple[Row, ...]
    robots: tuple[RobotTotal, ...]
    sensors: tuple[SensorTotal, ...]


def summarise(rows: Sequence[Row]) -> Summary:
    """Put together what the recordings say."""
    own = own_sensors(rows)
    by_robot: dict[str, list[Row]] = {}
    for row in rows:
        by_robot.setdefault(row.robot, []).append(row)
    robots = [_robot(robot, mine, own) for robot, mine in by_robot.items()]
    names = list(dict.fromkeys(m for row in rows if row.result for m in _modalities(row.result)))
    sensors = [total for name in names if (total := _sensor(name, rows, own)).recordings]
    return Summary(
        rows=tuple(sorted(rows, key=lambda row: _order(row, own))),
        robots=tuple(sorted(robots, key=lambda one: (-(one.lost or 0.0), one.robot))),
        sensors=tuple(sorted(sensors, key=lambda one: -(one.lost or 0.0))),
    )


def own_sensors(rows: Iterable[Row]) -> dict[str, set[str]]:
    """Which sensors each robot has: those that any of its recordings has a topic of.

    Of recordings whose robot is not known each counts by itself, under its name.
    """
    found: dict[str, set[str]] = {}
    for row in rows:
        for one in row.result.sensors if row.result else ():
            if one.topic:
                found.setdefault(_owner(row), set()).add(one.modality)
    return found


def lost(row: Row, own: dict[str, set[str]]) -> float | None:
    """The measure by which recordings are worst: the share of its sensors' time that is lost.

    The mean over the robot's own sensors of the time in which they were MISSING, STALE or CORRUPT,
    or left out as they contradicted the others. None of one that has no result.
    """
    mine = counted(row, own)
    watched = sum(one.watched_s for one in mine)
    return sum(one.lost_s for one in mine) / watched if watched > 0 else None


def counted(row: Row, own: dict[str, set[str]]) -> list[SensorResult]:
    """The sensors of a recording that its robot has."""
    sensors = row.result.sensors if row.result else ()
    return [one for one in sensors if one.modality in own.get(_owner(row), ())]


def _owner(row: Row) -> str:
    return row.robot or f"/{row.name}"


def _modalities(result: Result) -> list[str]:
    return [one.modality for one in result.sensors]


def _order(row: Row, own: dict[str, set[str]]) -> tuple[int, float, str]:
    """Failed ones, those without an estimate, then by the measure; what is open comes last."""
    result = row.result
    if result is None:
        return (0 if row.failed else 3, 0.0, row.name)
    return (1 if not result.estimates else 2, -(lost(row, own) or 0.0), row.name)


def _robot(robot: str, rows: Sequence[Row], own: dict[str, set[str]]) -> RobotTotal:
    results = [row.result for row in rows if row.result]
    names = list(dict.fromkeys(m for result in results for m in _modalities(result)))
    totals = {name: _sensor(name, rows, own) for name in names}
    watched = sum(one.watched_h for one in totals.values())
    return RobotTotal(
        robot=robot,
        recordings=len(rows),
        failed=sum(bool(row.failed) for row in rows),
        hours=sum(result.duration_s for result in results) / 3600,
        estimates=sum(result.estimates for result in results),
        judged=_judged(results),
        lost=sum(one.lost_h for one in totals.values()) / watched if watched > 0 else None,
        sensors={name: one for name, one in totals.items() if one.recordings},
    )


def _judged(results: Iterable[Result]) -> tuple[Figure, ...]:
    """Means over all estimates with ground truth, of each kind of figure."""
    kinds: dict[tuple[str, str], list[Figure]] = {}
    for result in results:
        if result.judged:
            kinds.setdefault((result.judged.name, result.judged.unit), []).append(result.judged)
    return tuple(
        Figure(name, unit, sum(f.value * f.estimates for f in found) / count, count)
        for (name, unit), found in kinds.items()
        if (count := sum(f.estimates for f in found))
    )


def _sensor(modality: str, rows: Iterable[Row], own: dict[str, set[str]]) -> SensorTotal:
    mine = [one for row in rows for one in counted(row, own) if one.modality == modality]
    states = (*GOOD, *BAD)
    return SensorTotal(
        modality=modality,
        recordings=len(mine),
        with_outage=sum(one.outages > 0 for one in mine),
        silent=sum(bool(one.why) for one in mine),
        absent=sum(not one.topic for one in mine),
        watched_h=sum(one.watched_s for one in mine) / 3600,
        lost_h=sum(one.lost_s for one in mine) / 3600,
        left_out_h=sum(one.left_out_s for one in mine) / 3600,
        state_h={s: sum(one.state_s.get(s, 0.0) for one in mine) / 3600 for s in states},
        outages=sum(one.outages for one in mine),
        contradictions=sum(one.contradictions for one in mine),
        received=sum(one.received for one in mine),
        refused=sum(one.refused for one in mine),
    )
