"""pta_demo: simulated people on real ROS topics, live fusion, scripted failures, a verdict."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pta_ros.cli import live
from pta_ros.demo.task import CHECKS, PEOPLE, TASKS

if TYPE_CHECKING:
    from pta_ros.demo.plan import Plan, Request

_NEEDED_TO_VIEW = {"rerun": "--view needs rerun; pip install '.[view]' in the repository"}
_RESULTS = ("summary.json", "summary.png")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="pta_demo", description=__doc__)
    add = result.add_argument
    add("--task", choices=sorted(TASKS), default=PEOPLE.name, help="people: depth and LiDAR to "
        "everybody in a room; pose: depth, LiDAR and CSI to one skeleton; activity: radar, Wi-Fi "
        "and RFID to an activity")  # fmt: skip
    add("--duration", type=float, help="seconds that the script lasts (default: the script's)")
    add("--out", type=Path, help="folder for the results (default results/demo)")
    add("--model", type=Path, help="model folder (default: the shipped model)")
    add("--params", type=Path, help="parameter file of the fusion node")
    add("--config", type=Path, help="world and fault script (default: the shipped)")
    add("--seed", type=int, help="seed of the simulated world")
    add("--subject", type=int, help="the simulated person; 41 and up are held out")
    add("--quiet", action="store_true", help="no live table in the terminal")
    add("--view", action="store_true", help="show it live on a page in a browser")
    add("--check", choices=CHECKS, help="let bounds decide. speed: the demo's latencies, rates, "
        "times and memory; in its place: transport, 60 s of 30 Hz without a lost message; busy, "
        "60 s while every core has other work; memory, 10 minutes without growth")  # fmt: skip
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the demo or a check.

    0; 1 (error); 3 (the fusion did not do its job, or a bound was missed); 130, 143 (stopped).
    """
    options = parser().parse_args(argv)
    from pta_ros.demo.plan import make_plan

    live.preflight({**live.NEEDED, **(_NEEDED_TO_VIEW if options.view else {})})
    folder = (options.out or Path("results") / (options.check or "demo")).resolve()
    plan = make_plan(_request(options), folder)
    live.keep(folder, _RESULTS)
    try:
        with live.terminable():
            return _run(plan)
    except (KeyboardInterrupt, live.Terminated) as stop:
        saved = ", ".join(sorted(p.name for p in folder.glob("*.jsonl"))) or "nothing"
        print(f"\nstopped before the end; in {folder}: {saved}, no summary", file=sys.stderr)
        return 143 if isinstance(stop, live.Terminated) else 130


def _run(plan: Plan) -> int:
    from pta_ros.demo.announce import opening
    from pta_ros.demo.run import Runner

    print(opening(plan))
    with Runner(plan, print) as runner:
        measured = runner.run()
    # Late: it loads torch and open3d, which must not lie beside the measured processes.
    from pta_ros.demo.report import make_report

    made = make_report(plan, measured)
    print(f"\n{made.text}\n\nsummary: {' and '.join(str(path) for path in made.files)}")
    return made.exit_code


def _request(options: argparse.Namespace) -> Request:
    from pta_ros.demo.plan import Request

    own = {n: v for n, v in vars(options).items() if n not in ("out", "seed", "subject")}
    return Request(**own, simulation={"seed": options.seed, "subject": options.subject})
