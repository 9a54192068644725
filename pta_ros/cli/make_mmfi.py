"""`make_mmfi OUT`: write a synthetic data set in MM-Fi's layout."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pta_ros.cli.trees import fill, finish, numbers
from pta_ros.errors import ConfigError
from pta_ros.simulate.actions import ACTIONS
from pta_ros.simulate.writer import TreePlan, spread_step

#: Subjects, actions and frames of each preset; tiny has subjects of every scene and every split.
PRESETS: dict[str, tuple[str, str, int]] = {
    "tiny": ("1,5,12,25,31", "2,12,17", 4),
    "bench": ("1-40", "1-27", 10),
}


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    out = argparse.ArgumentParser(
        prog="make_mmfi",
        description="Write a synthetic data set in MM-Fi's layout. A second run into the same "
        "folder adds the clips that are missing.",
    )
    out.add_argument("out", type=Path, help="new or synthetic folder")
    out.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    out.add_argument("--seed", type=int, default=0, help="of people, clips and noise (default 0)")
    out.add_argument("--subjects", help="such as 1-32,40 (default: the preset's)")
    out.add_argument("--actions", help="such as 2,12 (default: the preset's)")
    out.add_argument("--frames", type=int, help="per clip; 297 is the real length")
    out.add_argument(
        "--step", type=int, help="sensor periods (0.1 s) between frames (default: spread over 30 s)"
    )
    out.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return out


def plan_of(arguments: argparse.Namespace) -> TreePlan:
    """The tree that the arguments ask for; ConfigError when they contradict themselves."""
    subjects, actions, frames = PRESETS[arguments.preset]
    frames = frames if arguments.frames is None else arguments.frames
    if not 1 <= frames <= 999:
        raise ConfigError(f"--frames {frames}: expected 1 to 999")
    step = spread_step(frames) if arguments.step is None else arguments.step
    if step < 1 or arguments.jobs < 1 or arguments.seed < 0:
        raise ConfigError("--step and --jobs must be at least 1, --seed at least 0")
    return TreePlan(
        seed=arguments.seed,
        subjects=numbers(arguments.subjects or subjects, 40, "subjects"),
        actions=numbers(arguments.actions or actions, len(ACTIONS), "actions"),
        frames=frames,
        step=step,
        preset=arguments.preset,
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the tree."""
    plan = plan_of(arguments)
    total = len(plan.subjects) * len(plan.actions)
    fill(arguments.out, plan, arguments.jobs, total, f"clips of {plan.frames} frames")


def main(argv: Sequence[str] | None = None) -> int:
    """Console entry point; 0 done, 1 failed, 130 interrupted."""
    return finish("make_mmfi", lambda: run(parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
