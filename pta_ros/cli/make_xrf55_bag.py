"""`make_xrf55_bag OUT`: a synthetic session of radar, Wi-Fi and RFID as a bag, with the truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run
from pta_ros.cli.trees import parse_numbers
from pta_ros.errors import ConfigError


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
    parser.add_argument("--actions", help="which take turns, such as 2,23-26 (default: all 55)")
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="write what is done when, for bag_to_dataset"
    )
    parser.add_argument("--loss", type=float, default=0.02, help="share of messages that are lost")
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.datasets.xrf55 import ACTIVITIES
    from pta_ros.simulate.xrf55_bag import SessionPlan, labels_of, session_to_bag

    own = ("out", "storage", "labels", "actions")
    given = {k: v for k, v in vars(options).items() if k not in own}
    if options.actions:
        given["actions"] = parse_numbers(options.actions, len(ACTIVITIES), "actions")
    plan = SessionPlan(**given)
    written = session_to_bag(plan, options.out, options.storage)
    if options.labels:
        _write_labels(options.labels, labels_of(plan))
    counts = ", ".join(f"{count} {topic}" for topic, count in sorted(written.messages.items()))
    print(f"{options.out}: {written.seconds:.1f} s, {counts}; synthetic")
    return 0


def _write_labels(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--labels {path}: {error.strerror}; expected a new file") from error


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
