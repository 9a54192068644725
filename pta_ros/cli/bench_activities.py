"""`bench_activities SET`: activities followed over time, against each instant by itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_activities", description=__doc__)
    parser.add_argument("sensor_set", choices=("mmfi", "xrf55"), help="whose shipped model")
    parser.add_argument(
        "--people", type=int, nargs="+", help="simulated subjects (default: those held out)"
    )
    parser.add_argument("--seconds", type=float, help="of each (default 80, or 495 of xrf55)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bench import activities

    name = options.sensor_set
    engine, people = activities.start(name), options.people or activities.HELD_OUT[name]
    seconds = options.seconds or activities.SECONDS[name]
    told = [activities.tell(engine, name, subject, seconds) for subject in people]
    found = activities.compare(told, engine.params.activity)
    for subset, (alone, followed) in found.items():
        print(f"{subset}\n  by itself  {alone}\n  followed   {followed}")
    bounds = activities.bounds(name, *list(found.values())[-1])
    print(f"{engine.loaded.name}, people {people}, {seconds:g} s each\n{bounds_text(bounds)}")
    figures = {k: [activities.as_record(f) for f in pair] for k, pair in found.items()}
    write_json(options.json, {"subsets": figures, "bounds": as_records(bounds)})
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
