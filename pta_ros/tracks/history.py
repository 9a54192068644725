"""The last half second again: what comes late is taken in at its own stamp.

A state is never changed in place, so keeping it costs a reference. What a step gives depends on
its inputs alone: a late input leads to the very state that it would have led to in order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")
X = TypeVar("X")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry(Generic[S, X]):
    stamp_ns: int
    given: X
    state: S  # after it


class History(Generic[S, X]):
    """States by stamp, made by `step(state, stamp_ns, given)`, the last `span_ns` of them."""

    def __init__(self, first: S, step: Callable[[S, int, X], S], span_ns: int) -> None:
        self._first, self._step, self._span_ns = first, step, span_ns
        self._entries: list[_Entry[S, X]] = []
        self._base = first  # the state before the first entry
        self._base_ns: int | None = None  # its stamp; None: before anything was given

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def newest_ns(self) -> int | None:
        """The newest stamp; None before the first."""
        return self._entries[-1].stamp_ns if self._entries else None

    @property
    def newest(self) -> S:
        """The state after everything."""
        return self._entries[-1].state if self._entries else self._base

    def add(self, stamp_ns: int, given: X) -> int | None:
        """Take one input in, at its place among the others; gives how many steps that took.

        None: it is older than everything that is kept, and was left out.
        """
        if self._base_ns is not None and stamp_ns < self._base_ns:
            return None
        place = bisect_right(self._entries, stamp_ns, key=lambda entry: entry.stamp_ns)
        later = [(entry.stamp_ns, entry.given) for entry in self._entries[place:]]
        del self._entries[place:]
        for stamp, what in [(stamp_ns, given), *later]:
            self._entries.append(_Entry(stamp, what, self._step(self.newest, stamp, what)))
        self._prune()
        return 1 + len(later)

    def at(self, stamp_ns: int) -> S | None:
        """The state after everything up to `stamp_ns`; None for what is no longer known."""
        place = bisect_right(self._entries, stamp_ns, key=lambda entry: entry.stamp_ns)
        if place:
            return self._entries[place - 1].state
        known = self._base_ns is None or stamp_ns >= self._base_ns
        return self._base if known else None

    def clear(self) -> None:
        """Start over."""
        self._entries.clear()
        self._base, self._base_ns = self._first, None

    def _prune(self) -> None:
        """Forget what is older than the span; the last state before it stays as the base."""
        least = self._entries[-1].stamp_ns - self._span_ns
        old = sum(entry.stamp_ns < least for entry in self._entries)
        if old:
            self._base, self._base_ns = (
                self._entries[old - 1].state,
                self._entries[old - 1].stamp_ns,
            )
            del self._entries[:old]
