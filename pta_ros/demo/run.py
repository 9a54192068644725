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

import psutil

from pta_ros.demo.announce import announcement
from pta_ros.demo.plan import Plan
from pta_ros.demo.processes import Child, ProcessError, free_domain, stop_all
from pta_ros.demo.records import MONITOR_FILE, TICKS_FILE
from pta_ros.demo.tail import Tail
from pta_ros.demo.task import ACTIVITY, PEOPLE
from pta_ros.fusion.params import topics_of
from pta_ros.metrics.growth import growth
from pta_ros.simulate.script import save_script
from pta_ros.view.page import Page

#: Longest wait for the simulator's first frame and for the first estimate, on a very busy machine.
_FIRST_S = 180.0
_POLL_S = 0.2
_SAMPLE_S = 1.0
_NOTES_FILE = "notes.txt"


@dataclass
class Measured:
    """What is measured from outside the processes, while the script is played.

    `memory`, `threads` and `files` are the fusion process's (s since its start; MB, numbers),
    `cpu_s` every child's processor time (s since then, s), `machine` the load average of a minute
    and the processors in use.
    """

    fusion_started_ns: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    threads: list[tuple[float, float]] = field(default_factory=list)
    files: list[tuple[float, float]] = field(default_factory=list)
    cpu_s: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    machine: list[tuple[float, float]] = field(default_factory=list)

    def cores(self) -> dict[str, float]:
        """Processor cores that each process used on average."""
        ends = {name: (used[0], used[-1]) for name, used in self.cpu_s.items() if len(used) > 1}
        return {n: round((b[1] - a[1]) / (b[0] - a[0]), 3) for n, (a, b) in ends.items()}

    def growth(self) -> float | None:
        """Relative growth of memory after the first minute; None of less than three minutes."""
        return growth(self.memory)


def node_command(name: str) -> list[str]:
    """The installed executable of a node, or its module run by this Python."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        path = Path(prefix) / "lib" / "pta_ros" / name
        if prefix and path.is_file() and os.access(path, os.X_OK):
            return [str(path)]
    return [sys.executable, "-m", f"pta_ros.nodes.{name}"]


class Runner:
    """Runs a plan; `children` are stopped when the `with` block ends, however it ends."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan, self._say = plan, say
        self._notes = plan.folder / _NOTES_FILE
        self._environment: dict[str, str] = {}
        self._announced = ""
        self._sampled: Callable[[], object] = lambda: None
        self.children: list[Child] = []
        self.measured = Measured()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(self.children)

    def run(self, sampled: Callable[[], object] = lambda: None) -> Measured:
        """Everything, from first process to last; `sampled` is called once a second while the
        script is played. Raises ProcessError."""
        plan, self._sampled = self._plan, sampled
        for name in (TICKS_FILE, MONITOR_FILE):
            (plan.folder / name).unlink(missing_ok=True)
        self._notes.write_text("", encoding="utf-8")
        (plan.folder / "logs").mkdir(exist_ok=True)
        script = plan.folder / "script.yaml"
        save_script(plan.script, script)
        self._environment = child_environment(plan.fastdds)
        if plan.page:
            self._serve(plan.page)
        record = {"record": plan.folder / MONITOR_FILE, "view": plan.view, "notes": self._notes}
        monitor = self._start("monitor_node", record, terminal=plan.view)
        simulator = self._start(plan.task.simulator, *self._simulator(script))
        ticks, estimates = Tail(plan.folder / TICKS_FILE), Tail(plan.folder / MONITOR_FILE)
        self._wait("the simulator's first frame", lambda: ticks.has("tick"))
        self.measured.fusion_started_ns = time.time_ns()
        given = ["--params-file", str(plan.params), *given_values({"model": plan.model})]
        if plan.task is ACTIVITY:
            given += given_values({"sensor_set": plan.task.sensor_set})
        fusion = self._start("fusion_node", {}, given)
        kind = plan.task.estimates
        self._wait(f"the first {kind}", lambda: estimates.has(kind))
        self._keep_busy()
        self._watch(fusion, simulator, ticks)
        self._note("-- the script is over; the processes end, and the verdict is being made")
        self._sample(fusion)
        for child in (fusion, monitor):
            if code := child.stop():
                self._say(f"warning: {child.name} ended with exit code {code}; see {child.log}")
        return self.measured

    def _keep_busy(self) -> None:
        """Where that is checked, start a process for each core that never rests."""
        for number in range(os.cpu_count() or 1) if self._plan.check == "busy" else ():
            log = self._plan.folder / "logs" / "busy.txt"
            command = [sys.executable, "-c", "while True: pass"]
            self.children.append(Child.start(f"busy_{number}", command, self._environment, log))

    def _serve(self, page: Page) -> None:
        """Serve the live page; it is there when this returns."""
        values = {"params_file": self._plan.params, "sensors": ", ".join(self._plan.task.sensors)}
        ports = {"web_port": page.web_port, "data_port": page.data_port}
        self._start("view_node", {**values, **ports})
        self._wait("the live page", page.answers)
        self._say(f"live view: {page.url}")

    def _simulator(self, script: Path) -> tuple[dict[str, Any], list[str]]:
        """The simulator's parameters, and its topics moved to where the fusion node reads."""
        plan = self._plan
        values = {**plan.simulation, "script": script, "log": plan.folder / TICKS_FILE}
        values["wait_for_estimate"] = True
        if plan.task is not ACTIVITY:
            values["min_watchers"] = 2 if plan.page else 1
        if plan.task is PEOPLE:
            values |= {f"{m}_pose": plan.streams[m].extrinsic for m in plan.task.sensors}
        moved = []
        for modality, topic in topics_of(plan.task.sensor_set).items():
            if plan.streams[modality].topic != topic:
                moved += ["-r", f"{topic}:={plan.streams[modality].topic}"]
        return values, moved

    def _start(
        self, name: str, values: dict[str, Any], more: list[str] | None = None,
        terminal: bool = False,
    ) -> Child:  # fmt: skip
        command = [*node_command(name), "--ros-args", *(more or []), *given_values(values)]
        log = self._plan.folder / "logs" / f"{name}.txt"
        child = Child.start(name, command, self._environment, log, terminal)
        self.children.append(child)
        return child

    def _wait(self, what: str, came: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _FIRST_S
        while not came():
            for child in self.children:
                child.must_run()
            if time.monotonic() > deadline:
                logs = self._plan.folder / "logs"
                raise ProcessError(f"{what} did not come within {_FIRST_S:.0f} s; see {logs}")
            time.sleep(_POLL_S)

    def _watch(self, fusion: Child, simulator: Child, ticks: Tail) -> None:
        """Announce the phases and sample memory and load until the script has been played."""
        deadline = time.monotonic() + self._plan.script.duration_s * 1.5 + _FIRST_S
        due = 0.0
        while not simulator.ended():
            for child in self.children:
                if child is not simulator:
                    child.must_run()
            if time.monotonic() > deadline:
                raise ProcessError(f"the script did not end by itself; see {simulator.log}")
            self._announce(ticks)
            if time.monotonic() >= due:
                due = time.monotonic() + _SAMPLE_S
                self._sample(fusion)
            time.sleep(_POLL_S)

    def _announce(self, ticks: Tail) -> None:
        """Say which phase begins: above the monitor's table where there is one."""
        names = {record.get("phase"): None for record in ticks.records()}
        for phase in self._plan.script.phases:
            if phase.name in names and phase.name != self._announced:
                self._announced = phase.name
                self._note(announcement(self._plan, phase))

    def _note(self, text: str) -> None:
        if self._plan.view:
            with self._notes.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        else:
            self._say(text)

    def _sample(self, fusion: Child) -> None:
        since_s = (time.time_ns() - self.measured.fusion_started_ns) / 1e9
        for child in self.children:
            if usage := child.usage():
                self.measured.cpu_s.setdefault(child.name, []).append((since_s, usage.cpu_s))
                if child is fusion:
                    self.measured.memory.append((since_s, usage.memory_mb))
                    self.measured.threads.append((since_s, usage.threads))
                    self.measured.files.append((since_s, usage.files))
        self._sampled()
        in_use = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
        self.measured.machine.append((os.getloadavg()[0], in_use))


def given_values(values: dict[str, Any]) -> list[str]:
    """Parameters as a node's command line gives them."""
    given = []
    for name, value in values.items():
        # JSON is YAML, and quotes what a parser would take for a number or a date.
        given += ["-p", f"{name}:={json.dumps(str(value) if isinstance(value, Path) else value)}"]
    return given


def child_environment(fastdds: Path) -> dict[str, str]:
    """The environment of processes that talk to each other alone, on a domain of their own."""
    return {
        **os.environ,
        "ROS_DOMAIN_ID": str(free_domain()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTDDS_DEFAULT_PROFILES_FILE": str(fastdds),
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(fastdds),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "PYTHONUNBUFFERED": "1",
    }
