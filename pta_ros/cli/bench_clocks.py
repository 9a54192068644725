"""`bench_clocks`: sensors with wrong clocks under `align`: live, and in sync? In made-up time."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_clocks", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bench import clocks

    kept = []
    for clock in clocks.CLOCKS:
        for sensor in clocks.NAMES:
            kept.append(clocks.keep(clock, sensor))
            print(kept[-1], flush=True)
    bounds = clocks.bounds(kept)
    print(bounds_text(bounds))
    write_json(options.json, {"kept": [vars(k) for k in kept], "bounds": as_records(bounds)})
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
