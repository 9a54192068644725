"""Processes that are killed and started again, and what their recorders hear meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pta_ros.demo.processes import Child, ProcessError, stop_all
from pta_ros.demo.run import given_values, node_command
from pta_ros.demo.tail import Tail
from pta_ros.soak import shm

_POLL_S = 0.02
T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """One process: its node, parameters, further arguments, and which parameter names its record.

    Each start gets a record of its own, as one that is written anew loses what was heard before.
    One that `ends` comes to an end by itself.
    """

    node: str
    values: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    record: str = ""
    ends: bool = False


@dataclass(frozen=True)
class Heard:
    """An estimate: stamp and receipt (ns), and the stamps of the frames that were used, by sensor.

    One that tracks alone predicted used none.
    """

    stamp_ns: int
    received_ns: int
    used_ns: Mapping[str, int]


@dataclass(frozen=True)
class Told:
    """The fusion's diagnostics: receipt (ns), level (2: ERROR), each stream's state."""

    received_ns: int
    level: int
    states: Mapping[str, str]


class Stage:
    """The processes by name; all of them are stopped when the `with` block ends.

    `estimates`, `reports`, `ticks_ns` (stamps of what the simulator sent) and `cycles_s` (how long
    each cycle of cycle_node lasted) grow with `listen`.
    `started_ns` is when each member was started last; `crashes` are ends that nobody asked for.
    """

    def __init__(
        self, members: Mapping[str, Member], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.members, self._folder, self._environment = dict(members), folder, environment
        self.children: dict[str, Child] = {}
        self.estimates: list[Heard] = []
        self.reports: list[Told] = []
        self.ticks_ns: list[int] = []
        self.cycles_s: list[float] = []
        self.started_ns: dict[str, int] = {}
        self.crashes: list[str] = []
        self._tails: list[Tail] = []
        self._starts = 0
        self._segments: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        for before in folder.glob("*.jsonl"):  # a record of a run before, read as if it were ours
            before.unlink()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(list(self.children.values()))

    def start(self, name: str) -> None:
        """Start one of the members, for the first time or again."""
        member, self._starts = self.members[name], self._starts + 1
        values = dict(member.values)
        if member.record:
            values[member.record] = self._folder / f"{name}_{self._starts}.jsonl"
            self._tails.append(Tail(values[member.record]))
        command = [*node_command(member.node), "--ros-args", *member.more, *given_values(values)]
        log = self._folder / f"{name}_{self._starts}.txt"
        self.started_ns[name] = time.time_ns()
        self.children[name] = Child.start(name, command, self._environment, log)

    def kill(self, names: tuple[str, ...]) -> int:
        """SIGKILL to all of these; the moment, ns of the system's clock. They are gone then."""
        self._note_segments()
        killed, killed_ns = [self.children.pop(name) for name in names], time.time_ns()
        for child in killed:
            child.process.kill()
        for child in killed:
            child.process.wait()
        return killed_ns

    def stop(self, name: str) -> None:
        """SIGINT; an end that is no success counts as a crash."""
        self._note_segments()
        child = self.children.pop(name)
        if code := child.stop():
            self.crashes.append(f"{name} ended with {code} when it was asked to stop")

    def _note_segments(self) -> None:
        """Remember which shared memory our processes hold, before they are gone."""
        for child in self.children.values():
            self._segments |= shm.held(child.process.pid)

    def left(self) -> shm.Left:
        """The shared memory that our dead processes left behind."""
        return shm.left(self._segments)

    def until(self, found: Callable[[], T | None], within_s: float) -> T | None:
        """Listen until `found` gives something; None when it does not in time, or at a crash."""
        end = time.monotonic() + within_s
        while time.monotonic() < end and not self.crashes:
            self.listen()
            if (result := found()) is not None:
                return result
            time.sleep(_POLL_S)
        return None

    def listen(self) -> None:
        """Take in what was recorded since, and notice who crashed."""
        for tail in self._tails:
            for record in tail.records():
                self._take(record)
        for name, child in list(self.children.items()):
            try:
                if self.members[name].ends and child.ended():
                    del self.children[name]
                else:
                    child.must_run()
            except ProcessError as error:
                self.crashes.append(str(error))
                del self.children[name]

    def _take(self, record: Mapping[str, Any]) -> None:
        if record["type"] == "tick":
            self.ticks_ns.append(record["stamp_ns"])
        elif record["type"] == "cycle":
            self.cycles_s.append(record["lasted_s"])
        elif record["type"] == "skeleton":
            streams = record["streams"].items()
            used = {m: s["stamp_ns"] for m, s in streams if s["stamp_ns"]}
            self.estimates.append(Heard(record["stamp_ns"], record["received_ns"], used))
        elif record["type"] == "diagnostics":
            states = {m: s["state"] for m, s in record["streams"].items()}
            self.reports.append(Told(record["received_ns"], record["level"], states))
