"""The compared activity systems over the held-out samples: records for the table."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from pta_ros.errors import CheckpointError
from pta_ros.evaluation.compare.activity_plot import draw_confusion
from pta_ros.evaluation.compare.activity_table import SPLITS, AccuracyRecord, bounds, page, tabulate
from pta_ros.metrics.activity import evaluate_activities
from pta_ros.training.prepare import Watcher, provenance_of
from pta_ros.training.run import read_bench
from pta_ros.training.systems import BY_TASK, Bench, make_system


def compare_activities(
    root: Path,
    folder: Path,
    seeds: Sequence[int],
    command: str,
    out: Path,
    docs: Path | None,
    watcher: Watcher,
) -> list[Path]:
    """Test every system of every seed in `folder` and write the table and PTA's confusion.

    With `docs` the page is written there, too, as activities.md.

    A compared system that is not trained to its end is left out and noted. Raises CheckpointError
    when a seed was not begun, or PTA itself is not there.
    """
    begun = time.monotonic()
    records: list[AccuracyRecord] = []
    out.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        bench = read_bench(root, folder, seed, watcher)
        for name in BY_TASK["activity"]:
            try:
                records += _test(name, seed, bench, out if seed == seeds[0] else None)
                watcher.note(f"seed {seed}: {name} tested")
            except CheckpointError as error:
                if name == "pta":
                    raise
                watcher.note(f"seed {seed}: {name} left out: {error}")
    table = tabulate(records, bench.config.model.modalities)
    synthetic = bool(provenance_of(bench.config, root, bench.ready, 0)["synthetic"])
    context = [
        ("command", f"`{command}`"),
        ("samples", ", ".join(f"{n} {len(r)}" for n, r in bench.ready.rows.items())),
        ("held-out people", " ".join(bench.ready.splits.get("unseen", ()))),
        ("seeds of training", ", ".join(map(str, seeds))),
        ("training", f"every system {bench.config.meta.epochs} epochs on the same features, "
         f"D = {bench.config.model.dim}"),
        ("wall time of the evaluation", f"{time.monotonic() - begun:.0f} s"),
        ("machine", f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}"),
    ]  # fmt: skip
    text = {
        "activities.json": json.dumps(
            {
                "schema": 1,
                "synthetic": synthetic,
                "records": [asdict(record) for record in records],
                "bounds": [{**asdict(bound), "where": where} for bound, where in bounds(table)],
            },
            indent=1,
        ),
        "activities.md": page(table, context, synthetic),
    }
    written = {out / name: content for name, content in text.items()}
    if docs is not None:
        written[docs / "activities.md"] = text["activities.md"] + _pictures(table.splits, out, docs)
    for path, content in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.rstrip() + "\n", encoding="utf-8")
    return list(written)


def _pictures(splits: Sequence[str], out: Path, docs: Path) -> str:
    """Copy the confusions of `out` to `docs`/images; the Markdown that shows them."""
    (docs / "images").mkdir(parents=True, exist_ok=True)
    parts = ["\n## Confusion of PTA, all sensors, first seed"]
    for split in splits:
        name = f"confusion_{split}.png"
        shutil.copyfile(out / name, docs / "images" / name)
        parts.append(f"![Confusion, {SPLITS[split]}](images/{name})")
    return "\n\n".join(parts)


def _test(name: str, seed: int, bench: Bench, out: Path | None) -> list[AccuracyRecord]:
    system, records = make_system(name, bench), []
    for split in (s for s in SPLITS if s in bench.ready.rows):
        results = evaluate_activities(system, bench.clean, bench.ready.rows[split])
        records += [
            AccuracyRecord(name, seed, split, r.subset, r.samples, r.accuracy) for r in results
        ]
        if out is not None and name == "pta":
            picture = out / f"confusion_{split}.png"
            draw_confusion(results[-1], bench.config.model.classes, SPLITS[split], picture)
    return records
