"""The comparison on disk: Markdown, CSV, JSON and pictures."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pta_ros.evaluation.compare import plot
from pta_ros.evaluation.compare.bounds import SPLITS, activity_bounds, pose_bounds
from pta_ros.evaluation.compare.effects import Effect, contamination_of, corruption_of
from pta_ros.evaluation.compare.page import activity_page, images_of, pose_page, split_tables
from pta_ros.evaluation.compare.records import ActivityRecord, Context, PoseRecord
from pta_ros.evaluation.compare.table import Table, tabulate
from pta_ros.metrics.bound import as_records
from pta_ros.metrics.evaluate import COVERAGE, MPJPE, PA_MPJPE

SCHEMA = 1


def write_results(records: Sequence[PoseRecord], context: Context, folder: Path) -> list[Path]:
    """Write results.md, results.csv, results.json and the pictures; returns their paths.

    The JSON comes first: it holds the records, so that they outlive whatever fails after it.
    """
    table = tabulate(records, context.seeds)
    texts = {
        "results.json": json.dumps(as_json(records, context), indent=1, allow_nan=False) + "\n",
        "results.csv": as_csv(table),
        "results.md": pose_page(records, context),
    }
    return _write(folder, texts) + plot.draw(table, context, folder)


def write_docs(records: Sequence[PoseRecord], context: Context, folder: Path) -> list[Path]:
    """Write `folder`/results.md, with the paper's tables, and its pictures into images/.

    Of the wide world it is results_wide.md, and images/wide/.
    """
    images = folder / images_of(context)
    images.mkdir(parents=True, exist_ok=True)
    name = "results_wide.md" if context.wide else "results.md"
    written = _write(folder, {name: pose_page(records, context, docs=True)})
    return written + plot.draw(tabulate(records, context.seeds), context, images)


def write_activities(
    records: Sequence[ActivityRecord], context: Context, folder: Path, docs: Path | None
) -> list[Path]:
    """Write activities.json and activities.md beside the confusions that lie in `folder`.

    With `docs` the page is written there as well, and the confusions into its images/.
    """
    tables, page = split_tables(records, context), activity_page(records, context)
    values = {
        "schema": SCHEMA,
        "synthetic": context.data.synthetic,
        "records": [asdict(record) for record in records],
        "bounds": as_records(activity_bounds(tables)),
    }
    texts = {"activities.json": json.dumps(values, indent=1) + "\n", "activities.md": page}
    written = _write(folder, texts)
    if docs is not None:
        (docs / "images").mkdir(parents=True, exist_ok=True)
        parts = [page.rstrip(), "## Confusion of PTA, all sensors, first seed"]
        for split in tables:
            name = f"confusion_{split}.png"
            shutil.copyfile(folder / name, docs / "images" / name)
            parts.append(f"![Confusion, {SPLITS[split]}](images/{name})")
        written += _write(docs, {"activities.md": "\n\n".join(parts) + "\n"})
    return written


def _write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def as_csv(table: Table) -> str:
    """The table, one row per system, subset and corruption; empty where there is nothing."""
    out, errors = io.StringIO(), (MPJPE, PA_MPJPE)
    writer = csv.writer(out, lineterminator="\n")
    spreads = [f"{metric.key}{part}" for metric in errors for part in ("", "_std", "_best")]
    key = ["system", "title", "subset", "corruption", "seeds", "frames"]
    writer.writerow([*key, *spreads, *(metric.key for metric in COVERAGE)])
    for (system, subset, corruption), cell in table.cells.items():
        row: list[Any] = [system, table.titles[system], subset, corruption or ""]
        row += [" ".join(map(str, cell.seeds)), cell.records[0].frames]
        for metric in errors:
            compared = corruption is None and system in table.compared
            best = int(system in table.best(subset, metric)) if compared else ""
            row += [cell.mean(metric), metric.deviation(cell.values(metric)), best]
        writer.writerow([*row, *(cell.mean(metric) for metric in COVERAGE)])
    return out.getvalue()


def as_json(records: Sequence[PoseRecord], context: Context) -> dict[str, Any]:
    """Context and records, from which all else follows, and what follows for other programs."""
    table = tabulate(records, context.seeds)
    run = [system for system in table.compared if any(key[0] == system for key in table.cells)]
    return {
        "schema": SCHEMA,
        "context": asdict(context),
        "records": [asdict(record) for record in records],
        "contamination": {s: [_effect(e) for e in contamination_of(table, s)] for s in run},
        "corruption": {s: [_effect(e) for e in corruption_of(table, s)] for s in run},
        "bounds": as_records(pose_bounds(table)),
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "subset": effect.subset,
        "what": effect.what,
        "without_mm": effect.before,
        "with_mm": effect.after,
        "percent": effect.rise,
    }
