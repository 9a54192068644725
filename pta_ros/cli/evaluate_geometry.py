"""`evaluate_geometry`: where a model of people holds, on scenes of the synthetic wide world."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from pta_ros.cli import check_tree, run, write_json
from pta_ros.errors import ConfigError


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("evaluate_geometry", description=__doc__)
    parser.add_argument(
        "data", type=Path, nargs="?", default=Path("data/wide"),
        help="tree of make_mmfi --preset wide (default: data/wide)",
    )  # fmt: skip
    parser.add_argument("--model", default="", help="model folder (default: models/people_lite)")
    parser.add_argument(
        "--split", choices=("val", "test"), default="test",
        help="val: the scenes to choose settings by (default: test, to be looked at last)",
    )  # fmt: skip
    parser.add_argument("--scenes", type=int, metavar="N", help="only the first N scenes")
    for name in ("candidate", "presence", "apart_m"):
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, metavar="X",
            help=f"in place of the node's people.{name}",
        )  # fmt: skip
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write FOLDER/geometry.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--check", action="store_true", help="exit with 3 when a bound is missed")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    check_tree(options.data)
    if options.scenes is not None and options.scenes < 1:
        raise ConfigError(f"--scenes {options.scenes}: expected 1 or more")
    if options.docs and options.split != "test":
        raise ConfigError(f"--docs with --split {options.split}: its page is of the test split")
    from pta_ros.datasets.wide import clips_of
    from pta_ros.evaluation.geometry.bounds import bounds_of
    from pta_ros.evaluation.geometry.collect import collect
    from pta_ros.evaluation.geometry.page import Context, page, tables
    from pta_ros.fusion.people import PeopleEstimator, SearchConfig
    from pta_ros.home import model_folder
    from pta_ros.metrics.bound import as_records, exit_code

    given = {name: getattr(options, name) for name in ("candidate", "presence", "apart_m")}
    search = SearchConfig(**{name: value for name, value in given.items() if value is not None})
    estimator = PeopleEstimator.load(model_folder(options.model, "people"), search)
    clips = clips_of(options.data, options.split)[: options.scenes]
    people, frames = collect(clips, estimator, _progress)
    found = tables(people, frames)
    typed = sys.argv[1:] if arguments is None else arguments
    scenes = len({frame.setting.scene for frame in frames})
    command = shlex.join(["evaluate_geometry", *typed])
    context = Context(command, estimator.source.name, scenes, options.split)
    bounds = bounds_of(people, frames, found)
    text = page(found, bounds, context)
    print(text)
    write_json(options.json, {**found, "bounds": as_records(bounds)})
    if options.docs:
        options.docs.mkdir(parents=True, exist_ok=True)
        (options.docs / "geometry.md").write_text(text, encoding="utf-8")
        print(f"written: {options.docs / 'geometry.md'}")
    return exit_code(bounds) if options.check else 0


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty() or done % 50 == 0:
        end = "\r" if sys.stderr.isatty() and done < total else "\n"
        print(f"{done}/{total} scenes", end=end, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
