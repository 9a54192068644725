"""From the start of a fusion node's process to its first estimate, beside simulated sensors."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pta_ros.demo.processes import Child, ProcessError, stop_all
from pta_ros.demo.records import MONITOR_FILE
from pta_ros.demo.run import child_environment, given_values, node_command
from pta_ros.demo.tail import Tail
from pta_ros.errors import ConfigError
from pta_ros.home import shipped
from pta_ros.metrics.bound import Bound, at_most

#: Of a process's start to its first estimate, on a quiet machine.
MOST_S = 1.8
_POLL_S, _NEVER_S = 0.002, 60.0


@dataclass(frozen=True)
class Start:
    """One start: until the first estimate had arrived elsewhere, and the processor time by then."""

    first_s: float
    cpu_s: float


def measure_starts(repeats: int, folder: Path) -> list[Start]:
    """Start the node with its defaults so many times; records and logs go to `folder`.

    Three sensors of one person are simulated at 10 Hz all the while. Raises ProcessError.
    """
    fastdds = shipped("config/fastdds.xml")
    if fastdds is None:
        raise ConfigError("config/fastdds.xml is not installed; run from the repository")
    around = child_environment(fastdds)
    children: list[Child] = []

    def begin(name: str, values: dict[str, Any]) -> Child:
        command = [*node_command(name), "--ros-args", *given_values(values)]
        children.append(Child.start(name, command, around, folder / f"{name}.txt"))
        return children[-1]

    heard = Tail(folder / MONITOR_FILE)
    try:
        begin("monitor_node", {"record": folder / MONITOR_FILE, "view": False})
        begin("sim_node", {})
        _first(begin("fusion_node", {}), heard)  # the others are there, and files are in memory
        return [_first(begin("fusion_node", {}), heard) for _ in range(repeats)]
    finally:
        stop_all(children)


def _first(node: Child, heard: Tail) -> Start:
    """Wait for the first estimate of a node that was just started, and end it."""
    begun_ns, until = time.time_ns(), time.monotonic() + _NEVER_S
    while not (came := [r for r in heard.records() if r["type"] == "skeleton"]):
        node.must_run()
        if time.monotonic() > until:
            raise ProcessError(f"no estimate came within {_NEVER_S:.0f} s; see {node.log}")
        time.sleep(_POLL_S)
    used = node.usage()
    node.stop()
    time.sleep(1.0)  # what it sent last has arrived
    heard.records()
    return Start((came[0]["received_ns"] - begun_ns) / 1e9, used.cpu_s if used else 0.0)


def bounds(starts: list[Start]) -> list[Bound]:
    """The median against the limit."""
    return [at_most("start to first estimate", median(s.first_s for s in starts), MOST_S, "s")]
