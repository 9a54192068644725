"""What the tools that write synthetic trees share: options, lists of numbers, progress."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pta_ros.cli import run
from pta_ros.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from pta_ros.simulate.tree import Plan


def tree_parser(tool: str, description: str, presets: Iterable[str]) -> argparse.ArgumentParser:
    """The options that all trees have; numbers that are not given are the preset's."""
    again = "A second run into the same folder adds what is missing."
    out = argparse.ArgumentParser(tool, description=f"{description} {again}")
    out.add_argument("out", type=Path, help="new or synthetic folder")
    out.add_argument("--preset", choices=sorted(presets), default="tiny")
    out.add_argument("--seed", type=int, default=0, help="of people, motions and noise (default 0)")
    out.add_argument("--subjects", help="such as 1-30,40 (default: the preset's)")
    out.add_argument("--actions", help="such as 2,12 (default: the preset's)")
    out.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return out


def parse_numbers(text: str, most: int, what: str) -> tuple[int, ...]:
    """Parse "1-3,7" into (1, 2, 3, 7); ConfigError outside 1 to `most`."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigError(f"--{what} {text!r}: expected numbers and ranges such as 1-3,7")
        found.extend(range(int(first), int(last if dash else first) + 1))
    if not found or min(found) < 1 or max(found) > most:
        raise ConfigError(f"--{what} {text!r}: expected numbers from 1 to {most}")
    return tuple(dict.fromkeys(found))


def write(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    plan_of: Callable[[argparse.Namespace], tuple[Plan, str]],
) -> int:
    """Write the tree of `plan_of` (the plan, and what its parts are); returns the exit code."""
    return run(lambda: _write(parser.parse_args(argv), plan_of))


def _write(
    options: argparse.Namespace, plan_of: Callable[[argparse.Namespace], tuple[Plan, str]]
) -> None:
    if options.jobs < 1 or options.seed < 0:
        raise ConfigError("--jobs must be at least 1, --seed at least 0")
    plan, what = plan_of(options)
    try:
        _fill(options.out, plan, options.jobs, what)
    except OSError as error:
        raise DatasetError(
            f"{options.out}: {error.strerror or error}; expected room and a folder to write to: "
            "then run it again to add what is missing"
        ) from error
    except KeyboardInterrupt:
        print("interrupted; run it again to add what is missing", file=sys.stderr)
        raise


def _fill(out: Path, plan: Plan, jobs: int, what: str) -> None:
    """Write all parts of a plan; progress goes to stderr, the summary to stdout."""
    from pta_ros.datasets.clips import MARKER
    from pta_ros.simulate.tree import write_tree

    total, began, written = sum(1 for _ in plan.parts()), time.monotonic(), 0
    for done, new in enumerate(write_tree(out, plan, jobs), start=1):
        written += new
        if sys.stderr.isatty() or done == total or done % 50 == 0:
            end = "\r" if sys.stderr.isatty() and done < total else "\n"
            print(f"{done}/{total} clips", end=end, file=sys.stderr, flush=True)
    seconds = time.monotonic() - began
    print(
        f"{out}: {written} {what} written in {seconds:.0f} s "
        f"({total - written} were there); synthetic, see {MARKER}"
    )
