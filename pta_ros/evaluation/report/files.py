"""The files of a report: a page for people, JSON and CSV for programs, one run to a folder."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.datasets.alone import alone_in
from pta_ros.errors import ConfigError
from pta_ros.evaluation.replay.record import Moment, Replayed
from pta_ros.evaluation.report.charts import Part
from pta_ros.evaluation.report.measure import measure, stages_ms
from pta_ros.evaluation.report.page import Context, page
from pta_ros.evaluation.report.scores import score, seconds
from pta_ros.evaluation.report.tables import write_errors, write_tables
from pta_ros.evaluation.report.words import verdict

__all__ = ["ASIDE", "Case", "Context", "check_own", "kept_folder", "write_report"]

SCHEMA = 1
#: A report's files; a new report replaces all of them, and nothing else.
_OWN = ("report.html", "report.json", "errors.csv", "estimates_*.csv", "people_*.csv")
_DIGITS = 3
#: How the folder begins in which a report is written before it takes its place.
ASIDE = ".new-"


@dataclass(frozen=True, eq=False)
class Case:
    """A replay to report, and the same with its one faulty sensor dropped instead, if run."""

    run: Replayed
    reference: Replayed | None = None


@contextmanager
def kept_folder(folder: Path) -> Iterator[None]:
    """Keep a folder for the report of this run: made where it is missing, then gone if empty.

    Raises ConfigError at once when it cannot be written, when another run keeps it, or when it has
    files of a report's names that come from something else.
    """
    with alone_in(folder):
        check_own(folder)
        yield


def check_own(folder: Path) -> None:
    """Raise ConfigError for files of a report's names that come from something else."""
    strange = [] if _is_report(folder / "report.json") else _own_files(folder)
    if strange:
        told = f"{strange[0]} is not of a replay's report; choose another folder, or remove it"
        raise ConfigError(told)


def _own_files(folder: Path) -> list[Path]:
    return sorted(path for pattern in _OWN for path in folder.glob(pattern))


def _is_report(path: Path) -> bool:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and {"schema", "bags", "replays"} <= set(record)


def write_report(folder: Path, cases: Sequence[Case], context: Context) -> list[Path]:
    """Write report.html, report.json and the CSV files in place of an older report's.

    The first case is the fault-free replay. `estimates_<replay>.csv` holds every estimate,
    errors.csv the errors of all replays, and is only there with ground truth of poses, and
    `people_<replay>.csv` everybody who was found, of a model of people. Returns their paths. All
    are written aside first: an error leaves the older report as it is.
    Raises ConfigError when there is no fault-free replay to begin with, or no room.
    """
    if not cases or cases[0].run.faults:
        given = f"begin with {cases[0].run.name!r}" if cases else "are empty"
        raise ConfigError(f"the replays {given}; expected the fault-free one first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=ASIDE) as aside:
            _write(Path(aside), cases, context)
            written = _own_files(Path(aside))
            for path in written:
                path.replace(folder / path.name)
        fresh = [folder / path.name for path in written]
        for path in set(_own_files(folder)) - set(fresh):
            path.unlink()
    except OSError as error:
        told = f"{folder}: {error.strerror}; expected room for the report: choose another folder"
        raise ConfigError(told) from error
    return fresh


def _write(folder: Path, cases: Sequence[Case], context: Context) -> None:
    free = score(cases[0].run)
    scored = [free, *(score(case.run) for case in cases[1:])]
    references = [score(case.reference) if case.reference else None for case in cases]
    names = _file_names(case.run.name for case in cases)
    parts = [
        Part(run, free if run is not free else None, reference, measure(run, free, reference),
             stages_ms(run.run), f"replay-{name}")
        for run, reference, name in zip(scored, references, names, strict=True)
    ]  # fmt: skip
    listed = [write_tables(run, folder, name) for run, name in zip(scored, names, strict=True)]
    if any(run.has_truth and run.run.task == "pose" for run in scored):
        write_errors([*scored, *(r for r in references if r)], folder / "errors.csv")
    records = [replay_record(part, own) for part, own in zip(parts, listed, strict=True)]
    timings = {name: part.stages for part, name in zip(parts, names, strict=True)}
    text = json.dumps(report_record(context, records, timings), indent=1, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(page(parts, context), encoding="utf-8", errors="replace")


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


def replay_record(part: Part, files: Sequence[str]) -> dict[str, Any]:
    """One replay in plain types; what is not known is left out."""
    seen, run = part.seen, part.run.run
    changes = [
        {"time_s": float(seconds(run, c.time_ns)), "sensor": c.modality, "state": c.state,
         "reason": c.reason}
        for c in run.changes
    ]  # fmt: skip
    moments = [
        {"time_s": float(seconds(run, m.stamp_ns)), "error_mm": _error(m), "weights": m.weights}
        for m in run.moments
    ]
    record = asdict(seen) | {"verdict": verdict(seen), "ratio": seen.ratio, "kept": seen.kept}
    record |= {"gain_points": seen.gain_points, "limit": seen.limit}
    record |= {"changes": changes, "moments": moments, "losses": list(run.losses)}
    return {**_rounded(record), "files": list(files)}


def _error(moment: Moment) -> float | None:
    """None without ground truth, where `error_mm` is the model's own guess."""
    return None if moment.truth_m is None else moment.error_mm


def report_record(
    context: Context, replays: Sequence[dict[str, Any]], timings: dict[str, Any]
) -> dict[str, Any]:
    """The whole report; only `timings` differs from run to run."""
    about = {
        "bags": list(context.bags),
        "topics": context.topics,
        "model": context.model,
        "model_synthetic": context.model_synthetic,
        "data_synthetic": context.data_synthetic,
        "command": context.command,
        "settings": context.settings,
    }
    if context.plans is not None:
        about["interrupted"] = {"plans": context.plans, "replayed": len(replays) - 1}
    return {"schema": SCHEMA, **about, "replays": list(replays), "timings": _rounded(timings)}


def _rounded(value: Any) -> Any:
    """Plain types with rounded numbers; None and NaN entries of mappings are left out."""
    if isinstance(value, dict):
        return {str(k): _rounded(v) for k, v in value.items() if not _unknown(v)}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), _DIGITS) + 0.0  # no minus zero
    return value


def _unknown(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and not math.isfinite(value))
