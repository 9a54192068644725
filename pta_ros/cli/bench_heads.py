"""`bench_heads`: skeleton and activity from one encoding, against the skeleton alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_heads", description=__doc__)
    parser.add_argument("--model", default="", help="model folder (default: the shipped model)")
    parser.add_argument("--rounds", type=int, default=200, help="estimates of each kind")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros import checkpoint
    from pta_ros.bench.heads import bench_heads
    from pta_ros.home import model_folder

    loaded = checkpoint.load(model_folder(options.model))
    times = bench_heads(loaded.model, loaded.sensors, options.rounds)
    bounds = [times.bound()]
    print(
        f"{loaded.name}: pose {times.pose_ms:.2f} ms, pose and activity {times.both_ms:.2f} ms, "
        f"medians of {times.rounds}\n{bounds_text(bounds)}"
    )
    write_json(options.json, times.to_dict())
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
