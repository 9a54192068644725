"""Workers on this machine: one process each, which does not share memory, threads or fate."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import cv2

from pta_ros.lifeline import follow_parent
from pta_ros.workers.lead import End

#: What libraries read when they are loaded: each process has one thread where there are several.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: An idle worker that was told to end gets so long before it is killed.
_LEAVE_S = 5.0


@dataclass
class _Worker:
    """One process, the parent's end of its pipe, and the task that it has."""

    process: SpawnProcess
    pipe: Connection
    number: int | None = None


class Processes:
    """`count` processes that run `work`, a function of a module, on one task at a time.

    A context manager: its end kills whatever still runs. They start when there is a task for them.
    """

    def __init__(self, work: Callable[[Any], Any], count: int) -> None:
        self._work, self._count = work, count
        self._workers: dict[int, _Worker] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers.values():
            worker.pipe.close()  # an idle one ends by itself
            if worker.number is not None:
                worker.process.kill()
        for worker in self._workers.values():
            worker.process.join(_LEAVE_S)
            worker.process.kill()
            worker.process.join()
        self._workers.clear()

    def idle(self) -> list[int]:
        """The workers without a task, those that are not started yet last."""
        started = [slot for slot, worker in self._workers.items() if worker.number is None]
        return started + [slot for slot in range(self._count) if slot not in self._workers]

    def give(self, worker: Hashable, number: int, task: Any) -> None:
        """Let an idle worker begin; one that died meanwhile is told by `wait`."""
        assert isinstance(worker, int)
        if worker not in self._workers:
            self._workers[worker] = self._start()
        mine = self._workers[worker]
        mine.number = number
        try:
            mine.pipe.send(task)
        except OSError:  # it is dead: `wait` sees it at once
            return

    def wait(self) -> list[End]:
        """Wait until a worker answers or dies."""
        places = {
            place: slot
            for slot, worker in self._workers.items()
            for place in (worker.pipe, worker.process.sentinel)
        }
        ready = {places[place] for place in wait(list(places))}  # type: ignore[index]
        ends = (self._ended(slot) for slot in sorted(ready))
        return [end for end in ends if end is not None]

    def _start(self) -> _Worker:
        # Spawned, not forked: a parent that has used torch holds threads a fork would break.
        context = get_context("spawn")
        mine, its = context.Pipe()
        process = context.Process(target=_serve, args=(its, self._work, self._count > 1))
        with one_thread() if self._count > 1 else without_interrupts():
            process.start()
        its.close()
        return _Worker(process, mine)

    def _ended(self, slot: int) -> End | None:
        """What came of the task of a worker that answers or is dead; None: it had no task."""
        worker = self._workers[slot]
        number = worker.number
        try:
            if worker.pipe.poll():
                value, error = worker.pipe.recv()
                worker.number = None
                assert number is not None
                return End(number, value, error)
        except (EOFError, OSError):
            pass  # it died, be it in the middle of its answer
        worker.process.join(_LEAVE_S)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        del self._workers[slot]
        return None if number is None else End(number, died=_told(worker.process.exitcode))


def _told(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"its process ended by itself with {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (as the system does where memory runs out)" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


@contextmanager
def without_interrupts() -> Iterator[None]:
    """A process that starts here never gets Ctrl-C: its parent ends it."""
    resource_tracker.ensure_running()  # the first spawn would, and let SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def one_thread() -> Iterator[None]:
    """The same, and libraries that are loaded there use one thread, if nothing else is set."""
    mine = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(mine, "1"))
    try:
        with without_interrupts():
            yield
    finally:
        for name in mine:
            del os.environ[name]


def _serve(pipe: Connection, work: Callable[[Any], Any], one_thread: bool) -> None:
    """A worker: tasks come by the pipe, each is answered with its value or what it raised."""
    follow_parent()
    if one_thread:
        cv2.setNumThreads(1)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            answer = work(task), ""
        except Exception as error:
            answer = None, f"{type(error).__name__}: {error}"
        sys.stdout.flush()
        pipe.send(answer)
