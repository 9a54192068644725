"""The paper's training step and the live node, measured for bench_pta."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from pta_ros.bench.step import bench_step, random_frames, spread
from pta_ros.errors import ConfigError
from pta_ros.home import shipped
from pta_ros.sensors import sensors_from_config
from pta_ros.training.config import load_config

#: Its encoders are the slow part of bench_pta.
STEP_FRAMES, STEP_REPEATS, STEP_BATCH = 32, 3, 16
NODE_MESSAGES = 120
_NODE_START_S, _NODE_PER_MESSAGE_S = 60.0, 0.5
_STEP_ENTRIES = ("batch", "frames", "repeats", "step_ms", "encoder_calls", "ratio")


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
    found = bench.to_dict()
    return {name: found[name] for name in _STEP_ENTRIES}


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
