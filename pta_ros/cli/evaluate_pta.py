"""`evaluate_pta`: the error of a model over all subsets of its modalities, on an MM-Fi tree."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import run
from pta_ros.errors import DatasetError

if TYPE_CHECKING:
    from pta_ros.checkpoint import Checkpoint
    from pta_ros.datasets.reduced import ReducedSet


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("evaluate_pta", description=__doc__)
    parser.add_argument("data", type=Path, help="root of an MM-Fi tree")
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument(
        "--subjects",
        nargs="+",
        metavar="S",
        help="subjects to evaluate on, S01 ...; 'all'; without it the model's own test subjects",
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--cache", type=Path, help="folder of reduced frames (DATA/.cache)")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if not options.data.is_dir():
        raise DatasetError(f"{options.data}: no such folder; expected the root of an MM-Fi tree")
    from pta_ros import checkpoint
    from pta_ros.datasets.mmfi import MmfiTree
    from pta_ros.datasets.reduced import reduce_tree

    loaded = checkpoint.load(options.model)
    cache = options.cache or options.data / ".cache"
    data = reduce_tree(MmfiTree(options.data), loaded.sensors, cache, progress=_progress)
    for fault in data.faults:
        print(f"left out: {fault}", file=sys.stderr)
    subjects = choose_subjects(options.subjects, loaded.provenance, set(data.subject))
    report = evaluate(loaded, data, subjects)
    report["data"] = str(options.data)
    report["synthetic"] = (options.data / "SYNTHETIC.json").exists()
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def choose_subjects(
    asked: list[str] | None, provenance: dict[str, Any], present: set[str]
) -> tuple[str, ...]:
    """Subjects to evaluate on; raises DatasetError when one of them is not in the tree."""
    wanted = asked or provenance.get("splits", {}).get("test", [])
    if wanted == ["all"]:
        return tuple(sorted(present))
    missing = sorted(set(wanted) - present)
    if missing or not wanted:
        raise DatasetError(
            f"subjects {missing or 'none given'} are not in the tree; expected some of "
            f"{sorted(present)}, or --subjects all"
        )
    return tuple(sorted(set(wanted)))


def evaluate(loaded: Checkpoint, data: ReducedSet, subjects: tuple[str, ...]) -> dict[str, Any]:
    """Evaluate, print the table and return the report."""
    import numpy as np
    import torch

    from pta_ros.evaluation.poses import evaluate_subsets, mean_pose_error_mm
    from pta_ros.evaluation.report import as_json, markdown_table
    from pta_ros.training.features import encode_set

    tokens = encode_set(loaded.model, data, _progress)
    rows = torch.from_numpy(data.rows_of(subjects))
    results = [
        result
        for refine in (True, False)
        for result in evaluate_subsets(loaded.model, tokens, rows, refine)
    ]
    mean_pose = np.asarray(loaded.statistics["mean_pose_m"], np.float32)
    mean_mm = mean_pose_error_mm(mean_pose, data.joints[rows.numpy()])
    print(markdown_table(results))
    print(f"\nmean-pose predictor: {mean_mm:.1f} mm; subjects {' '.join(subjects)}")
    return as_json(results, mean_mm, {"model": loaded.name, "subjects": subjects})


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{total} ", end="" if done < total else "\r", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
