"""`evaluate_pta`: the error of a model over all subsets of its modalities, on a data set's tree."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import check_tree, run, told_of_cache, write_json
from pta_ros.errors import ConfigError

if TYPE_CHECKING:
    from pta_ros.checkpoint import Checkpoint


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("evaluate_pta", description=__doc__)
    parser.add_argument("data", type=Path, help="root of an MM-Fi or XRF55 tree")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="model folder, or a shipped model's name")
    what.add_argument(
        "--table", type=Path, metavar="RUN", help="compare the systems of train_pta --systems"
    )
    parser.add_argument(
        "--subjects",
        nargs="+",
        metavar="S",
        help="subjects to evaluate on, S01 ..., or scenes, E03 (the test of a tree of recordings); "
        "'all'; without it the model's own test subjects",
    )
    parser.add_argument(
        "--paper",
        action="store_true",
        help="with --model: the paper's table 1 or 2, its numbers beside ours",
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
    check_tree(options.data)
    _check_together(options)
    if options.table:
        _compare(options)
        return 0
    cache = options.cache or options.data / ".cache"
    with told_of_cache(cache):
        report = _evaluate(options, cache)
    write_json(options.json, report)
    return 0


def _evaluate(options: argparse.Namespace, cache: Path) -> dict[str, Any]:
    """Evaluate one model, print its tables and return its figures."""
    from pta_ros import checkpoint
    from pta_ros.datasets import open_tree
    from pta_ros.datasets.clips import made_of, made_with
    from pta_ros.datasets.problems import problem_lines
    from pta_ros.datasets.reduced import reduce_tree
    from pta_ros.evaluation.compare import one_model
    from pta_ros.home import model_folder

    loaded = checkpoint.load(model_folder(options.model))
    if loaded.finder is not None:
        return _evaluate_people(options, loaded)
    tree = open_tree(options.data, loaded.sensors)
    data = reduce_tree(tree, loaded.sensors, cache, progress=_progress)
    for line in problem_lines(data.problems):
        print(line, file=sys.stderr)
    synthetic = made_with(options.data) is not None
    here = ("here (synthetic data)" if synthetic else "here") if options.paper else None
    if loaded.model.config.has("pose"):
        people = one_model.choose_subjects(options.subjects, loaded.provenance, data)
        text, report = one_model.evaluate_poses(loaded, data, people, cache, _progress, here)
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        text, report = one_model.evaluate_activity_model(
            loaded, data, options.subjects, cache, _progress, options.out,
            recorded=made_of(options.data) is not None, beside_paper=here,
        )  # fmt: skip
    print(text)
    return report | {"data": str(options.data), "synthetic": synthetic}


def _evaluate_people(options: argparse.Namespace, loaded: Checkpoint) -> dict[str, Any]:
    """Print and return the figures of a model that finds people itself."""
    from pta_ros.datasets.clips import made_with
    from pta_ros.evaluation.geometry.mmfi import evaluate_mmfi
    from pta_ros.fusion.people import PeopleEstimator

    if options.paper:
        raise ConfigError(f"--paper: {loaded.name} has not the paper's modalities; leave it out")
    estimator = PeopleEstimator(loaded)
    estimator.quicken()
    text, report = evaluate_mmfi(options.data, estimator, options.subjects, _progress)
    print(text)
    return report | {"data": str(options.data), "synthetic": made_with(options.data) is not None}


def _check_together(options: argparse.Namespace) -> None:
    """Refuse what only the other of --model and --table knows; nothing is ignored in silence."""
    alone = ("paper", "subjects", "json", "cache") if options.table else ("docs",)
    asked, other = ("table", "model") if options.table else ("model", "table")
    for name in alone:
        if getattr(options, name):
            raise ConfigError(f"--{name} beside --{asked}; expected it with --{other}")


def _compare(options: argparse.Namespace) -> None:
    """Test the systems of a run, print the report and write it with all its figures."""
    from pta_ros.cli.train_pta import Console
    from pta_ros.evaluation.compare import files, page, run
    from pta_ros.training.run import read_settings

    seeds = " ".join(map(str, options.seeds))
    command = f"evaluate_pta {options.data} --table {options.table} --seeds {seeds}"
    given = options.data, options.table, options.seeds, command
    if read_settings(options.table, options.seeds[0]).model.has("pose"):
        poses, context = run.compare_poses(*given, Console())
        print(page.pose_page(poses, context))
        written = files.write_results(poses, context, options.out)
        if options.docs:
            written += files.write_docs(poses, context, options.docs)
    else:
        activities, context = run.compare_activities(*given, options.out, Console())
        print(page.activity_page(activities, context))
        written = files.write_activities(activities, context, options.out, options.docs)
    print(*written, sep="\n")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{total} ", end="" if done < total else "\r", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
