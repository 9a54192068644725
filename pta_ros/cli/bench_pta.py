"""`bench_pta`: how fast the models, a training step and the live node are, in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pta_ros.cli import run
from pta_ros.errors import ConfigError
from pta_ros.home import shipped

if TYPE_CHECKING:
    from pta_ros.evaluation.demo_bounds import Bound

#: Frames of the training step's comparison; its encoders are the slow part of this command.
_STEP_FRAMES, _STEP_REPEATS = 32, 3
_NODE_S = 120.0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "bench_pta",
        description="Measure both encoder families, plain against fast, stage by stage, a training "
        "step with cached features, and the node's overhead; exit code 1 when a bound is missed.",
    )
    parser.add_argument("--repeats", type=int, default=21, help="at batch 1 (default 21)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16], metavar="N")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    parser.add_argument("--no-step", action="store_true", help="leave the training step out")
    parser.add_argument("--no-node", action="store_true", help="leave the node out (needs ROS)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--docs", type=Path, help="write performance.md to this folder")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.repeats < 1 or 1 not in options.batches or min(options.batches) < 1:
        raise ConfigError(
            f"--repeats {options.repeats} --batches {options.batches}; expected 1 or more, "
            "and batch 1 among the batches"
        )
    import torch

    from pta_ros.evaluation.demo_bounds import at_least, at_most
    from pta_ros.evaluation.speed import measure
    from pta_ros.evaluation.speed_page import page

    torch.set_num_threads(options.threads)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    speeds = {d: measure(d, options.repeats, options.batches, _say) for d in devices}
    bounds: list[Bound] = speeds["cpu"].bounds()
    notes = [] if len(devices) > 1 else ["No GPU at hand: nothing was measured on one."]
    if options.no_step:
        notes.append("The training step was left out.")
    else:
        ratio = _step_ratio()
        bounds.append(at_least("training step, cached / encoding, batch 16", ratio, 30.0, "x"))
    if options.no_node:
        notes.append("The node was left out.")
    else:
        bounds.append(at_most("node: overhead p50", _node_overhead_ms(), 3.0, "ms"))
    machine = f"{options.threads} threads of {platform.machine()}, torch {torch.__version__}"
    text = page(speeds, bounds, machine, notes)
    print(text)
    if options.json:
        _write(options.json, json.dumps(_figures(speeds, bounds, machine), indent=1) + "\n")
    if options.docs:
        _write(options.docs / "performance.md", text)
    for bound in bounds:
        if not bound.ok:
            print(f"bench_pta: missed: {bound.name}: {bound.value}", file=sys.stderr)
    return 0 if all(bound.ok for bound in bounds) else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _figures(speeds: dict[str, Any], bounds: list[Bound], machine: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "machine": machine,
        "series": [s.to_dict() for speed in speeds.values() for s in speed.series],
        "change_mm": {device: speed.change_mm for device, speed in speeds.items()},
        "bounds": [asdict(bound) for bound in bounds],
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _step_ratio() -> float:
    """How many times as fast the paper's training step is with cached features, median."""
    from dataclasses import replace

    from pta_ros.evaluation.step_bench import bench_step, random_frames, spread
    from pta_ros.sensors import sensors_from_config
    from pta_ros.training.config import load_config

    place = shipped("config/mmfi_paper.yaml")
    if place is None:
        raise ConfigError("config/mmfi_paper.yaml is not installed; run from the repository")
    config = replace(load_config(place), imported="")
    _say("training step")
    with TemporaryDirectory() as cache:
        frames = random_frames(sensors_from_config(config.sensors), _STEP_FRAMES)
        bench = bench_step(config, frames, Path(cache), 16, _STEP_REPEATS, warm_up=1)
    return spread(bench.ratio)["median"]


def _node_overhead_ms() -> float | None:
    """Median time from a message to its published skeleton, less the model's own; None: no ROS."""
    _say("node")
    with TemporaryDirectory() as folder:
        out = Path(folder) / "overhead.json"
        command = [sys.executable, "-m", "pta_ros.nodes.overhead_node"]
        arguments = ["--ros-args", "-p", f"overhead_node:out:={out}"]
        try:
            subprocess.run([*command, *arguments], check=True, timeout=_NODE_S, env=os.environ)
            return float(json.loads(out.read_text())["overhead_p50_ms"])
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            _say(f"the node could not be measured: {error}")
            return None


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
