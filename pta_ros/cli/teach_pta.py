"""`teach_pta BAG... --out MODEL_FOLDER`: Wi-Fi CSI learns a room from depth and LiDAR.

A recording of some ten minutes of one person who walks through the room; depth and LiDAR say where
the person is, CSI learns it. Answers without CSI stay as they are. The last fifth of the recording
judges, and a model that is not better is not written. A second run of the same command goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import run, write_json
from pta_ros.errors import ConfigError

if TYPE_CHECKING:
    from pta_ros.checkpoint import Checkpoint
    from pta_ros.recordings.lessons import Material
    from pta_ros.recordings.marker import Marker
    from pta_ros.training.lesson import Lesson
    from pta_ros.training.teach import Taught

_PICTURE = "coverage.png"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "teach_pta", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("bag", type=Path, nargs="+", help="rosbag2 recordings of one room: folders or files")
    add("--out", type=Path, required=True, metavar="FOLDER", help="new model folder")
    add("--model", default="mmfi_lite", help="a shipped model's name, or a folder (mmfi_lite)")
    add("--params", type=Path, help="the fusion node's parameter file: topics, lenses, poses")
    add("--work", type=Path, metavar="FOLDER", help="for the lesson (FOLDER.lesson beside --out)")
    add("--threads", type=int, default=0, metavar="N", help="of training (torch's own choice)")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes that read recordings")
    add("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    import torch

    from pta_ros import checkpoint
    from pta_ros.cli.train_pta import Console
    from pta_ros.home import model_folder
    from pta_ros.recordings.lessons import Material, lesson_of
    from pta_ros.training.teach import check_model, teach

    work = options.work or options.out.with_name(f"{options.out.name}.lesson")
    _check_out(options.out, work)
    if options.threads < 0:
        raise ConfigError(f"--threads {options.threads}: expected 0 (torch's choice) or more")
    if options.threads:
        torch.set_num_threads(options.threads)
    loaded = checkpoint.load(model_folder(options.model))
    check_model(loaded)
    given = Material(tuple(options.bag), options.model, options.params, work, options.jobs)
    console = Console()
    lesson, marker = lesson_of(given, loaded.sensors, _progress, console.progress("reduce"))
    taught = teach(loaded, lesson, work / "training", console)
    _tell(taught, marker.synthetic)
    write_json(options.json, {**taught.to_dict(), "synthetic": marker.synthetic})
    taught.check()
    _write(options.out, loaded, taught, lesson, _told(given, marker))
    print(f"model: {options.out}; {work} is not needed any more")
    return 0


def _check_out(out: Path, work: Path) -> None:
    if out.resolve() in (work.resolve(), *work.resolve().parents):
        raise ConfigError(f"--work {work}: is in --out; expected another folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out}: is there already; expected a new folder: choose another")


def _told(given: Material, marker: Marker) -> dict[str, Any]:
    """What the model's provenance says of the recordings."""
    recordings = [one["name"] for one in marker.recordings]
    return {"recordings": recordings, "synthetic": marker.synthetic, "teacher": given.model}


def _progress(name: str, done: int, total: int) -> None:
    print(f"{name}: {done}/{total} clips", file=sys.stderr, flush=True)


def _tell(taught: Taught, synthetic: bool) -> None:
    """The figures of the last fifth, and how many instants were used."""
    parts = taught.parts
    counts = [f"{len(getattr(parts, n))} {n}" for n in ("train", "calibrate", "judge")]
    left = ", ".join(f"{count} {why}" for why, count in parts.left_out.items() if count)
    print(f"{parts.seconds:.0f} s of instants: {', '.join(counts)}; left out: {left or 'none'}")
    print(
        f"the last fifth against the teacher{' (synthetic)' if synthetic else ''}; always the mean "
        f"pose: {taught.mean_pose_mm:.0f} mm"
    )
    for name, after in taught.after.items():
        old, new = taught.before[name].to_dict(), after.to_dict()
        print(
            f"  {name:<16} MPJPE {old['mpjpe_mm']:5.0f} -> {new['mpjpe_mm']:4.0f} mm   "
            f"centre {old['centre_m']:.2f} -> {new['centre_m']:.2f} m   "
            f"within 1 deviation {old['within_1']:.2f} -> {new['within_1']:.2f}, "
            f"2 {old['within_2']:.2f} -> {new['within_2']:.2f}"
        )


def _write(
    out: Path, loaded: Checkpoint, taught: Taught, lesson: Lesson, told: dict[str, Any]
) -> None:
    """Write the model and its picture: whole, or not at all."""
    import shutil

    from pta_ros import checkpoint
    from pta_ros.datasets.parts import PARTIAL
    from pta_ros.people.centred import trunk
    from pta_ros.recordings.coverage import draw_coverage
    from pta_ros.training.teach import provenance

    partial = out.with_name(f"{PARTIAL}{out.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        places, parts = trunk(lesson.data.joints), taught.parts
        title = f"{out.name}, taught by depth and LiDAR{' (synthetic)' * told['synthetic']}"
        draw_coverage(
            places[parts.train], places[parts.judge], taught.errors_mm, title, partial / _PICTURE
        )
        about = provenance(taught, loaded, **told)
        checkpoint.save(partial, taught.model, loaded.sensors, loaded.statistics, about)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
