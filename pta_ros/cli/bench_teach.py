"""`bench_teach`: what ten minutes in a room that a model never saw teach it about Wi-Fi, in bounds.

Synthetic rooms and people; some minutes of a core for each room.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_teach", description=__doc__)
    parser.add_argument("--model", default="", help="a model's name or folder (mmfi_lite)")
    parser.add_argument("--rooms", type=int, nargs="+", help="seeds (the judging rooms)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the recording (10)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bench.teach import ROOMS, bench_teach
    from pta_ros.home import model_folder

    folder = model_folder(options.model)
    found = bench_teach(folder, options.rooms or ROOMS, options.minutes, print)
    bounds = [bound for room in found for bound in room.bounds()]
    print(bounds_text(bounds))
    figures = [room.to_dict() for room in found]
    write_json(options.json, {"rooms": figures, "bounds": as_records(bounds)})
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
