"""`mmfi_to_bag ROOT SCENE SUBJECT ACTION OUT`: one clip, also a wide one, as a bag of topics."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pta_ros.cli import run
from pta_ros.errors import ConfigError

if TYPE_CHECKING:
    from pta_ros.datasets.mmfi_bag import Written

#: How many of the frames that were left out are named; the others are counted.
_NAMED = 10
RATE_HZ = 10.0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("mmfi_to_bag", description=__doc__)
    parser.add_argument("root", type=Path, help="root of a tree in MM-Fi's layout")
    parser.add_argument("scene", help="E01 ...")
    parser.add_argument("subject", help="S01 ...")
    parser.add_argument("action", help="A01 ...")
    parser.add_argument("out", type=Path, help="new folder for the bag")
    parser.add_argument(
        "--rate", type=float, metavar="HZ", help="frames per second (10; of a wide tree its own, 2)"
    )
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap")
    parser.add_argument(
        "--start", type=float, metavar="S", help="time of frame 1, Unix seconds (1600000000)"
    )
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.datasets.clips import made_with
    from pta_ros.datasets.mmfi_bag import START_NS, clip_to_bag, find_clip
    from pta_ros.datasets.wide_bag import find_wide_clip, is_wide, step_s, wide_to_bag

    synthetic = made_with(options.root) is not None
    start_ns = START_NS if options.start is None else _nanoseconds(options.start)
    named = (options.root, options.scene, options.subject, options.action)
    if is_wide(options.root):
        rate_hz = 1.0 / step_s(options.root) if options.rate is None else options.rate
        wide = find_wide_clip(*named)
        written = wide_to_bag(wide, options.out, rate_hz, options.storage, start_ns)
    else:
        rate_hz = RATE_HZ if options.rate is None else options.rate
        label = "synthetic" if synthetic else "MM-Fi"
        written = clip_to_bag(
            find_clip(*named), options.out, rate_hz, options.storage, start_ns, label
        )
    _tell(written, options.out, synthetic)
    return 0


def _nanoseconds(seconds: float) -> int:
    """Unix seconds that a message's stamp can hold, as nanoseconds."""
    if not 0 < seconds < 2**31:
        raise ConfigError(f"--start {seconds}: expected Unix seconds, above 0 and below 2^31")
    return round(seconds * 1_000_000) * 1000


def _tell(written: Written, out: Path, synthetic: bool) -> None:
    """What was written to stdout, what was left out to stderr."""
    for text in written.left_out[:_NAMED]:
        print(f"left out: {text}", file=sys.stderr)
    if (more := len(written.left_out) - _NAMED) > 0:
        print(f"left out: {more} more", file=sys.stderr)
    counts = ", ".join(f"{count} {topic}" for topic, count in sorted(written.messages.items()))
    note = "; synthetic" if synthetic else ""
    print(f"{out}: {written.seconds:.1f} s, {counts}{note}")


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
