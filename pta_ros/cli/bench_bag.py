"""`bench_bag`: speed and memory of a replay, on a bag that is repeated to any length."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from pta_ros.cli import run, write_json
from pta_ros.errors import PtaError
from pta_ros.metrics.bound import at_least, at_most, bounds_text, exit_code

MIN_SPEED = 50.0
MAX_GROWTH = 1.2
#: Seconds of a recording whose parts are told.
PART_S = 60.0
MODULE = "pta_ros.cli.bench_bag"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_bag", description=__doc__)
    parser.add_argument("bag", type=Path, help="recording of a minute or so")
    parser.add_argument("--minutes", type=float, nargs=2, default=[3, 30], metavar="M")
    parser.add_argument("--repeats", type=int, default=3, help="of the shorter replay")
    parser.add_argument("--json", type=Path, default=Path("results/bench_bag.json"))
    parser.add_argument(
        "--parts", action="store_true",
        help="say in place of it where the processor's time goes; folded stacks and flame graphs",
    )  # fmt: skip
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.one:
        from pta_ros.bench.replays import measure

        print(json.dumps(measure(options.bag, options.one)))
        return 0
    if options.parts:
        return _parts(options.bag, options.json.with_suffix(""))
    short, long = options.minutes
    runs = [_in_a_process(options.bag, short) for _ in range(options.repeats)]
    lasting = _in_a_process(options.bag, long)
    speeds = sorted(r["speed"] for r in [*runs, lasting])
    growth = lasting["peak_mb"] / median(r["peak_mb"] for r in runs)
    figures = {"short": runs, "long": lasting, "median_speed": median(speeds), "growth": growth}
    write_json(options.json, figures)
    bounds = [
        at_least("speed, times real time", median(speeds), MIN_SPEED, "x"),
        at_most(f"memory of {long:g} minutes / of {short:g}", growth, MAX_GROWTH, "x"),
    ]
    print(
        f"speed {speeds[0]:.1f} to {speeds[-1]:.1f} times real time, {lasting['cpu_ms']:.2f} ms of "
        f"a processor for each estimate, memory of both processes at its peak "
        f"{lasting['peak_mb']:.0f} MB over {long:g} minutes\n{bounds_text(bounds)}"
    )
    return exit_code(bounds)


def _parts(bag: Path, beside: Path) -> int:
    """Print the table of parts; stacks, folded and drawn, go to files that begin as `beside`."""
    from pta_ros.bench.flame import draw
    from pta_ros.bench.parts import folded, spent, table

    beside.parent.mkdir(parents=True, exist_ok=True)
    columns = {}
    for name, ahead in (("frame by frame, as live", False), ("replay", True)):
        columns[name], stacks = spent(bag, PART_S, ahead)
        path = f"{beside}.{'replay' if ahead else 'live'}"
        Path(f"{path}.folded").write_text(folded(stacks), encoding="utf-8")
        draw(stacks, name, Path(f"{path}.png"))
    print(table(columns))
    return 0


def _in_a_process(bag: Path, minutes: float) -> dict[str, float]:
    """`measure` in a fresh process, whose memory is its own."""
    command = [sys.executable, "-m", MODULE, str(bag), "--one", str(minutes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PtaError(done.stderr.strip() or f"{command} ended with {done.returncode}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Console script: 0 when the bounds are kept, 3 when not, 1 on an error."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    sys.exit(main())
