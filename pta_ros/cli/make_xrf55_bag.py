"""`make_xrf55_bag OUT`: a synthetic session of radar, Wi-Fi and RFID as a bag, with the truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("make_xrf55_bag", description=__doc__)
    parser.add_argument("out", type=Path, help="new folder for the bag")
    parser.add_argument("--seconds", type=float, default=60.0, help="length (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the person and the noise")
    parser.add_argument(
        "--subject", type=int, default=41, help="person; 41 and up are held out of training"
    )
    parser.add_argument("--scene", type=int, default=1, help="1 to 4")
    parser.add_argument(
        "--activity-s", type=float, default=9.0, metavar="S", help="length of each activity"
    )
    parser.add_argument("--loss", type=float, default=0.02, help="share of messages that are lost")
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.simulate.xrf55_bag import SessionPlan, session_to_bag

    given = {k: v for k, v in vars(options).items() if k not in ("out", "storage")}
    written = session_to_bag(SessionPlan(**given), options.out, options.storage)
    counts = ", ".join(f"{count} {topic}" for topic, count in sorted(written.messages.items()))
    print(f"{options.out}: {written.seconds:.1f} s, {counts}; synthetic")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
