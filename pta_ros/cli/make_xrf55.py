"""`make_xrf55 OUT`: write a synthetic data set in XRF55's layout."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pta_ros.cli.trees import fill, finish, numbers
from pta_ros.errors import ConfigError
from pta_ros.simulate.actions import XRF55_ACTIONS
from pta_ros.simulate.xrf55_writer import Xrf55Plan

#: Subjects, actions and repeats of each preset; repeats from 15 on are the published test part.
PRESETS: dict[str, tuple[str, str, str]] = {
    "tiny": ("1-4", "1,23,39", "1-4,15,16"),
    "bench": ("1-12", "1-55", "1-10,15-18"),
}


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    out = argparse.ArgumentParser(
        prog="make_xrf55",
        description="Write a synthetic data set in XRF55's layout, 1.1 MB a sample. A second run "
        "into the same folder adds the samples that are missing.",
    )
    out.add_argument("out", type=Path, help="new or synthetic folder")
    out.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    out.add_argument("--seed", type=int, default=0, help="of people, samples and noise (default 0)")
    out.add_argument("--subjects", help="such as 1-30 (default: the preset's)")
    out.add_argument("--actions", help="such as 2,12 (default: the preset's)")
    out.add_argument("--repeats", help="such as 1-20 (default: the preset's)")
    out.add_argument("--scenes", default="1", help="such as 1-4; each with every subject")
    out.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return out


def plan_of(arguments: argparse.Namespace) -> Xrf55Plan:
    """The tree that the arguments ask for; ConfigError when they contradict themselves."""
    subjects, actions, repeats = PRESETS[arguments.preset]
    if arguments.jobs < 1 or arguments.seed < 0:
        raise ConfigError("--jobs must be at least 1, --seed at least 0")
    return Xrf55Plan(
        seed=arguments.seed,
        subjects=numbers(arguments.subjects or subjects, 99, "subjects"),
        actions=numbers(arguments.actions or actions, len(XRF55_ACTIONS), "actions"),
        repeats=numbers(arguments.repeats or repeats, 20, "repeats"),
        scenes=numbers(arguments.scenes, 4, "scenes"),
        preset=arguments.preset,
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the tree."""
    plan = plan_of(arguments)
    total = len(plan.scenes) * len(plan.subjects) * len(plan.actions)
    fill(arguments.out, plan, arguments.jobs, total, f"clips of {len(plan.repeats)} repeats")


def main(argv: Sequence[str] | None = None) -> int:
    """Console entry point; 0 done, 1 failed, 130 interrupted."""
    return finish("make_xrf55", lambda: run(parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
