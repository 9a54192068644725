"""`bag_to_dataset BAG... OUT`: recordings as a training tree in MM-Fi's layout, or XRF55's.

Frames of all sensors at common instants, absent ones left out; truth from a topic, from motion
capture or from a model; activities from a CSV file. Of radar, Wi-Fi and RFID (`--sensor-set xrf55`)
windows of packets within the activities. A second run of the same command goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import run
from pta_ros.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from pta_ros.recordings.marker import Marker
    from pta_ros.recordings.setup import Setup
    from pta_ros.recordings.told import Teacher

#: Reasons that are named of each kind; the others are counted.
_NAMED = 5


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "bag_to_dataset", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("bag", type=Path, nargs="+", help="rosbag2 recordings: folders or files")
    add("out", type=Path, help="the tree: a new folder, or one that is continued")
    add("--together", action="store_true", help="all BAGs are parts of one recording")
    add(
        "--sensor-set",
        choices=("mmfi", "xrf55"),
        help="depth, lidar, csi, or windows of radar, wifi, rfid (what --params says; else xrf55 "
        "where a BAG has radar or RFID)",
    )
    add("--hop-s", type=float, default=1.0, metavar="S", help="between two windows (1)")
    add("--rate-hz", type=float, default=10.0, metavar="HZ", help="most frames per second (10)")
    add("--clip-s", type=float, default=30.0, metavar="S", help="longest clip (30)")
    add(
        "--part",
        choices=("train", "val", "test"),
        default="",
        help="all of it is for this (of each activity the last 15 %% test, the 15 before val)",
    )
    add("--params", type=Path, help="the fusion node's parameter file: topics, lenses, poses")
    add("--config", type=Path, help="a training configuration, whose `sensors` count (CSI's shape)")
    add(
        "--topic",
        action="append",
        default=[],
        metavar="MODALITY=TOPIC",
        help="topic of a sensor or of truth; MODALITY= goes without it",
    )
    add("--clock", default="auto", choices=("auto", "receipt", "stamps"), help="as of evaluate_bag")
    add(
        "--joints",
        type=Path,
        metavar="YAML",
        help="motion capture: which pose of a PoseArray, or which frame of /tf, each joint is",
    )
    add(
        "--truth-from-model",
        default="",
        metavar="MODEL",
        help="the truth is what this model says, with its deviations",
    )
    add("--activities", type=Path, metavar="CSV", help="lines of start,end,label")
    add("--rest", default="", metavar="LABEL", help="of what lies between them (left out)")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.recordings.annotations import read_annotations
    from pta_ros.recordings.convert import convert
    from pta_ros.recordings.joints import read_joints
    from pta_ros.recordings.setup import Setup, default_set
    from pta_ros.recordings.told import Wishes

    sensor_set = options.sensor_set or default_set(options.bag)
    topics = _topics(options.topic)
    truth = topics.pop("truth", None)
    left_out = tuple(m for m, topic in topics.items() if not topic)
    wishes = Wishes(
        rate_hz=options.rate_hz,
        clip_s=options.clip_s,
        part=options.part,
        topics={m: topic for m, topic in topics.items() if topic},
        truth=truth,
        clock=options.clock,
        joints=read_joints(options.joints) if options.joints else None,
        annotations=read_annotations(options.activities) if options.activities else (),
        rest=options.rest,
        jobs=options.jobs,
        teacher=_teacher(options),
        hop_s=options.hop_s,
    )
    wishes.check()
    setup = Setup.read(options.params, options.config, left_out, sensor_set)
    _check_set(options.sensor_set, setup, topics)
    single: list[tuple[Path, ...]] = [(bag,) for bag in options.bag]
    bags = [tuple(options.bag)] if options.together else single
    try:
        marker = convert(bags, options.out, setup, wishes, _progress)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        raise
    _tell(marker, options.out)
    return 0


def _topics(given: list[str]) -> dict[str, str]:
    from pta_ros.sensors import SENSORS

    topics = {}
    for text in given:
        name, separator, topic = text.partition("=")
        known = [*SENSORS, "truth"]
        if not separator or name not in known:
            expected = f"expected MODALITY=TOPIC, MODALITY one of {known}"
            raise ConfigError(f"--topic {text}: {expected}")
        topics[name] = topic
    return topics


def _check_set(asked: str | None, setup: Setup, topics: dict[str, str]) -> None:
    """Raise ConfigError for another set than --params says, and for topics of no sensor in it."""
    from pta_ros.sensors import SENSORS

    found = next(SENSORS[m].sensor_set for m in setup.sensors)
    if asked and found != asked:
        raise ConfigError(f"--sensor-set {asked}, and --params says {found}; expected one of them")
    known = [m for m, kind in SENSORS.items() if kind.sensor_set == found]
    if wrong := sorted(set(topics) - set(known)):
        raise ConfigError(f"--topic {wrong[0]}=: sensor set {found} has {known}")


def _teacher(options: argparse.Namespace) -> Teacher | None:
    if not options.truth_from_model:
        return None
    from pta_ros.recordings.teacher import ModelTeacher

    return ModelTeacher(options.truth_from_model, options.params, options.out)


def _progress(name: str, done: int, total: int) -> None:
    """One line that is written over, or on no terminal a line now and then."""
    terminal = sys.stderr.isatty()
    if terminal or done == total or done % 20 == 0:
        end = "\r" if terminal and done < total else "\n"
        print(f"{name}: {done}/{total} clips", end=end, file=sys.stderr, flush=True)


def _tell(marker: Marker, out: Path) -> None:
    """What every recording became, and what was left out of it."""
    done = [one for one in marker.recordings if "report" in one]
    unit = "windows" if marker.settings.get("layout") else "frames"
    frames = sum(one["report"]["frames"] for one in done)
    for one in done:
        report = one["report"]
        has = ", ".join(f"{count} {m}" for m, count in report["with"].items())
        truth = "" if unit == "windows" else f", truth: {one['truth'] or 'none'}"
        print(f"{one['name']}: {report['frames']} {unit} ({has}){truth}")
        for text in _left_out(report, unit):
            print(f"  {text}")
    for one in marker.recordings:
        if one not in done:
            print(f"{one['name']}: not finished; the command that began it goes on")
    if not frames:
        raise DatasetError(f"{out}: no {unit}; expected sensors with truth (see above)")
    if marker.classes:
        print(f"classes: {', '.join(marker.classes)}")
    synthetic = "; synthetic" if marker.synthetic else ""
    print(f"{out}: {frames} {unit} in {len(done)} recordings{synthetic}")


def _left_out(report: dict[str, Any], unit: str) -> Iterable[str]:
    what = "instants" if unit == "frames" else unit
    for why, count in report["left_out"].items():
        yield f"left out: {count} {what}: {why}"
    for modality, count in report["with"].items():
        if missing := report["frames"] - count:
            yield f"without {modality}: {missing} {unit}"
    for modality, reasons in report.get("absent", {}).items():
        yield from _most([f"{modality}: {n} {unit}: {why}" for why, n in reasons.items()])
    for modality, reasons in report["unusable_messages"].items():
        yield from _most([f"{modality}: {n} messages: {why}" for why, n in reasons.items()])
    for modality, why in report["no_topic"].items():
        yield f"no {modality}: {why}"
    if count := report["clips_without_frames"]:
        yield f"{count} clips without {unit}"
    yield from (f"note: {text}" for text in report["notes"])


def _most(lines: list[str]) -> list[str]:
    more = len(lines) - _NAMED
    return lines if more <= 0 else [*lines[:_NAMED], f"{more} more kinds"]


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
