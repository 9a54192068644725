"""pta_demo: simulated people on real ROS topics, live fusion, scripted failures, a verdict."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from pta_ros.demo.task import CHECKS, PEOPLE, TASKS
from pta_ros.errors import ConfigError

if TYPE_CHECKING:
    from pta_ros.demo.plan import Plan, Request

_NEEDED = {
    "rclpy": "ROS 2 cannot be found; source a distribution, or use 'make demo', which brings it",
    "pta_msgs": "pta_msgs is not built or not sourced; in the repository: 'make build', or "
    "'colcon build --base-paths . pta_msgs' and source install/setup.bash",
    "open3d": "open3d is missing; pip install open3d-cpu",
    "torch": "PyTorch is missing; pip install torch",
}
_NEEDED_TO_VIEW = {"rerun": "--view needs rerun; pip install '.[view]' in the repository"}
_PROBE = bytes(1 << 20)


class _Terminated(Exception):
    """SIGTERM came."""


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
        "times and memory; in its place: transport, 60 s of 30 Hz without a lost message, or "
        "memory, 10 minutes without growth")  # fmt: skip
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the demo or a check.

    0; 1 (error); 3 (the fusion did not do its job, or a bound was missed); 130, 143 (stopped).
    """
    options = parser().parse_args(argv)
    from pta_ros.demo.plan import make_plan

    _preflight({**_NEEDED, **(_NEEDED_TO_VIEW if options.view else {})})
    folder = (options.out or Path("results") / (options.check or "demo")).resolve()
    plan = make_plan(_request(options), folder)
    _keep(folder)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return _run(plan)
    except (KeyboardInterrupt, _Terminated) as stop:
        saved = ", ".join(sorted(p.name for p in folder.glob("*.jsonl"))) or "nothing"
        print(f"\nstopped before the end; in {folder}: {saved}, no summary", file=sys.stderr)
        return 143 if isinstance(stop, _Terminated) else 130
    finally:
        signal.signal(signal.SIGTERM, before)


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


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _preflight(needed: dict[str, str]) -> None:
    """Name what is missing before anything is started."""
    for module, advice in needed.items():
        spec = find_spec(module)
        # A folder of that name is found too, as a namespace: pta_msgs/ in the repository is one.
        if spec is None or spec.origin is None:
            raise ConfigError(advice)


def _keep(path: Path) -> None:
    """Make the results' folder and keep it from other demos; removes the results before."""
    from pta_ros.demo.processes import lock

    probe = path / ".probe"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(_PROBE)
    except OSError as error:
        raise ConfigError(f"cannot write to {path}: {error.strerror}; choose --out") from error
    finally:
        with suppress(OSError):
            probe.unlink()
    if lock(path) is None:
        raise ConfigError(f"another demo writes to {path}; wait for it or choose another --out")
    for name in ("summary.json", "summary.png"):
        (path / name).unlink(missing_ok=True)
