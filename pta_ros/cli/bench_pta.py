"""`bench_pta`: how fast the models, a training step and the live node are, in one run."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from pta_ros.cli import run, write_json
from pta_ros.errors import ConfigError
from pta_ros.metrics.bound import bounds_text, exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "bench_pta",
        description="Measure both encoder families, plain against fast, stage by stage, a training "
        "step with cached features, and the node's overhead; exit code 3 when a bound is missed.",
    )
    parser.add_argument(
        "--device", default="", help="measure this device instead (cuda, cuda:N, cpu): every "
        "shipped model beside the CPU, step by step and by CUDA graphs; --docs writes "
        "performance_gpu.md",
    )  # fmt: skip
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="with --device: at most so long (default 8)"
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
    return _device(options) if options.device else _all(options)


def _device(options: argparse.Namespace) -> int:
    """One device, by itself: needs no more than torch, numpy, safetensors and fpsample."""
    from pta_ros.bench.device import measure_device
    from pta_ros.bench.device_page import device_page

    report = measure_device(options.device, options.minutes, _note)
    return _told(options, device_page(report), "performance_gpu.md", report)


def _all(options: argparse.Namespace) -> int:
    """The CPU, a training step and the live node."""
    from pta_ros.bench import page, runs

    measured = runs.measure_all(
        options.repeats, options.batches, options.threads, not options.no_step,
        not options.no_node, _note,
    )  # fmt: skip
    return _told(options, page.page(measured), "performance.md", measured)


def _told(options: argparse.Namespace, text: str, name: str, measured: Any) -> int:
    """Print and write what was measured; gives the exit code."""
    bounds = measured.bounds()
    print(text)
    write_json(options.json, measured.to_dict())
    if options.docs:
        options.docs.mkdir(parents=True, exist_ok=True)
        (options.docs / name).write_text(text, encoding="utf-8")
    print(bounds_text(bounds))
    return exit_code(bounds)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _check(options: argparse.Namespace) -> None:
    """Raise ConfigError before minutes are spent."""
    counts = options.repeats, options.threads, *options.batches
    if min(counts) < 1 or 1 not in options.batches:
        raise ConfigError(
            f"--repeats {options.repeats} --threads {options.threads} --batches "
            f"{options.batches}; expected 1 or more, and batch 1 among the batches"
        )
    if not 0 < options.minutes < math.inf:
        raise ConfigError(f"--minutes {options.minutes}; expected more than 0")
    if options.json and options.json.is_dir():
        raise ConfigError(f"--json {options.json}: not a file; expected one to write")
    if options.docs and options.docs.exists() and not options.docs.is_dir():
        raise ConfigError(f"--docs {options.docs}: not a folder; expected one to write to")


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
