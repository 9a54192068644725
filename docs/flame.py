"""The flame graphs of performance_live.md: an estimate as a live node makes it, once and now.

`python docs/flame.py BAG` samples this repository and an older commit of it (checked out to a
folder that is removed again), one right after the other, and draws both on one scale to
docs/images/flame_before.png and flame_now.png. Milliseconds mean something on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from pta_ros.bench.flame import draw, total_ms, unfolded
from pta_ros.bench.parts import Stack
from pta_ros.cli import run
from pta_ros.errors import PtaError

HERE = Path(__file__).resolve().parents[1]
#: The first commit of the page's table.
FIRST = "4be9141"
#: Run in either tree: the older one counts microseconds of all estimates.
_SAMPLE = """
import sys; from collections import Counter; from pathlib import Path
from pta_ros.bench.parts import folded, spent
parts, stacks = spent(Path(sys.argv[1]), 60.0, False)
each = 1e6 * sum(parts.values()) / stacks.total()
print(folded(Counter({stack: round(each * n) for stack, n in stacks.items()})), end="")
"""


def _ran(command: list[str], tree: Path) -> str:
    """What a command prints that runs in a tree; raises PtaError with its last line of error."""
    around = {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        command, cwd=tree, env=around, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PtaError(f"in {tree}: {(done.stderr.strip().splitlines() or ['no reason told'])[-1]}")
    return done.stdout


def stacks_of(bag: Path, tree: Path) -> Counter[Stack]:
    """The stacks of an estimate of a recording, frame by frame, by the package in `tree`."""
    command = [sys.executable, "-c", _SAMPLE, str(bag.resolve())]
    return unfolded(_ran(command, tree), f"the stacks of {tree}")


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bag", type=Path)
    parser.add_argument("--before", default=FIRST, metavar="COMMIT", help=f"default {FIRST}")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        old = Path(folder) / "old"
        _ran(["git", "worktree", "add", "--detach", str(old), options.before], HERE)
        try:
            found = {f"before ({options.before})": stacks_of(options.bag, old)}
        finally:
            _ran(["git", "worktree", "remove", "--force", str(old)], HERE)
    found["now"] = stacks_of(options.bag, HERE)
    widest_ms = max(total_ms(stacks) for stacks in found.values())
    for (when, stacks), name in zip(found.items(), ("before", "now"), strict=True):
        path = HERE / "docs" / "images" / f"flame_{name}.png"
        draw(stacks, f"An estimate, frame by frame as live, {when}", path, widest_ms)
        sys.stdout.write(f"{path.relative_to(HERE)}: {total_ms(stacks):.2f} ms\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(_main))
