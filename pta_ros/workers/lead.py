"""Many tasks on many workers, one at a time each, any of which may die.

with Processes(work, 4) as crew:
    for end in lead(crew, tasks):
        ...
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

#: A task whose worker died is done once more, by another one; then it has failed.
TRIES = 2


@dataclass(frozen=True)
class End:
    """How one try of task `number` ended.

    With the `value` that the work returned; or it raised, and `error` says what; or the worker
    `died`, in words. `again`: the task is waiting for another worker, this is not its end.
    """

    number: int
    value: Any = None
    error: str = ""
    died: str = ""
    again: bool = False


class Crew(Protocol):
    """Workers that take one task at a time each; a dead one is told, and replaced."""

    def idle(self) -> Sequence[Hashable]:
        """The workers that can take a task now."""

    def give(self, worker: Hashable, number: int, task: Any) -> None:
        """Let an idle worker begin task `number`."""

    def wait(self) -> Sequence[End]:
        """Wait for something to happen; the tasks that ended, if any."""


def lead(crew: Crew, tasks: Sequence[Any], ahead: int | None = None) -> Iterator[End]:
    """Have every task done; yields each end as it comes, exactly one without `again` per task.

    With `ahead` no task is begun that is so many numbers after the first that has not ended.
    Whoever stops listening stops the work: what has begun is ended by the crew's own end.
    """
    waiting, tries, first = deque(range(len(tasks))), Counter[int](), 0
    ended = set[int]()  # those after the first that has not
    while first < len(tasks):
        for worker in crew.idle() if waiting else ():
            if waiting and (ahead is None or waiting[0] < first + ahead):
                number = waiting.popleft()
                tries[number] += 1
                crew.give(worker, number, tasks[number])
        for end in crew.wait():
            if end.died and tries[end.number] < TRIES:
                waiting.appendleft(end.number)
                yield replace(end, again=True)
                continue
            ended.add(end.number)
            while first in ended:
                ended.remove(first)
                first += 1
            yield end
