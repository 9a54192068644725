"""`evaluate_frames`: a model of people on depth frames of one's own, marked by hand.

DIR holds, at any depth, NAME.png (16-bit depth) and NAME.json: width, height, fx, fy, cx, cy, unit
("mm", "m" or metres per count), and joints_px {"left_wrist": [u, v], ...} of one person, or people
(how many are there), or both. Optional: distortion, and the camera's height_m, pitch_deg (positive
looks down), roll_deg; without these they are read off the floor, or else level and 1 m are assumed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.errors import ConfigError, DatasetError


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "evaluate_frames", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder of frames, searched deeply")
    parser.add_argument("--model", default="", help="model folder (default: models/people_lite)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write a picture of each frame")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if not options.dir.is_dir():
        raise DatasetError(f"{options.dir}: no such folder; expected one of depth frames")
    if options.out and options.out.resolve().is_relative_to(options.dir.resolve()):
        raise ConfigError(
            f"--out {options.out}: inside {options.dir}, where its pictures would be taken for "
            "frames; expected another folder"
        )
    from pta_ros.evaluation.frames.measure import figures, measure_folder
    from pta_ros.evaluation.frames.picture import write_picture
    from pta_ros.evaluation.frames.text import tables
    from pta_ros.fusion.people import PeopleEstimator
    from pta_ros.home import model_folder

    estimator = PeopleEstimator.load(model_folder(options.model, "people"))
    measured = list(measure_folder(options.dir, estimator, _progress))
    found = figures(measured)
    print(tables(measured, found))
    write_json(options.json, found)
    if options.out:
        for one in measured:
            write_picture(one, options.out)
        print(f"written: {options.out}")
    return 0


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{total} ", end="" if done < total else "\r", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
