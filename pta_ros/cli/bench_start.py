"""`bench_start`: how long a fusion node takes from its start to its first estimate."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_start", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="starts (default 5)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bench.start import bounds, measure_starts

    with TemporaryDirectory() as folder:
        starts = measure_starts(max(1, options.repeats), Path(folder))
    for start in starts:
        print(f"first estimate after {start.first_s:.2f} s, {start.cpu_s:.2f} s of processor time")
    found = bounds(starts)
    print(bounds_text(found))
    figures = [{"first_s": start.first_s, "cpu_s": start.cpu_s} for start in starts]
    write_json(options.json, {"starts": figures, "bounds": as_records(found)})
    return exit_code(found)


def main(arguments: list[str] | None = None) -> int:
    """Console script: 0 when the bound is kept, 3 when not, 1 on an error."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
