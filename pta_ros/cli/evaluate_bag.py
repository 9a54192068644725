"""`evaluate_bag`: replay recorded data through the live node's code, with faults, and report."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import run
from pta_ros.errors import ConfigError
from pta_ros.metrics.bound import Bound, at_least, at_most, bounds_text, exit_code

if TYPE_CHECKING:
    from pta_ros.bags.bag import Bag
    from pta_ros.evaluation.faults.injector import FaultPlan
    from pta_ros.evaluation.replay.source import Source
    from pta_ros.evaluation.report.files import Case, Context
    from pta_ros.evaluation.report.seen import Measured
    from pta_ros.fusion.engine import Engine

SUITE, INTERRUPTED = "suite", 130


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("evaluate_bag", description=__doc__)
    parser.add_argument(
        "bag", type=Path, nargs="+", help="recording: a folder or file, or several parts of one"
    )
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
    parser.add_argument("--out", type=Path, default=Path("results/bag"), help="folder for results")
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
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.doctor:
        return _doctor(options)
    from pta_ros.bags.bag import Bag
    from pta_ros.evaluation.faults.suites import read_plans
    from pta_ros.evaluation.replay.source import find_source
    from pta_ros.evaluation.report.files import kept_folder, write_report

    engine = _engine(options)
    plans = list(read_plans(options.faults, engine.params.sensor_set))
    given = _topics(options.topic, engine)
    with kept_folder(options.out), Bag(options.bag) as bag:
        _check_watching(options, engine)
        source = find_source(bag, engine, given, given.pop("truth", None), options.clock)
        engine.start()
        replays, whole = _replayed(_replays(engine, bag, source, plans, options.rrd))
        context = _context(options, arguments, engine, source)
        context = context if whole else changed(context, plans=len(plans))
        write_report(options.out, [case for case, _ in replays], context)
    page = options.out / "report.html"
    if not whole:
        told = f"{len(replays) - 1} of {len(plans)} fault plans are in {page}"
        print(f"interrupted: {told}", file=sys.stderr)
        return INTERRUPTED
    bounds = _bounds([seen for _, seen in replays]) if options.check else []
    if options.check:
        print(bounds_text(bounds))
    print(f"written: {page}" + (f", {options.rrd}" if options.rrd else ""))
    return exit_code(bounds)


def _doctor(options: argparse.Namespace) -> int:
    """0 when every sensor of the model has a topic that delivers, 1 otherwise, 2 on an error."""
    from pta_ros.checkpoint import load
    from pta_ros.doctor.recording import examine
    from pta_ros.doctor.text import tell
    from pta_ros.errors import PtaError
    from pta_ros.home import model_folder

    try:
        found = examine(options.bag, load(model_folder(options.model)).live_sensors)
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


def _engine(options: argparse.Namespace) -> Engine:
    from pta_ros.checkpoint import modalities_of
    from pta_ros.fusion.engine import Engine
    from pta_ros.fusion.params import read_params, sensor_set_of
    from pta_ros.home import model_folder

    sensors = sensor_set_of(modalities_of(model_folder(options.model)))
    params, streams = read_params(options.params, sensors)
    params = changed(
        params, model=options.model or params.model, device=options.device or params.device
    )
    return Engine.load(params, streams)


def _topics(given: list[str], engine: Engine) -> dict[str, str]:
    """--topic's values by modality, and `truth`."""
    known = [*engine.sensors, "truth"]
    topics = {}
    for text in given:
        name, separator, topic = text.partition("=")
        if not separator or name not in known:
            raise ConfigError(f"--topic {text}: expected MODALITY=TOPIC, MODALITY one of {known}")
        topics[name] = topic
    return topics


def _replays(
    engine: Engine, bag: Bag, source: Source, plans: list[FaultPlan], rrd: Path | None
) -> Iterator[tuple[Case, Measured]]:
    """The fault-free replay, then every plan and, where one sensor is at fault, it dropped."""
    from pta_ros.evaluation.replay.source import FAULT_FREE, dropped_instead, replay
    from pta_ros.evaluation.report import words
    from pta_ros.evaluation.report.delivery import notes
    from pta_ros.evaluation.report.files import Case
    from pta_ros.evaluation.report.measure import measure
    from pta_ros.evaluation.report.scores import score

    references: dict[Any, Any] = {}
    free = None
    for plan in [FAULT_FREE, *plans]:
        with _recording(rrd if free is None else None, engine) as observer:
            case = Case(replay(engine, bag, source, plan, observer))
        if (instead := dropped_instead(plan)) is not None:
            if instead.faults not in references:
                references[instead.faults] = replay(engine, bag, source, instead)
            case = Case(case.run, changed(references[instead.faults], name=instead.name))
        scored = score(case.run)
        reference = score(case.reference) if case.reference else None
        seen = measure(scored, free or scored, reference)
        if free is None:
            print("".join(f"{words.never_delivered(each)}\n" for each in seen.undelivered), end="")
            print("".join(f"note: {text}\n" for text in notes(case.run)), end="", file=sys.stderr)
        free = free or scored
        print(f"{plan.name}: {words.verdict(seen)}", flush=True)
        yield case, seen


def _recording(path: Path | None, engine: Engine) -> Any:
    if path is None:
        return nullcontext()
    from pta_ros.view.scene import Recording

    return Recording(path, list(engine.sensors), path.stem)


def _context(
    options: argparse.Namespace, arguments: list[str] | None, engine: Engine, source: Source
) -> Context:
    from pta_ros.evaluation.report.files import Context
    from pta_ros.fusion.transforms import from_pose
    from pta_ros.sensors import DepthSensor
    from pta_ros.sensors.lidar import POSE

    given = sys.argv[1:] if arguments is None else arguments
    settings: dict[str, Any] = {
        "params": str(options.params) if options.params else "the defaults",
        "device": engine.device,
        "refine": engine.params.refine,
        "tracks": engine.params.tracks.enabled,
        "clock": options.clock,
    }
    return Context(
        bags=tuple(str(path) for path in options.bag),
        topics=source.by_modality(),
        model=engine.loaded.name,
        command=shlex.join(["evaluate_bag", *given]),
        model_synthetic=bool(engine.loaded.provenance.get("synthetic")),
        data_synthetic=source.synthetic,
        settings=settings,
        lidar_to_camera=from_pose(POSE).astype("float32") if source.synthetic else None,
        camera=engine.sensors.get("depth", DepthSensor()),  # type: ignore[arg-type]
    )


def main(arguments: list[str] | None = None) -> int:
    """Console script: 0 when the report is written, 3 by --check, 1 on an error, 130 on Ctrl-C."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    sys.exit(main())
