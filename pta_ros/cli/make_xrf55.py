"""`make_xrf55 OUT`: write a synthetic data set in XRF55's layout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pta_ros.cli.trees import parse_numbers, tree_parser, write

if TYPE_CHECKING:
    from pta_ros.simulate.xrf55_writer import Xrf55Plan

#: Subjects, actions and repeats of each preset; repeats from 15 on are the published test part.
PRESETS: dict[str, tuple[str, str, str]] = {
    "tiny": ("1-4", "1,23,39", "1-4,15,16"),
    "bench": ("1-12", "1-55", "1-10,15-18"),
}


def _plan_of(options: argparse.Namespace) -> tuple[Xrf55Plan, str]:
    from pta_ros.simulate.actions import XRF55_ACTIONS
    from pta_ros.simulate.xrf55_writer import Xrf55Plan

    subjects, actions, repeats = PRESETS[options.preset]
    plan = Xrf55Plan(
        seed=options.seed,
        subjects=parse_numbers(options.subjects or subjects, 99, "subjects"),
        actions=parse_numbers(options.actions or actions, len(XRF55_ACTIONS), "actions"),
        repeats=parse_numbers(options.repeats or repeats, 20, "repeats"),
        scenes=parse_numbers(options.scenes, 4, "scenes"),
        preset=options.preset,
    )
    return plan, f"clips of {len(plan.repeats)} repeats"


def main(argv: Sequence[str] | None = None) -> int:
    """Console script; returns the exit code."""
    what = "Write a synthetic data set in XRF55's layout, 1.1 MB a sample."
    parser = tree_parser("make_xrf55", what, PRESETS)
    parser.add_argument("--repeats", help="such as 1-20 (default: the preset's)")
    parser.add_argument("--scenes", default="1", help="such as 1-4; each with every subject")
    return write(parser, argv, _plan_of)


if __name__ == "__main__":
    sys.exit(main())
