"""Batches on the device that trains, so that it does not wait for them.

Arrays that fit into its free memory lie there. Of others the next batches are gathered by threads,
into pinned memory, while the device is busy with this one. Nothing is drawn at random here: the
batches are the same on every device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

Batch = tuple[Tensor, ...]
#: Threads that gather, and batches that are ready or being made at a time.
_WORKERS, _AHEAD = 3, 6


def fed(
    load: Callable[[Tensor], Batch], plan: Sequence[Tensor], device: torch.device
) -> Iterator[Batch]:
    """`load(rows)` for the rows of each batch of a `plan`, in its order, on `device`."""
    if device.type == "cpu":
        yield from map(load, plan)
        return
    for batch in ahead(lambda rows: pinned(load(rows)), plan):
        yield tuple(x.to(device, non_blocking=True) for x in batch)


def ahead(load: Callable[[Tensor], Batch], plan: Sequence[Tensor]) -> Iterator[Batch]:
    """As `map(load, plan)`, some batches ahead of what is taken; what `load` raises is raised."""
    with ThreadPoolExecutor(_WORKERS, "feed") as pool:
        waiting: deque[Future[Batch]] = deque()
        for rows in plan:
            waiting.append(pool.submit(load, rows))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def pinned(batch: Batch) -> Batch:
    """The same in memory that a GPU reads by itself; what is on a device stays."""
    return tuple(x.pin_memory() if x.device.type == "cpu" else x for x in batch)


def at_hand(array: Any, device: torch.device, free_bytes: int) -> Any:
    """An array in the device's memory, where half of what is free there holds it; or as it is.

    What is read from files each time stays there: it is large.
    """
    fits = isinstance(array, np.ndarray) and 2 * array.nbytes <= free_bytes
    return torch.from_numpy(np.array(array)).to(device) if fits and device.type != "cpu" else array


def rows_of(array: Any, rows: Tensor) -> Tensor:
    """Some rows of what `at_hand` gave, copied."""
    if isinstance(array, Tensor):
        return array[rows.to(array.device)]
    return torch.from_numpy(array[rows.numpy()])
