"""What the tools that write synthetic trees share: lists of numbers, progress, exit codes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from pta_ros.errors import ConfigError, PtaError
from pta_ros.simulate.tree import MARKER, Plan, write_tree


def numbers(text: str, most: int, what: str) -> tuple[int, ...]:
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


def fill(out: Path, plan: Plan, jobs: int, total: int, what: str) -> None:
    """Write the tree's `total` parts; progress goes to stderr, the summary to stdout."""
    began, written = time.monotonic(), 0
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


def finish(tool: str, work: Callable[[], None]) -> int:
    """Call `work`; the tool's exit code: 0 done, 1 failed, 130 interrupted."""
    try:
        work()
    except (PtaError, OSError) as error:
        print(f"{tool}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{tool}: interrupted; run it again to add what is missing", file=sys.stderr)
        return 130
    return 0
