"""The comparison on disk: Markdown, CSV, JSON and pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pta_ros.errors import DatasetError
from pta_ros.evaluation.compare import plot as table_plot
from pta_ros.evaluation.compare.bounds import judge
from pta_ros.evaluation.compare.effects import Effect, contamination_of, corruption_of
from pta_ros.evaluation.compare.page import docs_page, report
from pta_ros.evaluation.compare.table import (
    COMPARED,
    TITLES,
    Context,
    Data,
    Machine,
    Metric,
    Record,
    Table,
    tabulate,
)

SCHEMA = 1
_METRICS: tuple[Metric, ...] = ("mpjpe_mm", "pa_mpjpe_mm")


def write_results(records: Sequence[Record], context: Context, folder: Path) -> list[Path]:
    """Write results.md, results.csv, results.json and the pictures; returns their paths.

    The JSON comes first: it holds the records, so that they outlive whatever fails after it.
    """
    table = tabulate(records, context)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "results.json": json.dumps(as_json(records, context), indent=1, allow_nan=False) + "\n",
        "results.csv": as_csv(table),
        "results.md": report(records, context),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts] + table_plot.draw(table, context, folder)


def write_docs(records: Sequence[Record], context: Context, folder: Path) -> list[Path]:
    """Write `folder`/results.md, with the paper's tables, and its pictures into images/."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    page = folder / "results.md"
    page.write_text(docs_page(records, context), encoding="utf-8")
    return [page, *table_plot.draw(tabulate(records, context), context, images)]


def as_csv(table: Table) -> str:
    """The table, one row per system, subset and corruption; empty where there is nothing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    spreads = [f"{metric}{part}" for metric in _METRICS for part in ("", "_std", "_best")]
    key = ["system", "title", "subset", "corruption", "seeds", "frames"]
    writer.writerow([*key, *spreads, "coverage_1std", "coverage_2std"])
    for (system, subset, corruption), cell in table.cells.items():
        row: list[Any] = [system, TITLES[system], subset, corruption or ""]
        row += [" ".join(map(str, cell.seeds)), cell.records[0].frames]
        for metric in _METRICS:
            compared = corruption is None and system in COMPARED
            best = int(system in table.best(metric, subset)) if compared else ""
            row += [cell.mean(metric), cell.deviation(metric), best]
        writer.writerow([*row, cell.mean("coverage_1std"), cell.mean("coverage_2std")])
    return out.getvalue()


def as_json(records: Sequence[Record], context: Context) -> dict[str, Any]:
    """Context and records, from which all else follows, and what follows for other programs."""
    table = tabulate(records, context)
    run = [system for system in COMPARED if any(key[0] == system for key in table.cells)]
    return {
        "schema": SCHEMA,
        "context": asdict(context),
        "records": [asdict(record) for record in records],
        "contamination": {s: _effects(contamination_of(table, s)) for s in run},
        "corruption": {s: _effects(corruption_of(table, s)) for s in run},
        "bounds": [{**asdict(v.bound), "where": v.where} for v in judge(table)],
    }


def _effects(effects: Sequence[Effect]) -> list[dict[str, Any]]:
    return [{**asdict(effect), "percent": effect.percent} for effect in effects]


def read_json(path: Path) -> tuple[list[Record], Context]:
    """Records and context of a results.json; raises DatasetError when it is not one."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            raise DatasetError(
                f"{path}: schema {values['schema']}; expected {SCHEMA}, run it again"
            )
        return [_record(r) for r in values["records"]], _context(values["context"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: {type(error).__name__}: {error}; expected the results.json of a comparison"
        ) from error


def _record(values: dict[str, Any]) -> Record:
    return Record(**{**values, "per_joint_mm": tuple(values["per_joint_mm"])})


def _context(values: dict[str, Any]) -> Context:
    return Context(
        **{
            **values,
            "data": Data(**values["data"]),
            "machine": Machine(**values["machine"]),
            "seeds": tuple(values["seeds"]),
            "subjects": tuple(values["subjects"]),
            "histories": {int(seed): history for seed, history in values["histories"].items()},
        }
    )
