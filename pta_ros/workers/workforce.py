"""Who does many tasks: processes of this machine, or the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pta_ros.errors import ConfigError, PtaError
from pta_ros.workers.lead import End, lead

if TYPE_CHECKING:
    from pta_ros.workers.cluster import Cluster
    from pta_ros.workers.processes import Processes


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

    def in_order(
        self, work: Callable[[Any], Any], tasks: Sequence[Any]
    ) -> Generator[Any, None, None]:
        """What the work makes of each task, in their order, whoever is ready first.

        A task whose worker died is done once more. Its PtaError or OSError comes out, as does a
        PtaError for anything else that it raised, and for a second death.
        """
        made, following = dict[int, Any](), 0
        with self.crew(_Telling(work), len(tasks)) as crew:
            for end in lead(crew, tasks):
                if end.again:
                    continue
                made[end.number] = _value(end)
                while following in made:
                    yield made.pop(following)
                    following += 1


EVERY_CORE = Workforce()


@dataclass(frozen=True)
class _Telling:
    """The work, whose own errors are values: they cross processes whole, not as a text."""

    work: Callable[[Any], Any]

    def __call__(self, task: Any) -> Any:
        try:
            return self.work(task)
        except (PtaError, OSError) as error:
            return error


def _value(end: End) -> Any:
    """What a task gave; raises what it raised."""
    if isinstance(end.value, (PtaError, OSError)):
        raise end.value
    if end.died:
        raise PtaError(f"{end.died}, twice on the same task; free memory and run it again")
    if end.error:
        raise PtaError(f"a worker failed: {end.error}")
    return end.value
