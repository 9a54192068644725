"""`bench_pta`: how fast the models, a training step and the live node are, in one run."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import run
from pta_ros.errors import ConfigError

if TYPE_CHECKING:
    from pta_ros.metrics.bound import Bound


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
    _check(options)
    import torch

    from pta_ros.bench.page import page
    from pta_ros.bench.speed import measure
    from pta_ros.metrics.bound import at_least, at_most

    torch.set_num_threads(options.threads)
    devices = _devices()
    speeds = {d: measure(d, options.repeats, options.batches, _say) for d in devices}
    bounds: list[Bound] = speeds["cpu"].bounds()
    notes = [] if len(devices) > 1 else ["No GPU at hand: nothing was measured on one."]
    step, node = _step(options.no_step, notes), _node(options.no_node, notes)
    if not options.no_step:
        value = step["ratio"]["median"]
        bounds.append(at_least("training step, cached / encoding, batch 16", value, 30.0, "x"))
    if not options.no_node:
        value = node["overhead_ms"]["median"] if node else None
        bounds.append(at_most("node: overhead p50", value, 3.0, "ms"))
    machine = f"{options.threads} threads of {platform.machine()}, torch {torch.__version__}"
    text = page(speeds, bounds, machine, notes, step, node)
    print(text)
    if options.json:
        figures = _figures(speeds, bounds, machine) | {"step": step, "node": node}
        _write(options.json, json.dumps(figures, indent=1) + "\n")
    if options.docs:
        _write(options.docs / "performance.md", text)
    for bound in bounds:
        if not bound.ok:
            print(f"bench_pta: missed: {bound.name}: {bound.value}", file=sys.stderr)
    return 0 if all(bound.ok for bound in bounds) else 1


def _check(options: argparse.Namespace) -> None:
    """Raise ConfigError before minutes are spent."""
    counts = options.repeats, options.threads, *options.batches
    if min(counts) < 1 or 1 not in options.batches:
        raise ConfigError(
            f"--repeats {options.repeats} --threads {options.threads} --batches "
            f"{options.batches}; expected 1 or more, and batch 1 among the batches"
        )
    if options.json and options.json.is_dir():
        raise ConfigError(f"--json {options.json}: not a file; expected one to write")
    if options.docs and options.docs.exists() and not options.docs.is_dir():
        raise ConfigError(f"--docs {options.docs}: not a folder; expected one to write to")


def _devices() -> list[str]:
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _figures(speeds: dict[str, Any], bounds: list[Bound], machine: str) -> dict[str, Any]:
    return {
        "schema": 2,
        "machine": machine,
        "series": [s.to_dict() for speed in speeds.values() for s in speed.series],
        "change_mm": {device: speed.change_mm for device, speed in speeds.items()},
        "bounds": [asdict(bound) for bound in bounds],
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _step(left_out: bool, notes: list[str]) -> dict[str, Any]:
    from pta_ros.bench.runs import step_figures

    if left_out:
        notes.append("The training step was left out.")
        return {}
    _say("training step")
    return step_figures()


def _node(left_out: bool, notes: list[str]) -> dict[str, Any]:
    """Empty where the node was left out, or could not be run: `notes` tell why."""
    from pta_ros.bench.runs import node_figures

    if left_out:
        notes.append("The node was left out.")
        return {}
    _say("node")
    try:
        return node_figures()
    except ConfigError as error:
        notes.append(f"{error}.")
        return {}


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
