"""`bench_people`: how long it takes from messages to everybody in sight, by how many there are."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_people", description=__doc__)
    parser.add_argument("--repeats", type=int, default=50, help="of each kind (default 50)")
    parser.add_argument(
        "--threads", type=int, default=2, help="of the model (default 2; the node's is 1)"
    )
    parser.add_argument(
        "--precision", choices=("auto", "float32", "bfloat16"), default="auto",
        help="of the convolutions (default auto: as the node's parameter)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bench.people import bench_people
    from pta_ros.fusion.engine import resolve_precision

    precision = resolve_precision(options.precision, "cpu", finds_people=True)
    times = bench_people(options.repeats, options.threads, precision)
    bounds = times.bounds()
    print("\n".join([*times.notes(), bounds_text(bounds)]))
    write_json(options.json, {**times.to_dict(), "bounds": as_records(bounds)})
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
