"""`evaluate_bag`: replay recorded data through the live node's code, with faults, and report."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import add_workforce, run
from pta_ros.errors import ConfigError
from pta_ros.metrics.bound import Bound, at_least, at_most, bounds_text, exit_code

if TYPE_CHECKING:
    from pta_ros.evaluation.report.files import Case
    from pta_ros.evaluation.report.recording import Wishes
    from pta_ros.evaluation.report.seen import Measured
    from pta_ros.fusion.engine import Engine

SUITE, INTERRUPTED = "suite", 130
OUT, ARCHIVE_OUT = Path("results/bag"), Path("results/archive")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("evaluate_bag", description=__doc__)
    parser.add_argument(
        "bag", type=Path, nargs="*",
        help="recording: a folder or file, or several parts of one; a folder with recordings below "
        "it is an archive: each is evaluated",
    )  # fmt: skip
    parser.add_argument(
        "--faults", nargs="+", default=[], metavar="PLAN",
        help=f"YAML plans or folders of them; '{SUITE}' is the one shipped for the model's sensors",
    )  # fmt: skip
    parser.add_argument("--model", default="", help="model folder (the parameters', or default)")
    parser.add_argument("--params", type=Path, help="the fusion node's parameter file")
    parser.add_argument(
        "--topic", action="append", default=[], metavar="MODALITY=TOPIC",
        help="topic of a sensor, as the parameter topic, or of truth ('truth=': go without)",
    )  # fmt: skip
    parser.add_argument(
        "--clock", default="auto", choices=("auto", "receipt", "stamps"),
        help="what counts as now: the recorder's time, or one that fits the stamps",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, help=f"folder for results ({OUT}; of an archive {ARCHIVE_OUT})"
    )
    parser.add_argument("--rrd", type=Path, help="write the fault-free replay for the Rerun viewer")
    parser.add_argument(
        "--check", action="store_true", help="exit with 3 when a faulty sensor costs too much"
    )
    parser.add_argument("--device", default="", help="cpu, cuda, cuda:N or auto (the parameters')")
    parser.add_argument(
        "--doctor", action="store_true",
        help="replay nothing: list the topics that could feed a sensor, and say what to set",
    )  # fmt: skip
    parser.add_argument("--yaml", type=Path, help="with --doctor: write the parameter file")
    archive = parser.add_argument_group("archives")
    archive.add_argument(
        "--list", type=Path, metavar="FILE", help="evaluate what it names, a path a line (-: stdin)"
    )
    add_workforce(archive)
    options = parser.parse_args(arguments)
    if bool(options.bag) == bool(options.list):
        parser.error("expected a recording, an archive or --list FILE")
    return options


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.doctor and options.bag:
        return _doctor(options)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["evaluate_bag", *given])
    from pta_ros.evaluation.report.recording import Wishes

    wishes = Wishes(
        options.model, options.params, tuple(options.faults), tuple(options.topic), options.clock,
        options.device,
    )  # fmt: skip
    recordings = _archive(options)
    if recordings is None:
        return _one(options, wishes, command)
    if refused := [name for name in ("rrd", "doctor", "yaml") if getattr(options, name)]:
        raise ConfigError(f"--{refused[0]} is of one recording; this is an archive of many")
    from pta_ros.cli.archives import evaluate

    options.out = options.out or ARCHIVE_OUT
    return evaluate(options, recordings, wishes, command)


def _archive(options: argparse.Namespace) -> list[Any] | None:
    """The recordings of an archive; None where one recording is meant."""
    from pta_ros.evaluation.archive.find import below, is_one, listed

    if options.list:
        return listed(options.list)
    asked = options.jobs is not None or options.cluster is not None
    if len(options.bag) > 1:
        if asked:
            raise ConfigError(
                f"{len(options.bag)} paths are the parts of one recording; expected a folder of "
                "recordings, or --list FILE that names them"
            )
        return None
    (path,) = options.bag
    found = below(path) if path.is_dir() else []
    return found if found and (asked or not is_one(path, found)) else None


def _one(options: argparse.Namespace, wishes: Wishes, command: str) -> int:
    """Evaluate one recording."""
    from pta_ros.bags.bag import Bag
    from pta_ros.evaluation.replay.apart import reading_apart
    from pta_ros.evaluation.report.files import kept_folder, write_report
    from pta_ros.evaluation.report.recording import context, replays

    out = options.out or OUT
    engine = wishes.engine()
    plans = wishes.plans(engine)
    wishes.topics_of(engine)
    with kept_folder(out), Bag(options.bag) as bag:
        _check_watching(options, engine)
        source = wishes.source(bag, engine)
        with reading_apart(engine) as apart:  # it loads its model while this one is started
            engine.start()
            watched = _recording(options.rrd, engine)
            done, whole = _replayed(_told(replays(engine, bag, source, plans, watched, apart)))
        about = context(options.bag, wishes, command, engine, source)
        about = about if whole else changed(about, plans=len(plans))
        write_report(out, [case for case, _ in done], about)
    page = out / "report.html"
    if not whole:
        told = f"{len(done) - 1} of {len(plans)} fault plans are in {page}"
        print(f"interrupted: {told}", file=sys.stderr)
        return INTERRUPTED
    bounds = _bounds([seen for _, seen in done]) if options.check else []
    if options.check:
        print(bounds_text(bounds))
    print(f"written: {page}" + (f", {options.rrd}" if options.rrd else ""))
    return exit_code(bounds)


def _doctor(options: argparse.Namespace) -> int:
    """0 when every sensor of the model has a topic that delivers, 1 otherwise, 2 on an error."""
    from pta_ros.checkpoint import load
    from pta_ros.doctor.findings import settings_of
    from pta_ros.doctor.recording import examine
    from pta_ros.doctor.text import tell
    from pta_ros.errors import PtaError
    from pta_ros.home import model_folder

    try:
        source = load(model_folder(options.model))
        settings = settings_of(options.model, source.finder is not None)
        found = changed(examine(options.bag, source.live_sensors), settings=settings)
        return tell(found, options.yaml)
    except (PtaError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _replayed(
    replays: Iterator[tuple[Case, Measured]],
) -> tuple[list[tuple[Case, Measured]], bool]:
    """The replays, and whether these are all; after Ctrl-C those that ended before it."""
    done: list[tuple[Case, Measured]] = []
    try:
        done.extend(replays)
    except KeyboardInterrupt:
        if not done:
            print("interrupted in the first replay: nothing is written", file=sys.stderr)
            raise
        return done, False
    return done, True


def _bounds(replays: Iterable[Measured]) -> list[Bound]:
    """What --check holds against a limit: faulty sensors beside doing without them."""
    from pta_ros.evaluation.report.seen import LIMIT, LIMIT_POINTS

    found = []
    for seen in replays:
        if seen.gain_points is not None:
            figure = seen.window.name if seen.window else "accuracy"
            name = f"{seen.name}: {figure} less that without the sensor"
            found.append(at_least(name, seen.gain_points, -LIMIT_POINTS, "points"))
        elif seen.ratio is not None:
            name = f"{seen.name}: error over that without the sensor"
            found.append(at_most(name, seen.ratio, LIMIT, "x"))
    return found


def _check_watching(options: argparse.Namespace, engine: Engine) -> None:
    """Raise ConfigError when the replay cannot be drawn for the viewer."""
    if options.rrd and engine.finds_people:
        raise ConfigError(
            f"--rrd {options.rrd}: of a model that finds people only the live view shows anything "
            "(view_node); go without, report.html has the time lines"
        )
    if options.rrd and engine.params.sensor_set != "mmfi":
        raise ConfigError(
            f"--rrd {options.rrd}: the viewer shows depth, lidar and csi, the model has "
            f"{', '.join(engine.sensors)}; go without, report.html has the timelines"
        )


def _told(replays: Iterator[tuple[Case, Measured]]) -> Iterator[tuple[Case, Measured]]:
    """The same replays, each printed as it ends, the first with what a reader must know."""
    from pta_ros.evaluation.report import words
    from pta_ros.evaluation.report.delivery import notes

    for number, (case, seen) in enumerate(replays):
        if not number:
            print("".join(f"{words.never_delivered(each)}\n" for each in seen.undelivered), end="")
            print("".join(f"note: {text}\n" for text in notes(case.run)), end="", file=sys.stderr)
        print(f"{case.run.name}: {words.verdict(seen)}", flush=True)
        yield case, seen


def _recording(path: Path | None, engine: Engine) -> AbstractContextManager[Any] | None:
    if path is None:
        return None
    from pta_ros.view.scene import Recording

    return Recording(path, list(engine.sensors), path.stem)


def main(arguments: list[str] | None = None) -> int:
    """Console script: 0 when the report is written, 3 by --check, 1 on an error, 130 on Ctrl-C.

    Of an archive 4 when a recording could not be evaluated.
    """
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    sys.exit(main())
