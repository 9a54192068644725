"""Many sources, each in order of time, as one."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

from pta_ros.bags.records import Raw

#: When a source begins (ns), and how to open it.
Source = tuple[int, Callable[[], Iterable[Raw]]]


def in_order(sources: Iterable[Source]) -> Iterator[Raw]:
    """All messages in order of time; of two at the same time, the earlier source's comes first.

    A source is opened when its beginning is reached and dropped at its end, so that few are open.
    """
    waiting = sorted(enumerate(sources), key=lambda each: (each[1][0], each[0]), reverse=True)
    heads: list[tuple[int, int, Raw, Iterator[Raw]]] = []
    while waiting or heads:
        if waiting and (not heads or waiting[-1][1][0] <= heads[0][0]):
            index, (_, opened) = waiting.pop()
            _advance(heads, index, iter(opened()))
            continue
        _, index, raw, rest = heapq.heappop(heads)
        yield raw
        _advance(heads, index, rest)


def _advance(
    heads: list[tuple[int, int, Raw, Iterator[Raw]]], index: int, rest: Iterator[Raw]
) -> None:
    """Put a source's next message among the heads, if it has one."""
    raw = next(rest, None)
    if raw is not None:
        heapq.heappush(heads, (raw.time_ns, index, raw, rest))
