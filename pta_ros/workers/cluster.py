"""Workers of a cluster: those of a Dask scheduler, one task at a time each."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent import futures as threads
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from distributed import Client, Future
from distributed import TimeoutError as NothingYet
from distributed import wait as first_of
from distributed.comm.core import connect

from pta_ros.errors import ConfigError
from pta_ros.workers.lead import End

#: How a future is called that the scheduler has dropped, by the kind of loop.
_FORGOTTEN = (asyncio.CancelledError, threads.CancelledError)
_ADDRESS = re.compile(r"(tcp|tls|ucx|wss?)://[^/\s]+:\d+")
#: How often it is looked whether workers came or went.
_LOOK_S = 1.0
#: A scheduler, or the result of a worker that is there, answers within so many seconds.
_ANSWER_S = 15.0
#: So long a cluster may be without any worker.
PATIENCE_S = 60.0


class Cluster:
    """The workers of the Dask scheduler at `address`, which run `work`, a function of a module.

    A context manager. Each task is bound to one worker: so it is known whose task a death ends, and
    Dask itself repeats none. Workers may come and go; they must be able to import `work`. Raises
    ConfigError when the scheduler does not answer, and when no worker is there for `PATIENCE_S`.
    """

    def __init__(self, work: Callable[[Any], Any], address: str) -> None:
        self._work, self._address = work, address
        self._tasks: dict[str, tuple[int, Future[Any]]] = {}

    def __enter__(self) -> Cluster:
        # A lost connection is told by an error, in one line.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        if not _ADDRESS.fullmatch(self._address):
            raise ConfigError(
                f"--cluster {self._address!r}; expected the address that 'dask scheduler' prints, "
                "such as tcp://host:8786"
            )
        with self._answers():
            asyncio.run(asyncio.wait_for(_reach(self._address), _ANSWER_S))
            self._client = Client(self._address, timeout=_ANSWER_S, set_as_default=False)
        self._alone_since = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        for _, future in self._tasks.values():
            future.cancel()
        self._client.close(timeout=_LOOK_S)

    def idle(self) -> list[str]:
        """The addresses of the workers that have no task of ours."""
        return [address for address in self._here() if address not in self._tasks]

    def give(self, worker: Hashable, number: int, task: Any) -> None:
        """Let an idle worker begin."""
        name = f"{getattr(self._work, '__name__', 'task')}-{uuid4().hex}"
        with self._answers():
            future = self._client.submit(self._work, task, key=name, workers=[worker], pure=False)
        self._tasks[str(worker)] = (number, future)

    def wait(self) -> list[End]:
        """Wait until a task ends, or for `_LOOK_S`."""
        futures = [future for _, future in self._tasks.values()]
        if futures:
            # Nothing may have ended, and the scheduler may have forgotten one: told below.
            with self._client.as_current(), suppress(NothingYet, *_FORGOTTEN):
                first_of(futures, timeout=_LOOK_S, return_when="FIRST_COMPLETED")
        else:
            time.sleep(_LOOK_S)
        here = self._here()
        ends = (self._ended(address, here) for address in list(self._tasks))
        return [end for end in ends if end is not None]

    def _ended(self, address: str, here: set[str]) -> End | None:
        """What came of a worker's task; None while it is at it."""
        number, future = self._tasks[address]
        if future.status == "pending" and address in here:
            return None
        del self._tasks[address]
        end = _result(number, future)
        future.cancel()
        return end

    def _here(self) -> set[str]:
        """The workers that are there now."""
        with self._answers():
            here = set(self._client.nthreads())
        if here:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > PATIENCE_S:
            raise ConfigError(
                f"--cluster {self._address}: no worker for {PATIENCE_S:g} s; start some with "
                f"'dask worker {self._address}', and run the command again"
            )
        return here

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """A scheduler that is not there, or is there no more, is one line."""
        try:
            yield
        except (OSError, ValueError, RuntimeError, asyncio.TimeoutError) as error:
            raise ConfigError(
                f"--cluster {self._address}: no scheduler answers ({type(error).__name__}); "
                "expected the address that 'dask scheduler' prints, such as tcp://host:8786"
            ) from error


async def _reach(address: str) -> None:
    """Connect once: where something else answers, Client alone would wait for minutes."""
    connection = await connect(address, timeout=_ANSWER_S)
    await connection.close()


def _result(number: int, future: Future[Any]) -> End:
    """The end of a task that is no longer pending, or whose worker is gone."""
    if future.status == "error":
        error = future.exception(timeout=_ANSWER_S)
        if type(error).__name__ != "KilledWorker":
            return End(number, error=f"{type(error).__name__}: {error}")
    elif future.status == "finished":
        try:
            return End(number, future.result(timeout=_ANSWER_S))
        except Exception:  # the result went with its worker
            return End(number, died="its worker left the cluster with the result")
    return End(number, died="its worker left the cluster")
