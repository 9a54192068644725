"""Child processes that end with their parent, and domains that two demos never share."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from pta_ros.errors import PtaError
from pta_ros.lifeline import end_with_parent

_STOP_S = 15.0


class ProcessError(PtaError):
    """A child process that could not start, or that ended when it should not."""


class Usage(NamedTuple):
    """What a process holds: resident memory (MB, 10^6 bytes), threads and open files; and the
    processor time it had so far (s)."""

    memory_mb: float
    cpu_s: float
    threads: int
    files: int


def usage_of(pid: int) -> Usage | None:
    """What a process holds now; None once it ended."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_info().rss / 1e6
            used_s = times.user + times.system
            return Usage(memory, used_s, process.num_threads(), process.num_fds())
    except psutil.Error:
        return None


@dataclass
class Child:
    """One running child; its output goes to `log` unless it was given the terminal."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        terminal: bool = False,
    ) -> Child:
        """Start a child in its own session, so that a Ctrl-C reaches the parent alone."""
        with log.open("wb") as file:
            try:
                process = subprocess.Popen(
                    command,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=None if terminal else file,
                    stderr=file,
                    start_new_session=True,
                    preexec_fn=end_with_parent(),
                )
            except OSError as error:
                raise ProcessError(
                    f"cannot start {name} ({command[0]}): {error.strerror}"
                ) from error
        return cls(name, process, log)

    def ended(self) -> bool:
        """Whether it ended with success; raises ProcessError when it ended otherwise."""
        code = self.process.poll()
        if code:
            raise ProcessError(f"{self.name} {_how(code)}; {self._last_line()}")
        return code == 0

    def must_run(self) -> None:
        """Raise ProcessError when it has ended, in whatever way."""
        if self.ended():
            raise ProcessError(f"{self.name} ended before the others; {self._last_line()}")

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        last = f"its last line: {lines[-1].strip()}" if lines else "it wrote nothing"
        return f"{last} (all of it in {self.log})"

    def usage(self) -> Usage | None:
        """What it holds now; None once it ended."""
        return usage_of(self.process.pid)

    def stop(self, within_s: float = _STOP_S) -> int:
        """Ask it to end (SIGINT), else kill it; its exit code, negative for a signal."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def _how(code: int) -> str:
    known = {-number: f"was killed by {number.name}" for number in signal.Signals}
    unknown = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
    return known.get(code, unknown)


def stop_all(children: Sequence[Child]) -> None:
    """Stop every child, the last started first; a further Ctrl-C does not leave any behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for child in children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _STOP_S
        for child in reversed(children):
            child.stop(max(0.1, deadline - time.monotonic()))
    finally:
        signal.signal(signal.SIGINT, before)


def lock(path: Path) -> int | None:
    """Lock a file or folder for this process's life; its descriptor, or None when it is taken."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def free_domain() -> int:
    """A ROS domain that no demo holds and no participant on this machine uses; kept until exit."""
    for offset in range(100):
        domain = 1 + (os.getpid() + offset) % 100
        try:
            held = lock(Path(tempfile.gettempdir()) / f"pta_ros_domain_{domain}.lock")
        except OSError:
            continue  # another user's
        if held is None:
            continue
        if _unused(domain):
            return domain
        os.close(held)
    raise ProcessError("all ROS domains from 1 to 100 are in use here; stop other ROS programs")


def _unused(domain: int) -> bool:
    """Whether the first participant's port of a domain is free (the DDSI-RTPS port rule)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7400 + 250 * domain + 10))
        except OSError:
            return False
    return True
