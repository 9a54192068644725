"""One recorded run: simulator, fusion process and monitor, started, watched and stopped."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pta_ros.demo.processes import Child, ProcessError, free_domain, stop_all
from pta_ros.demo.records import MONITOR_FILE, TICKS_FILE
from pta_ros.simulate.script import Script, save_script
from pta_ros.view.page import Page

#: Longest wait for the simulator's first frame and for the first skeleton.
_FIRST_S = 90.0
_POLL_S = 0.2
_MEMORY_S = 1.0


@dataclass(frozen=True)
class Task:
    """What a demo is of: the shipped files, the simulator's node, and what the fusion publishes.

    `fusion` are parameters of the fusion node besides the model.
    """

    name: str
    model: str
    config: str
    params: str
    simulator: str
    estimates: str
    fusion: dict[str, Any] = field(default_factory=dict)


POSE = Task(
    "pose", "models/mmfi_lite", "config/demo.yaml", "config/mmfi_live.yaml", "sim_node", "skeleton"
)
ACTIVITY = Task(
    "activity", "models/xrf55_lite", "config/demo_activity.yaml", "config/xrf55_live.yaml",
    "rf_sim_node", "activity", {"sensor_set": "xrf55"},
)  # fmt: skip
TASKS = {task.name: task for task in (POSE, ACTIVITY)}


@dataclass(frozen=True)
class Plan:
    """What to run: the script, the simulator's parameters, the fusion node's, and where to.

    `view` is the table in the terminal, `page` the page in a browser.
    """

    folder: Path
    script: Script
    simulation: dict[str, Any]
    model: Path
    params: Path | None
    fastdds: Path
    view: bool = True
    page: Page | None = None
    task: Task = POSE


@dataclass
class Measured:
    """What is measured from outside: start of the fusion process (ns), its memory and CPU time."""

    fusion_started_ns: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)  # (s since start, MB)
    peak_mb: float = 0.0
    cpu_s: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # (s since start, s)
    domain: int = 0

    def cores(self) -> dict[str, float]:
        """Processor cores that each process used on average while the script was played."""
        ends = {name: (used[0], used[-1]) for name, used in self.cpu_s.items() if len(used) > 1}
        return {n: round((b[1] - a[1]) / (b[0] - a[0]), 3) for n, (a, b) in ends.items()}


def node_command(name: str) -> list[str]:
    """The installed executable of a node, or its module run by this Python."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        path = Path(prefix) / "lib" / "pta_ros" / name
        if prefix and path.is_file() and os.access(path, os.X_OK):
            return [str(path)]
    return [sys.executable, "-m", f"pta_ros.nodes.{name}"]


def _arguments(values: dict[str, Any], params: Path | None = None) -> list[str]:
    given = ["--ros-args"] + (["--params-file", str(params)] if params else [])
    for name, value in values.items():
        # JSON is YAML, and quotes what a parser would take for a number or a date.
        given += ["-p", f"{name}:={json.dumps(str(value) if isinstance(value, Path) else value)}"]
    return given


def _environment(plan: Plan, domain: int) -> dict[str, str]:
    profile = str(plan.fastdds)
    return {
        **os.environ,
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTDDS_DEFAULT_PROFILES_FILE": profile,
        "FASTRTPS_DEFAULT_PROFILES_FILE": profile,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "PYTHONUNBUFFERED": "1",
    }


class Runner:
    """Runs a plan; `children` are stopped when the `with` block ends, however it ends."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        self.children: list[Child] = []
        self.measured = Measured()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(self.children)

    def run(self) -> Measured:
        """Everything, from the first process to the last; raises ProcessError."""
        plan = self._plan
        for name in (TICKS_FILE, MONITOR_FILE):
            (plan.folder / name).unlink(missing_ok=True)
        (plan.folder / "logs").mkdir(exist_ok=True)
        script = plan.folder / "script.yaml"
        save_script(plan.script, script)
        self.measured.domain = free_domain()
        if plan.page:
            self._show(plan.page)
        monitor = self._start("monitor_node", self._monitor(), terminal=plan.view)
        simulator = self._start(plan.task.simulator, self._simulator(script))
        self._wait("the simulator's first frame", lambda: _has(plan.folder / TICKS_FILE, "tick"))
        self.measured.fusion_started_ns = time.time_ns()
        given = {"model": plan.model, **plan.task.fusion}
        fusion = self._start("fusion_node", given, plan.params)
        kind = plan.task.estimates
        self._wait(f"the first {kind}", lambda: _has(plan.folder / MONITOR_FILE, kind))
        self._watch(fusion, simulator)
        self._finish(fusion, monitor)
        return self.measured

    def _show(self, page: Page) -> None:
        """Serve the live page; it is there when this returns."""
        values = {"params_file": self._plan.params or "", "web_port": page.web_port}
        self._start("view_node", {**values, "data_port": page.data_port})
        self._wait("the live page", page.answers)
        self._say(f"live view: {page.url}")

    def _monitor(self) -> dict[str, Any]:
        return {"record": self._plan.folder / MONITOR_FILE, "view": self._plan.view}

    def _simulator(self, script: Path) -> dict[str, Any]:
        fixed = {"script": script, "log": self._plan.folder / TICKS_FILE}
        begin: dict[str, Any] = {f"wait_for_{self._plan.task.estimates}": True}
        if self._plan.task is POSE:
            begin["min_watchers"] = 2 if self._plan.page else 1
        return {**self._plan.simulation, **fixed, **begin}

    def _start(
        self, name: str, values: dict[str, Any], params: Path | None = None, terminal: bool = False
    ) -> Child:
        command = node_command(name) + _arguments(values, params)
        log = self._plan.folder / "logs" / f"{name}.txt"
        environment = _environment(self._plan, self.measured.domain)
        child = Child.start(name, command, environment, log, terminal)
        self.children.append(child)
        return child

    def _wait(self, what: str, come: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _FIRST_S
        while not come():
            for child in self.children:
                child.must_run()
            if time.monotonic() > deadline:
                logs = self._plan.folder / "logs"
                raise ProcessError(f"{what} did not come within {_FIRST_S:.0f} s; see {logs}")
            time.sleep(_POLL_S)

    def _watch(self, fusion: Child, simulator: Child) -> None:
        """Sample memory until the simulator has played the script."""
        deadline = time.monotonic() + self._plan.script.duration_s * 1.5 + _FIRST_S
        due = 0.0
        while not simulator.ended():
            for child in self.children:
                if child is not simulator:
                    child.must_run()
            if time.monotonic() > deadline:
                raise ProcessError(f"the script did not end by itself; see {simulator.log}")
            if time.monotonic() >= due:
                due = time.monotonic() + _MEMORY_S
                self._sample(fusion)
            time.sleep(_POLL_S)

    def _sample(self, fusion: Child) -> None:
        since_s = (time.time_ns() - self.measured.fusion_started_ns) / 1e9
        memory = fusion.memory_mb()
        if memory is not None:
            self.measured.memory.append((since_s, memory[0]))
            self.measured.peak_mb = max(self.measured.peak_mb, memory[1])
        for child in self.children:
            cpu_s = child.cpu_s()
            if cpu_s is not None:
                self.measured.cpu_s.setdefault(child.name, []).append((since_s, cpu_s))

    def _finish(self, fusion: Child, monitor: Child) -> None:
        self._sample(fusion)
        for child in (fusion, monitor):
            code = child.stop()
            if code:
                self._say(f"warning: {child.name} ended with exit code {code}; see {child.log}")


def _has(path: Path, kind: str) -> bool:
    """Whether a recording holds a record of this type."""
    return path.is_file() and f'"type": "{kind}"' in path.read_text(encoding="utf-8")
