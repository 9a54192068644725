"""The archive's page: robots, sensors and recordings, the worst first, in the report's style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from jinja2 import Environment

from pta_ros.evaluation.archive.result import BAD, Figure, SensorResult
from pta_ros.evaluation.archive.summary import (
    Row,
    SensorTotal,
    Summary,
    counted,
    lost,
    own_sensors,
    summarise,
)
from pta_ros.evaluation.report import charts, numerals
from pta_ros.evaluation.report.page import environment
from pta_ros.evaluation.report.scores import EMPTY, LIVE
from pta_ros.frames import StreamState

#: Width of a sensor's bar, whose parts are its states' shares of the time.
BAR_WIDTH = 110.0
#: The report's pattern for what is LIVE and left out.
_LEFT_OUT = "fault injected"
_DISABLED = StreamState.DISABLED.name


@dataclass(frozen=True)
class About:
    """What the page says of itself. `synthetic`: the model was trained on synthetic data.

    `interrupted`: the run ended before all was evaluated.
    """

    name: str
    command: str
    model: str
    synthetic: bool
    settings: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False


class Piece(NamedTuple):
    """A part of a bar: from `x`, `width` wide, filled, and what it is in words."""

    x: float
    width: float
    fill: str
    told: str


def archive_page(rows: list[Row], about: About) -> str:
    """The whole page; it is one file and shows without scripts or network."""
    summary, own = summarise(rows), own_sensors(rows)
    made = environment("pta_ros.evaluation.archive")
    made.filters |= {"hours": _hours, "judged": _judged}
    return _rendered(made, summary, about, own)


def _rendered(made: Environment, summary: Summary, about: About, own: dict[str, set[str]]) -> str:
    rows = summary.rows
    return made.get_template("archive.html.j2").render(
        about=about, bar=bar, bar_width=BAR_WIDTH, link=_link, summary=summary,
        counted=partial(counted, own=own), lost=partial(lost, own=own),
        modalities=[m for m in _modalities(rows) if m in {one.modality for one in summary.sensors}],
        failed=[row for row in rows if row.failed],
        open=[row for row in rows if row.state == "open"],
        done=[row for row in rows if row.result],
        missed=[row for row in rows if row.result and row.result.missed],
        data_synthetic=any(row.result and row.result.synthetic for row in rows),
        truth=any(row.result and row.result.judged for row in rows),
        states=("MISSING", "STALE", "CORRUPT", "EMPTY", "DISABLED"),
        left_out=charts.fill(_LEFT_OUT),
    )  # fmt: skip


def _modalities(rows: Iterable[Row]) -> list[str]:
    """The sensors' names, in the order of the models' own."""
    return list(dict.fromkeys(s.modality for row in rows if row.result for s in row.result.sensors))


def bar(one: SensorResult | SensorTotal) -> list[Piece]:
    """A sensor's time as a bar: LIVE, LIVE and left out, then the other states."""
    single = isinstance(one, SensorResult)
    times = one.state_s if isinstance(one, SensorResult) else one.state_h
    out = one.left_out_s if isinstance(one, SensorResult) else one.left_out_h
    parts = {f"{one.modality} LIVE": times.get(LIVE, 0.0) - out, _LEFT_OUT: out}
    parts |= {state: times.get(state, 0.0) for state in (EMPTY, *reversed(BAD), _DISABLED)}
    whole, x, found = sum(parts.values()), 0.0, []
    for what, time in parts.items():
        if time > 0 and whole > 0:
            width = BAR_WIDTH * time / whole
            name = "left out, as it contradicted the others" if what == _LEFT_OUT else what
            spent = numerals.clock(time if single else 3600 * time)
            told = f"{name}: {numerals.percent(time / whole)}, {spent}"
            found.append(Piece(round(x, 2), round(width, 2), charts.fill(what), told))
            x += width
    return found


def _link(row: Row) -> str:
    """Where a recording's own report lies, from the page."""
    return quote(f"{row.folder}/report.html", errors="surrogateescape")


def _hours(hours: float) -> str:
    """A time in hours, short ones in minutes or seconds."""
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.0f} s"


def _judged(found: Figure | None) -> str:
    return numerals.NONE if found is None else f"{numerals.figure(found.value)} {found.unit}"
