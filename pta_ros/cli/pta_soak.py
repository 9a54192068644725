"""pta_soak: kills, cycles, hours and busy processors, with a report and bounds that decide."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pta_ros.cli import live, run
from pta_ros.metrics.bound import bounds_text, exit_code

_RESULTS = ("report.json", "report.md")
PARTS = ("kills", "cycles", "forward", "real")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("pta_soak", description=__doc__)
    add = parser.add_argument
    add("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="kills: "
        "SIGKILL to every process in turn; cycles: activate and deactivate; forward: hours of "
        "simulated time; real: minutes of real time (default: all)")  # fmt: skip
    add("--rounds", type=_positive_int, default=3, help="of kills (default 3)")
    add("--cycles", type=_positive_int, default=200, help="of cycles (default 200)")
    add("--hours", type=_positive, default=24.0, help="of forward, simulated (default 24)")
    add("--rate-hz", type=_positive, default=1.0, help="of forward: readings per simulated second "
        "of each sensor (default 1)")  # fmt: skip
    add("--minutes", type=_positive, default=30.0, help="of real (default 30)")
    add("--busy", action="store_true", help="keep all processors busy with other work beside it")
    add("--out", type=Path, default=Path("results/soak"), help="folder for the report")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}; expected a number above 0")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}; expected 1 or more")
    return value


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    live.preflight(live.NEEDED)
    folder = options.out.resolve()
    live.keep(folder, _RESULTS)
    from pta_ros.soak import report
    from pta_ros.soak.busy import Busy

    busy = (os.cpu_count() or 1) if options.busy else 0
    parts: dict[str, Any] = {}
    bounds = []
    try:
        with live.terminable(), Busy(busy, folder):
            for name in (part for part in PARTS if part in options.only):
                print(f"-- {name}", flush=True)
                parts[name], judged = _RUN[name](options, folder)
                bounds += judged
                print(bounds_text(judged), flush=True)
                page = report.write(folder, parts, bounds, busy)
    except (KeyboardInterrupt, live.Terminated) as stop:
        done = ", ".join(parts) or "nothing"
        print(f"\nstopped before the end; {folder} tells of: {done}", file=sys.stderr)
        return 143 if isinstance(stop, live.Terminated) else 130
    print(f"\nreport: {page} and {folder / 'report.json'}")
    return exit_code(bounds)


def _say(text: str) -> None:
    print(text, flush=True)


def _plan(folder: Path, **asked: Any) -> Any:
    from pta_ros.demo.plan import Request, make_plan

    folder.mkdir(parents=True, exist_ok=True)
    return make_plan(Request("pose", quiet=True, **asked), folder)


_Made = tuple[Mapping[str, Any], list[Any]]


def _kills(options: argparse.Namespace, folder: Path) -> _Made:
    from pta_ros.soak import bounds, kills

    record = kills.run(_plan(folder), folder / "kills", options.rounds)
    return record, bounds.kill_bounds(record)


def _cycles(options: argparse.Namespace, folder: Path) -> _Made:
    from pta_ros.soak import bounds, cycles

    record = cycles.run(_plan(folder), folder / "cycles", options.cycles)
    return record, bounds.cycle_bounds(record, options.cycles)


def _forward(options: argparse.Namespace, folder: Path) -> _Made:
    from pta_ros.soak import bounds, fast

    hours, rate_hz = options.hours, options.rate_hz
    record = fast.run(_plan(folder), folder / "forward", hours, rate_hz, _say)
    return record, bounds.forward_bounds(record, hours)


def _real(options: argparse.Namespace, folder: Path) -> _Made:
    from pta_ros.soak import bounds, real

    plan = _plan(folder / "real", check="memory", duration=60.0 * options.minutes)
    record = real.run(plan, lambda _: None)
    return record, bounds.real_bounds(record, options.busy)


_RUN: dict[str, Callable[[argparse.Namespace, Path], _Made]] = {
    "kills": _kills, "cycles": _cycles, "forward": _forward, "real": _real,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Console script; 0, 1 (error), 3 (a bound was missed), 130 or 143 (stopped)."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
