"""All that bench_pta measures: the models, the paper's training step and the live node."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import yaml

from pta_ros.bench.speed import Speed, measure
from pta_ros.bench.step import bench_step, random_frames, spread
from pta_ros.errors import ConfigError
from pta_ros.home import shipped
from pta_ros.metrics.bound import Bound, as_records, at_least, at_most
from pta_ros.sensors import sensors_from_config
from pta_ros.training.config import load_config

SCHEMA = 2
#: Its encoders are the slow part of bench_pta.
STEP_FRAMES, STEP_REPEATS, STEP_BATCH = 32, 3, 16
NODE_MESSAGES = 120
_NODE_START_S, _NODE_PER_MESSAGE_S = 60.0, 0.5


@dataclass(frozen=True)
class Measured:
    """Everything of one run: speeds by device, and what step_figures and node_figures return.

    `step` and `node` are None where they were left out; `node` is empty where it could not be run.
    `notes` say why.
    """

    machine: str
    speeds: dict[str, Speed]
    step: dict[str, Any] | None
    node: dict[str, Any] | None
    notes: list[str]

    def bounds(self) -> list[Bound]:
        """What must hold on the CPU; nothing is asked of what was left out."""
        found = self.speeds["cpu"].bounds()
        if self.step is not None:
            name = f"training step, cached / encoding, batch {STEP_BATCH}"
            found.append(at_least(name, self.step["ratio"]["median"], 30.0, "x"))
        if self.node is not None:
            value = self.node["overhead_ms"]["median"] if self.node else None
            found.append(at_most("node: overhead p50", value, 1.0, "ms"))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return {
            "schema": SCHEMA,
            "machine": self.machine,
            "series": [s.to_dict() for speed in self.speeds.values() for s in speed.series],
            "change_mm": {device: speed.change_mm for device, speed in self.speeds.items()},
            "bounds": as_records(self.bounds()),
            "step": self.step or {},
            "node": self.node or {},
        }


def measure_all(
    repeats: int,
    batches: Sequence[int],
    threads: int,
    step: bool,
    node: bool,
    note: Callable[[str], None],
) -> Measured:
    """Measure the models on the CPU, and the `step` and the `node` where they are wanted.

    `note` is told what is measured next. A node that cannot be run is noted and misses its bound.
    """
    torch.set_num_threads(threads)
    speeds = {"cpu": measure("cpu", repeats, batches, note)}
    notes = ["A GPU's figures: [performance_gpu.md](performance_gpu.md)."]
    of_step: dict[str, Any] | None = None
    of_node: dict[str, Any] | None = None
    if step:
        note("training step")
        of_step = step_figures()
    else:
        notes.append("The training step was left out.")
    if node:
        note("node")
        try:
            of_node = node_figures()
        except ConfigError as error:
            of_node = {}
            notes.append(f"{error}.")
    else:
        notes.append("The node was left out.")
    machine = f"{threads} threads of {platform.machine()}, torch {torch.__version__}"
    return Measured(machine, speeds, of_step, of_node, notes)


def step_figures() -> dict[str, Any]:
    """Milliseconds of the step of config/mmfi_paper.yaml with cached features and encoding.

    Both, and `ratio` of them batch by batch, as spread() gives them. Raises ConfigError when the
    configuration is not installed.
    """
    place = shipped("config/mmfi_paper.yaml")
    if place is None:
        raise ConfigError("config/mmfi_paper.yaml is not installed; run from the repository")
    config = replace(load_config(place), imported="")
    with TemporaryDirectory() as cache:
        frames = random_frames(sensors_from_config(config.sensors), STEP_FRAMES)
        bench = bench_step(config, frames, Path(cache), STEP_BATCH, STEP_REPEATS, warm_up=1)
    return bench.to_dict()


def node_figures(messages: int = NODE_MESSAGES) -> dict[str, Any]:
    """Milliseconds from a message to its skeleton, the model's part, and the rest, of each.

    The node runs in a process and under topic names of its own. Raises ConfigError when it cannot
    be run, with what it said last.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder) / "overhead.json"
        given = {"ros__parameters": {"out": str(out), "messages": messages}}
        parameters = Path(folder) / "parameters.yaml"
        parameters.write_text(yaml.safe_dump({"/**/overhead_node": given}))
        apart = f"__ns:=/bench_pta_{os.getpid()}"  # from robots that are running
        arguments = ["--ros-args", "-r", apart, "--params-file", str(parameters)]
        command = [sys.executable, "-m", "pta_ros.nodes.overhead_node", *arguments]
        limit_s = _NODE_START_S + messages * _NODE_PER_MESSAGE_S
        try:
            subprocess.run(command, check=True, timeout=limit_s, capture_output=True, text=True)
            measured = json.loads(out.read_text())
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ConfigError(f"the node could not be measured: {last}") from error
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise ConfigError(f"the node could not be measured: {error}") from error
    return summary(measured["latency_ms"], measured["model_ms"])


def summary(latency_ms: list[float], model_ms: list[float]) -> dict[str, Any]:
    """Spread of the latency, the model's part and the overhead, taken estimate by estimate.

    Two medians of different moments would say nothing, and can differ by less than nothing.
    """
    pairs = zip(latency_ms, model_ms, strict=True)
    rest = tuple(latency - model for latency, model in pairs)
    return {
        "estimates": len(rest),
        "latency_ms": spread(tuple(latency_ms)),
        "model_ms": spread(tuple(model_ms)),
        "overhead_ms": spread(rest) | {"least": min(rest)},
    }
