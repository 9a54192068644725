"""One process beside this one, which makes things in order, ahead of who takes them.

with Beside(work) as beside:  # a function of a module that gives an iterator
    for item in beside.made(task):
        ...

It starts at once, and imports what `work` needs while this process does the same, where a core is
free. It serves one task after the other; tasks and items go through pipes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import cv2

from pta_ros.errors import PtaError
from pta_ros.lifeline import follow_parent
from pta_ros.workers.processes import one_thread

#: Items that are made before the first of them is taken.
_AHEAD = 3
#: The process is told to end, and killed when it has not after so long.
_LEAVE_S = 5.0
_MADE, _END, _ERROR = "made", "end", "error"


class Beside:
    """A context manager; the process runs from its begin to its end, with one thread."""

    def __init__(self, work: Callable[[Any], Iterator[Any]]) -> None:
        self._work, self._number = work, 0

    def __enter__(self) -> Beside:
        # Spawned, not forked: a parent that has used torch holds threads a fork would break.
        context = get_context("spawn")
        self._items, out = context.Pipe(duplex=False)
        tasks, self._tasks = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(tasks, out, self._work))
        with one_thread():
            self._process.start()
        out.close()
        tasks.close()
        return self

    def __exit__(self, *error: object) -> None:
        self._tasks.close()
        self._items.close()
        self._process.join(0.0 if any(error) else _LEAVE_S)
        self._process.kill()
        self._process.join()

    def made(self, task: Any) -> Iterator[Any]:
        """What the work makes of a task, in order; its exception comes out.

        It may be left before its end. Raises PtaError where the process has died.
        """
        self._number += 1
        number = self._number
        self._send(number, task)
        while True:
            of, kind, value = self._received()
            if of != number:
                continue  # what was made ahead of a task that was left
            if kind == _END:
                return
            if kind == _ERROR:
                raise value
            self._send(number, _MADE)
            yield value

    def _send(self, number: int, what: Any) -> None:
        try:
            self._tasks.send((number, what))
        except OSError as error:
            raise self._dead() from error

    def _received(self) -> Any:
        try:
            return self._items.recv()
        except (EOFError, OSError) as error:  # OSError: it died in the middle of an item
            raise self._dead() from error

    def _dead(self) -> PtaError:
        self._process.join(_LEAVE_S)
        return PtaError(
            f"the process that reads ahead has ended with {self._process.exitcode}; expected it to "
            "go on: was it killed, or memory full? Run the command again"
        )


def _serve(tasks: Connection, out: Connection, work: Callable[[Any], Iterator[Any]]) -> None:
    """Work on one task after the other until nobody gives any more."""
    follow_parent()
    cv2.setNumThreads(1)
    try:
        task = tasks.recv()
        while True:
            task = _make(tasks, out, work, *task)
    except (EOFError, OSError):  # of the pipes
        return


def _make(
    tasks: Connection, out: Connection, work: Callable[[Any], Iterator[Any]], number: int, task: Any
) -> tuple[int, Any]:
    """Make everything of one task, or until it is left; gives the next one."""
    may, made, ended = _AHEAD, work(task), False
    while True:
        while ended or not may or tasks.poll():
            of, given = tasks.recv()
            if of != number:
                return of, given
            may += 1
        try:
            answer = _MADE, next(made)
        except StopIteration:
            answer = _END, None
        except Exception as error:
            answer = _ERROR, error
        out.send((number, *answer))
        may, ended = may - 1, answer[0] != _MADE
