"""`bench_conversion`: how fast bag_to_dataset is, against the time of the recording."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_conversion", description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of the recording (40)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bench.conversion import bench_conversion

    time = bench_conversion(options.seconds, options.jobs)
    bounds = time.bounds()
    print("\n".join([*time.notes(), bounds_text(bounds)]))
    write_json(options.json, {**time.to_dict(), "bounds": as_records(bounds)})
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
