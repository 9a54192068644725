"""`make_mmfi OUT`: write a synthetic data set in MM-Fi's layout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pta_ros.cli.trees import parse_numbers, tree_parser, write
from pta_ros.errors import ConfigError

if TYPE_CHECKING:
    from pta_ros.simulate.tree import Plan
    from pta_ros.simulate.wide.writer import WidePlan

#: Subjects, actions and frames of each preset; tiny has subjects of every scene and every split.
PRESETS: dict[str, tuple[str, str, int]] = {
    "tiny": ("1,5,12,25,31", "2,12,17", 4),
    "bench": ("1-40", "1-27", 10),
}
#: Scenes for training, validation and test, and frames of each, of the wide world's presets.
WIDE: dict[str, tuple[tuple[int, int, int], int]] = {
    "wide": ((6000, 300, 600), 4),
    "wide_gpu": ((60_000, 1000, 2000), 4),
}


def _plan_of(options: argparse.Namespace) -> tuple[Plan, str]:
    if options.preset in WIDE:
        return _wide_plan(options)
    from pta_ros.simulate.actions import ACTIONS
    from pta_ros.simulate.writer import TreePlan, spread_step

    subjects, actions, frames = PRESETS[options.preset]
    frames = frames if options.frames is None else options.frames
    if not 1 <= frames <= 999:
        raise ConfigError(f"--frames {frames}: expected 1 to 999")
    step = spread_step(frames) if options.step is None else options.step
    if step < 1:
        raise ConfigError(f"--step {step}: expected 1 or more")
    plan = TreePlan(
        seed=options.seed,
        subjects=parse_numbers(options.subjects or subjects, 40, "subjects"),
        actions=parse_numbers(options.actions or actions, len(ACTIONS), "actions"),
        frames=frames,
        step=step,
        preset=options.preset,
    )
    return plan, f"clips of {frames} frames"


def _wide_plan(options: argparse.Namespace) -> tuple[WidePlan, str]:
    """The wide world's: subjects, actions and step are its own."""
    from pta_ros.simulate.wide.writer import WidePlan

    given = [n for n in ("subjects", "actions", "step") if getattr(options, n) is not None]
    if given:
        raise ConfigError(f"--{given[0]}: not of preset {options.preset}; expected --scenes")
    scenes, frames = WIDE[options.preset]
    if options.scenes is not None:
        try:
            first, second, third = (int(text) for text in options.scenes.split(","))
        except ValueError as error:
            raise ConfigError(
                f"--scenes {options.scenes!r}: expected three numbers such as 100,10,20"
            ) from error
        scenes = first, second, third
    frames = frames if options.frames is None else options.frames
    if not 1 <= frames <= 999 or min(scenes) < 0 or max(scenes) > 99_999:
        raise ConfigError(f"{frames} frames, scenes {scenes}: expected 1 to 999, 0 to 99999 each")
    return WidePlan(options.seed, scenes, frames, options.preset), f"clips of {frames} frames"


def main(argv: Sequence[str] | None = None) -> int:
    """Console script; returns the exit code."""
    what = "Write a synthetic data set in MM-Fi's layout."
    parser = tree_parser("make_mmfi", what, [*PRESETS, *WIDE])
    parser.add_argument(
        "--scenes", help="of the wide world: training, validation, test (default 6000,300,600)"
    )
    parser.add_argument("--frames", type=int, help="per clip; 297 is the real length")
    parser.add_argument(
        "--step", type=int, help="sensor periods (0.1 s) between frames (default: spread over 30 s)"
    )
    return write(parser, argv, _plan_of)


if __name__ == "__main__":
    sys.exit(main())
