"""`bench_cameras`: other depth cameras than the model's own, and how long their images take."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.errors import ConfigError
from pta_ros.metrics.bound import as_records, at_most, bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_cameras", description=__doc__)
    parser.add_argument("--model", default="", help="model folder (default: the shipped model)")
    parser.add_argument("--people", type=int, default=24, help="people at one moment each")
    parser.add_argument("--few", action="store_true", help="two cameras instead of twenty")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.people < 4:
        raise ConfigError(f"--people {options.people}; expected 4 or more")
    from pta_ros import checkpoint
    from pta_ros.bench import cameras
    from pta_ros.bench.step import spread
    from pta_ros.home import model_folder

    times = spread(cameras.decode_ms(1280, 720))
    judge = cameras.Judge(
        checkpoint.load(model_folder(options.model)), cameras.moments(options.people)
    )
    listed = [(size, focal) for size in cameras.SIZES for focal in cameras.FOCALS]
    seen = []
    for size, focal in listed[:: len(listed) - 1] if options.few else listed:
        for one in judge.see(*size, focal):
            seen.append(one)
            print(one, flush=True)
    speed = at_most("1280x720, decoded and resampled", times["median"], 5.0, "ms")
    bounds = [speed, *cameras.bounds(seen)]
    print(bounds_text(bounds))
    figures = {"decode_ms": times, "seen": [vars(s) for s in seen], "bounds": as_records(bounds)}
    write_json(options.json, figures)
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
