"""The report of bag replays: a page for people, JSON and CSV for programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pta_ros.errors import ConfigError
from pta_ros.evaluation.report import files
from pta_ros.evaluation.report.context import Context
from pta_ros.evaluation.report.measure import Case, measure, stages_ms
from pta_ros.evaluation.report.page import page
from pta_ros.evaluation.report.scores import Scored, score
from pta_ros.evaluation.report.section import Part
from pta_ros.evaluation.report.timeline import Series

__all__ = ["Case", "Context", "write_report"]


def write_report(folder: Path, cases: Sequence[Case], context: Context) -> list[Path]:
    """Write report.html, report.json and the CSV files; returns their paths.

    The first case is the fault-free replay. `estimates_<replay>.csv` holds every estimate,
    errors.csv the errors of all replays, and is only there with ground truth of poses.
    Raises ConfigError when there is no fault-free replay to begin with.
    """
    if not cases or cases[0].run.faults:
        given = f"begin with {cases[0].run.name!r}" if cases else "are empty"
        raise ConfigError(f"the replays {given}; expected the fault-free one first")
    folder.mkdir(parents=True, exist_ok=True)
    free = score(cases[0].run)
    scored = [free, *(score(case.run) for case in cases[1:])]
    references = [score(case.reference) if case.reference else None for case in cases]
    names = _file_names(case.run.name for case in cases)
    parts = [
        Part(
            Series(run, free if run is not free else None, reference),
            measure(run, free, reference),
            stages_ms(run.run),
            f"replay-{name}",
        )
        for run, reference, name in zip(scored, references, names, strict=True)
    ]
    tables = _write_csv(folder, scored, [r for r in references if r], names)
    records = [
        files.replay_record(part.seen, part.series.run.run, [f"estimates_{name}.csv"])
        for part, name in zip(parts, names, strict=True)
    ]
    timings = {name: part.stages for part, name in zip(parts, names, strict=True)}
    files.write_json(files.report_record(context, records, timings), folder / "report.json")
    (folder / "report.html").write_text(page(parts, context), encoding="utf-8")
    return [folder / "report.html", folder / "report.json", *tables]


def _write_csv(
    folder: Path, scored: Sequence[Scored], references: Sequence[Scored], names: Sequence[str]
) -> list[Path]:
    written = [folder / f"estimates_{name}.csv" for name in names]
    for run, path in zip(scored, written, strict=True):
        files.write_estimates(run, path)
    errors = folder / "errors.csv"
    if any(run.has_truth and not run.run.classes for run in scored):
        files.write_errors([*scored, *references], errors)
        return [*written, errors]
    errors.unlink(missing_ok=True)  # of an earlier report, on other data
    return written


def _file_names(names: Iterable[str]) -> list[str]:
    """Names that any file system takes, no two alike."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "replay"
        made, number = plain, 1
        while made in found:
            number += 1
            made = f"{plain}-{number}"
        found.append(made)
    return found
