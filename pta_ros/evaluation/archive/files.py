"""The files of an archive's summary: a page for people, a table for programs."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pta_ros.datasets.alone import alone_in
from pta_ros.errors import ConfigError
from pta_ros.evaluation.archive.page import About, archive_page
from pta_ros.evaluation.archive.result import BAD, SensorResult
from pta_ros.evaluation.archive.run import REPORTS
from pta_ros.evaluation.archive.summary import Row, counted, lost, own_sensors
from pta_ros.evaluation.report.scores import EMPTY, LIVE

PAGE, TABLE = "archive.html", "archive.csv"
_STATES = (LIVE, EMPTY, *BAD)


@contextmanager
def kept_archive(out: Path) -> Iterator[None]:
    """Keep a folder for this run. Raises ConfigError when it cannot be written, when another run
    keeps it, or when it has files of an archive's names that come from something else."""
    with alone_in(out):
        strange = [out / name for name in (PAGE, TABLE) if (out / name).exists()]
        if strange and not (out / REPORTS).is_dir():
            told = f"{strange[0]} is not of an archive's summary"
            raise ConfigError(f"{told}; choose another folder, or remove it")
        yield


def write_archive(out: Path, rows: list[Row], about: About) -> Path:
    """Write both files in place of older ones, each whole; returns the page's path.

    Raises ConfigError where there is no room.
    """
    try:
        (out / REPORTS).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".new-") as aside:
            page = archive_page(rows, about)  # with names that may be no UTF-8
            (Path(aside) / PAGE).write_text(page, encoding="utf-8", errors="replace")
            _write_table(Path(aside) / TABLE, rows)
            for name in (TABLE, PAGE):
                os.replace(Path(aside) / name, out / name)
    except OSError as error:
        told = f"{out}: {error.strerror}; expected room for the summary: the same command makes it"
        raise ConfigError(told) from error
    return out / PAGE


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    """A line for each recording, by name; what is not known is empty."""
    own = own_sensors(rows)
    lines = [_line(row, own) for row in rows]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def _line(row: Row, own: dict[str, set[str]]) -> dict[str, Any]:
    result, share = row.result, lost(row, own)
    mine = counted(row, own)
    figure = result.judged if result else None
    line = {
        "recording": row.name, "robot": row.robot, "state": row.state, "reason": row.failed,
        "duration_s": result and result.duration_s, "estimates": result and result.estimates,
        "rate_hz": result and result.rate_hz, "silent_s": result and result.silent_s,
        "figure": figure and figure.name, "unit": figure and figure.unit,
        "value": figure and figure.value, "judged_estimates": figure and figure.estimates,
        "lost_percent": _percent(share),
        "outages": result and sum(one.outages for one in mine),
        "contradictions": result and sum(one.contradictions for one in mine),
        "refused": result and sum(one.refused for one in mine),
        "plans": result and result.plans, "missed": result and " ".join(result.missed),
        "report": f"{row.folder}/report.html" if result else "",
    }  # fmt: skip
    for one in result.sensors if result else ():
        line |= _of_sensor(one)
    return {name: "" if value is None else value for name, value in line.items()}


def _of_sensor(one: SensorResult) -> dict[str, Any]:
    whole = sum(one.state_s.values())
    shares = {
        f"{one.modality}_{state.lower()}_percent": _percent(one.state_s.get(state, 0.0) / whole)
        for state in _STATES
        if whole > 0
    }
    return {
        f"{one.modality}_topic": one.topic,
        **shares,
        f"{one.modality}_left_out_percent": _percent(one.left_out_s / whole if whole else None),
        f"{one.modality}_outages": one.outages,
        f"{one.modality}_contradictions": one.contradictions,
        f"{one.modality}_received": one.received,
        f"{one.modality}_refused": one.refused,
        f"{one.modality}_why": one.why,
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100.0 * share, 2)
