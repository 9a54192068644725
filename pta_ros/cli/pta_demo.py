"""pta_demo: a simulated person on real ROS topics, live fusion, scripted failures, a summary."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from pta_ros.demo import checks as demo_checks
from pta_ros.demo.files import shipped
from pta_ros.demo.processes import lock
from pta_ros.demo.report import check_report, demo_report, missed, print_bounds
from pta_ros.demo.run import ACTIVITY, POSE, TASKS, Plan, Runner, Task
from pta_ros.errors import ConfigError
from pta_ros.simulate.script import Script, load_script
from pta_ros.view.page import Page

#: Below it the silent phases end before a stream can be called stale.
MIN_DURATION_S = {"pose": 12.0, "activity": 60.0}
MISSED = 3  # exit code: it ran, and a bound was missed
_SIMULATION = {
    "pose": {"seed", "subject", "scene", "rate_hz"},
    "activity": {"seed", "subject", "scene", "activity_s", "loss", "jitter_s"},
}
_FLOATS = ("rate_hz", "activity_s", "loss", "jitter_s")
_NEEDED = {
    "rclpy": "ROS 2 cannot be found; source a distribution, or use 'make demo', which brings it",
    "pta_msgs": "pta_msgs is not built or not sourced; in the repository: 'make build', or "
    "'colcon build --base-paths . pta_msgs' and source install/setup.bash",
    "open3d": "open3d is missing; pip install open3d-cpu",
    "torch": "PyTorch is missing; pip install torch",
}
_NEEDED_TO_VIEW = {"rerun": "--view needs rerun; pip install '.[view]' in the repository"}


class _Terminated(Exception):
    """SIGTERM came."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="pta_demo", description=__doc__)
    result.add_argument(
        "--task", choices=sorted(TASKS), default="pose", help="pose: depth, LiDAR and CSI to a "
        "skeleton; activity: radar, Wi-Fi and RFID to an activity",
    )  # fmt: skip
    result.add_argument(
        "--duration", type=float, help="seconds that the script lasts (default: the script's)"
    )
    result.add_argument("--out", type=Path, help="folder for the results (default results/demo)")
    result.add_argument("--model", type=Path, help="model folder (default: the shipped model)")
    result.add_argument("--params", type=Path, help="parameter file of the fusion node")
    result.add_argument("--config", type=Path, help="world and fault script (default: the shipped)")
    result.add_argument("--seed", type=int, help="seed of the simulated world")
    result.add_argument("--subject", type=int, help="the simulated person; 41 and up are held out")
    result.add_argument("--quiet", action="store_true", help="no live table in the terminal")
    result.add_argument("--view", action="store_true", help="show it live on a page in a browser")
    result.add_argument(
        "--check",
        choices=("transport", "memory"),
        help="instead of the demo: 60 s of 30 Hz without a lost message, or 10 minutes without "
        "growth of memory",
    )
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the demo or a check; 0, 1 (error), 3 (a bound was missed), 130 or 143 (stopped)."""
    options = parser().parse_args(argv)
    _preflight({**_NEEDED, **(_NEEDED_TO_VIEW if options.view else {})})
    folder = _folder(options.out or Path("results") / (options.check or "demo"))
    plan = _plan(options, folder)
    signal.signal(signal.SIGTERM, _terminate)
    runner = Runner(plan, print)
    try:
        with runner:
            print(_announce(plan))
            runner.run()
        report = check_report if options.check else demo_report
        summary = report(plan, runner.measured)
    except (KeyboardInterrupt, _Terminated) as stop:
        saved = ", ".join(sorted(p.name for p in folder.glob("*.jsonl"))) or "nothing"
        print(f"\nstopped before the end; in {folder}: {saved}, no summary", file=sys.stderr)
        return 143 if isinstance(stop, _Terminated) else 130
    print_bounds(summary)
    print(f"\nsummary: {folder / 'summary.json'}")
    return MISSED if missed(summary) else 0


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _preflight(needed: dict[str, str]) -> None:
    """Name what is missing before anything is started."""
    for module, advice in needed.items():
        spec = find_spec(module)
        # A folder of that name is found too, as a namespace: pta_msgs/ in the repository is one.
        if spec is None or spec.origin is None:
            raise ConfigError(advice)


def _folder(path: Path) -> Path:
    """Make the results' folder and keep it from other demos; removes the results before."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name in ("summary.json", "summary.png"):
            (path / name).unlink(missing_ok=True)
        probe = path / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"cannot write to {path}: {error.strerror}; choose --out") from error
    if lock(path) is None:
        raise ConfigError(f"another demo writes to {path}; wait for it or choose another --out")
    return path.resolve()


def _plan(options: argparse.Namespace, folder: Path) -> Plan:
    task = TASKS[options.task]
    config = options.config or shipped(task.config)
    script, simulation = _script(options, load_script(config)), _simulation(config, options.task)
    if options.seed is not None:
        simulation["seed"] = options.seed
    if options.subject is not None:
        simulation["subject"] = options.subject
    if task is ACTIVITY and (options.check == "transport" or options.view):
        raise ConfigError("--check transport and --view are of the task pose")
    if options.check == "transport":
        simulation.update(rate_hz=demo_checks.LOAD_RATE_HZ, prerender=30)
    model = (options.model or shipped(task.model)).expanduser().resolve()
    _check_model(model, task)
    params = options.params or shipped(task.params)
    if not params.is_file():
        raise ConfigError(f"no parameter file {params}; choose --params")
    return Plan(
        folder=folder,
        script=script,
        simulation=simulation,
        model=model,
        params=params.resolve(),
        fastdds=shipped("config/fastdds.xml").resolve(),
        view=not options.quiet,
        page=Page() if options.view else None,
        task=task,
    )


def _check_model(folder: Path, task: Task) -> None:
    """What would be noticed only after the run, or in another process."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} is not a model folder ({error}); choose --model") from error
    if task is POSE and "mean_pose_m" not in (config.get("statistics") or {}):
        raise ConfigError(
            f"{folder}: statistics without mean_pose_m, which the demo compares with; "
            "train the model again"
        )


def _script(options: argparse.Namespace, script: Script) -> Script:
    if options.check == "transport":
        return demo_checks.transport_script(options.duration or demo_checks.LOAD_S)
    if options.check == "memory":
        return demo_checks.memory_script(script, options.duration or demo_checks.MEMORY_S)
    duration_s = script.duration_s if options.duration is None else options.duration
    least_s = MIN_DURATION_S[options.task]
    if not duration_s >= least_s:
        raise ConfigError(
            f"duration {duration_s:g} s; expected at least {least_s:g} s, as a stream that "
            "is lost for less than its stale_after cannot be noticed"
        )
    return script.scaled(duration_s)


def _simulation(config: Path, task: str) -> dict[str, Any]:
    record = yaml.safe_load(config.read_text()).get("simulation", {})
    if unknown := set(record) - _SIMULATION[task]:
        raise ConfigError(f"{config}: unknown simulation keys {sorted(unknown)}")
    return {name: float(v) if name in _FLOATS else v for name, v in record.items()}


def _announce(plan: Plan) -> str:
    world = ", ".join(f"{k} {v}" for k, v in plan.simulation.items())
    return (
        f"pta_demo: simulated person ({world}), {plan.script.duration_s:g} s of script, "
        f"model {plan.model.name}; synthetic data; results in {plan.folder}"
    )
