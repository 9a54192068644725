"""`evaluate_pta`: the error of a model over all subsets of its modalities, on a data set's tree."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import run
from pta_ros.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from pta_ros.checkpoint import Checkpoint
    from pta_ros.datasets.reduced import ReducedSet


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("evaluate_pta", description=__doc__)
    parser.add_argument("data", type=Path, help="root of an MM-Fi or XRF55 tree")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", type=Path, help="model folder")
    what.add_argument(
        "--table", type=Path, metavar="RUN", help="compare the systems of train_pta --systems"
    )
    parser.add_argument(
        "--subjects",
        nargs="+",
        metavar="S",
        help="subjects to evaluate on, S01 ...; 'all'; without it the model's own test subjects",
    )
    parser.add_argument(
        "--paper", action="store_true", help="with --model: the paper's table 1, its numbers beside"
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--cache", type=Path, help="folder of reduced frames (DATA/.cache)")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="with --table"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results/table"), help="with --table: folder for results"
    )
    parser.add_argument("--docs", type=Path, help="with --table: write the page here as well")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if not options.data.is_dir():
        raise DatasetError(
            f"{options.data}: no such folder; expected the root of a data set's tree"
        )
    _check_together(options)
    if options.table:
        return _compare(options)
    from pta_ros import checkpoint
    from pta_ros.datasets import open_tree
    from pta_ros.datasets.problems import problem_lines
    from pta_ros.datasets.reduced import reduce_tree

    loaded = checkpoint.load(options.model)
    cache = options.cache or options.data / ".cache"
    tree = open_tree(options.data, loaded.sensors)
    data = reduce_tree(tree, loaded.sensors, cache, progress=_progress)
    for line in problem_lines(data.problems):
        print(line, file=sys.stderr)
    synthetic = (options.data / "SYNTHETIC.json").exists()
    if loaded.model.config.has("pose"):
        present = {*data.subject.tolist(), *data.clips.tolist()}
        subjects = choose_subjects(options.subjects, loaded.provenance, present)
        report = evaluate(loaded, data, subjects, cache, synthetic if options.paper else None)
    else:
        report = _activities(loaded, data, options.subjects, cache, options.out)
    report["data"] = str(options.data)
    report["synthetic"] = synthetic
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _check_together(options: argparse.Namespace) -> None:
    """Refuse what only the other of --model and --table knows; nothing is ignored in silence."""
    alone = ("paper", "subjects", "json", "cache") if options.table else ("docs",)
    asked, other = ("table", "model") if options.table else ("model", "table")
    for name in alone:
        if getattr(options, name):
            raise ConfigError(f"--{name} beside --{asked}; expected it with --{other}")


def _compare(options: argparse.Namespace) -> int:
    from pta_ros.cli.train_pta import Console
    from pta_ros.evaluation.compare.activity_run import compare_activities
    from pta_ros.evaluation.compare.files import write_docs, write_results
    from pta_ros.evaluation.compare.page import report
    from pta_ros.evaluation.compare.run import table_records
    from pta_ros.training.run import read_settings

    seeds = " ".join(map(str, options.seeds))
    command = f"evaluate_pta {options.data} --table {options.table} --seeds {seeds}"
    first = read_settings(options.table, options.seeds[0])
    if not first.model.has("pose"):
        where = options.out, options.docs
        written = compare_activities(
            options.data, options.table, options.seeds, command, *where, Console()
        )
        print((options.out / "activities.md").read_text(encoding="utf-8"))
        for path in written:
            print(path)
        return 0
    records, context = table_records(options.data, options.table, options.seeds, command, Console())
    print(report(records, context))
    written = write_results(records, context, options.out)
    if options.docs:
        written += write_docs(records, context, options.docs)
    for path in written:
        print(path)
    return 0


def _activities(
    loaded: Checkpoint, data: ReducedSet, subjects: list[str] | None, cache: Path, out: Path
) -> dict[str, Any]:
    """Evaluate an activity model, print its tables, draw its confusion and return the report."""
    from pta_ros.evaluation.compare.activity_report import evaluate_model

    out.mkdir(parents=True, exist_ok=True)
    text, report = evaluate_model(loaded, data, subjects, cache, out, _progress)
    print(text)
    return report


def choose_subjects(
    asked: list[str] | None, provenance: dict[str, Any], present: set[str]
) -> tuple[str, ...]:
    """Subjects (S01) or clips (S01/A02) to evaluate on, of those `present`.

    Raises DatasetError when one of them is not in the tree.
    """
    wanted = asked or provenance.get("splits", {}).get("test", [])
    if wanted == ["all"]:
        return tuple(sorted(name for name in present if "/" not in name))
    missing = sorted(set(wanted) - present)
    if missing or not wanted:
        raise DatasetError(
            f"subjects {missing or 'none given'} are not in the tree; expected some of "
            f"{sorted(name for name in present if '/' not in name)}, or --subjects all"
        )
    return tuple(sorted(set(wanted)))


def evaluate(
    loaded: Checkpoint,
    data: ReducedSet,
    subjects: tuple[str, ...],
    cache: Path,
    beside_paper: bool | None = None,
) -> dict[str, Any]:
    """Evaluate, print the table and return the report.

    `beside_paper`: print the paper's table, too; its value says whether the data is synthetic.
    """
    import numpy as np
    import torch

    from pta_ros.datasets.features import cache_features
    from pta_ros.evaluation.compare.one_model import activity_table, as_json, markdown_table
    from pta_ros.evaluation.compare.paper_compare import paper_table
    from pta_ros.metrics.activity import evaluate_activities
    from pta_ros.metrics.poses import evaluate_subsets, mean_pose_error_mm

    config = loaded.model.config
    rows = torch.from_numpy(data.rows_of(subjects))
    features = cache_features(
        dict(loaded.model.encoders.items()), config.channels, data, cache / "features", rows,
        progress=_progress, position_points=config.tokens,
    )  # fmt: skip
    every = torch.arange(len(rows))
    refined, plain = (
        evaluate_subsets(loaded.model, features, every, refine) for refine in (True, False)
    )
    mean_pose = np.asarray(loaded.statistics["mean_pose_m"], np.float32)
    mean_mm = mean_pose_error_mm(mean_pose, data.joints[rows.numpy()])
    print(markdown_table(refined, plain))
    if beside_paper is not None:
        print(f"\n{paper_table(refined if config.refine else plain, beside_paper)}")
    print(f"\nmean-pose predictor: {mean_mm:.1f} mm; on {' '.join(subjects)}")
    said = as_json(refined, plain, mean_mm, {"model": loaded.name, "subjects": subjects})
    if config.has("activity"):
        heard = evaluate_activities(loaded.model, features, every)
        said["activities"] = [r.figures() for r in heard]
        print(f"\n{activity_table(said['activities'])}")
    return said


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{total} ", end="" if done < total else "\r", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
