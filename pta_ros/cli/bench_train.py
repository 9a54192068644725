"""`bench_train`: how much faster a training step is with cached features."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pta_ros.cli import check_tree, run, told_of_cache, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code

if TYPE_CHECKING:
    from pta_ros.datasets.reduced import ReducedSet
    from pta_ros.training.config import TrainConfig


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "bench_train",
        description="Time PTA's training step with cached features, and the same step when it "
        "encodes its frames first, in turn; exit code 3 when the cache does not pay as it must.",
    )
    parser.add_argument(
        "data", type=Path, nargs="?", help="root of an MM-Fi tree (default: random inputs)"
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML, see config/")
    parser.add_argument("--batch", type=int, default=16, help="frames in a batch (default 16)")
    parser.add_argument("--repeats", type=int, default=100, help="steps of each kind (default 100)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (0: torch's choice)")
    parser.add_argument("--cache", type=Path, help="folder of reduced frames (DATA/.cache)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.data:
        check_tree(options.data)
    import torch

    from pta_ros.bench.page import step_text
    from pta_ros.bench.step import bench_step
    from pta_ros.training.config import load_config

    config = load_config(options.config)
    if options.threads:
        torch.set_num_threads(options.threads)
    data, source = _frames(config, options)
    with TemporaryDirectory() as cache:
        bench = bench_step(config, data, Path(cache), options.batch, options.repeats)
    threads, bounds = torch.get_num_threads(), bench.bounds()
    print(f"{step_text(bench, source, threads)}\n{bounds_text(bounds)}")
    about = {"data": source, "threads": threads, "torch": torch.__version__}
    write_json(options.json, about | bench.to_dict() | {"bounds": as_records(bounds)})
    return exit_code(bounds)


def _frames(config: TrainConfig, options: argparse.Namespace) -> tuple[ReducedSet, str]:
    """Reduced frames, and in words where they are from."""
    from pta_ros.bench.step import random_frames
    from pta_ros.datasets.clips import made_with
    from pta_ros.datasets.mmfi import MmfiTree
    from pta_ros.datasets.reduced import reduce_tree
    from pta_ros.sensors import sensors_from_config

    sensors = sensors_from_config({m: config.sensors.get(m, {}) for m in config.model.modalities})
    if options.data is None:
        return random_frames(sensors), "random inputs"
    cache = options.cache or options.data / ".cache"
    with told_of_cache(cache):
        data = reduce_tree(MmfiTree(options.data), sensors, cache, on_problem=config.on_problem)
    kind = " (synthetic)" if made_with(options.data) else ""
    return data, f"{options.data}{kind}"


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
