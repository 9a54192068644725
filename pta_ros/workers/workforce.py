"""Who does many tasks: processes of this machine, or the workers of a cluster."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pta_ros import __version__
from pta_ros.errors import ConfigError, PtaError
from pta_ros.workers.lead import Crew, End, lead

if TYPE_CHECKING:
    from pta_ros.workers.cluster import Cluster
    from pta_ros.workers.processes import Processes


#: At least so many tasks after the first unfinished one may be finished and wait for it.
_AHEAD = 32


@dataclass(frozen=True)
class Workforce:
    """`jobs` processes (None: one for each core), or the workers of the Dask scheduler `cluster`.

    Raises ConfigError for both, and for no process.
    """

    jobs: int | None = None
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None and self.cluster is not None:
            raise ConfigError("--jobs and --cluster; expected one: a cluster's workers are its own")
        if self.jobs is not None and self.jobs < 1:
            raise ConfigError(f"--jobs is {self.jobs}; expected at least 1")

    def crew(self, work: Callable[[Any], Any], tasks: int) -> Processes | Cluster:
        """Workers for so many tasks, as a context manager; `work` is a function of a module."""
        if self.cluster is None:
            from pta_ros.workers.processes import Processes  # late: it needs OpenCV

            return Processes(work, max(1, min(self.jobs or os.cpu_count() or 1, tasks)))
        from pta_ros.workers.cluster import Cluster  # late: an optional library

        return Cluster(work, self.cluster)

    @property
    def asked(self) -> bool:
        """Whether somebody said who does the tasks."""
        return self.jobs is not None or self.cluster is not None

    def in_order(
        self, work: Callable[[Any], Any], tasks: Sequence[Any]
    ) -> Generator[Any, None, None]:
        """As of `Hired`, for these tasks alone."""
        with Hired(self, work, len(tasks)) as hired:
            yield from hired.in_order(tasks)


class Hired:
    """Workers of a workforce for one work, who come with its first task.

    A context manager; they stay until its end, or until tasks are left undone. There are no more
    processes than `most`, where that is given.
    """

    def __init__(
        self, workforce: Workforce, work: Callable[[Any], Any], most: int = sys.maxsize
    ) -> None:
        self._hire = partial(workforce.crew, _Telling(work, __version__), most)
        self._stack = ExitStack()
        self._crew: Crew | None = None

    def __enter__(self) -> Hired:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        self._crew = None

    def in_order(self, tasks: Sequence[Any]) -> Generator[Any, None, None]:
        """What the work makes of each task, in their order, whoever is ready first.

        A task whose worker died is done once more. Raises the PtaError that the work raised, and a
        PtaError for anything else that it raised, whose traceback is printed where it happened, for
        a second death, and for workers with another version of this package.
        """
        if not tasks:
            return
        if self._crew is None:
            crew = self._hire()
            self._stack.enter_context(crew)
            self._crew = crew
        left = len(tasks)
        try:
            for made in _in_order(self._crew, tasks):
                left -= 1
                yield made
        finally:
            if left:  # a failure, or nobody listens any more: they may be in the middle of a task
                self.__exit__()


def _in_order(crew: Crew, tasks: Sequence[Any]) -> Iterator[Any]:
    made, following = dict[int, Any](), 0
    ahead = max(_AHEAD, 4 * len(crew.idle()))
    for end in lead(crew, tasks, ahead):
        if end.again:
            continue
        made[end.number] = _value(end, len(tasks))
        while following in made:
            yield made.pop(following)
            following += 1


EVERY_CORE = Workforce()


@dataclass(frozen=True)
class _Telling:
    """The work of one version, whose own errors are values: they cross processes whole."""

    work: Callable[[Any], Any]
    version: str

    def __call__(self, task: Any) -> Any:
        if self.version != __version__:
            return ConfigError(
                f"a worker has pta_ros {__version__}; expected {self.version}, as here"
            )
        try:
            return self.work(task)
        except PtaError as error:
            return error
        except OSError as error:
            return PtaError(f"a worker: {error}; expected a file that it can read")
        except Exception:
            traceback.print_exc()
            raise


def _value(end: End, count: int) -> Any:
    """What a task of so many gave; raises what it raised."""
    which = f"task {end.number + 1} of {count}"
    if isinstance(end.value, PtaError):
        raise end.value
    if end.died:
        raise PtaError(f"{which}: {end.died}, twice; mend that and run the command again")
    if end.error:
        raise PtaError(f"{which}: a worker failed: {end.error}; a defect, its traceback is above")
    return end.value
