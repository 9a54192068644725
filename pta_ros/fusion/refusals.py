"""Counts what a decoder refused, by kind of reason, so that the most frequent one can be named."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

#: Numbers differ from message to message: reasons that differ in them alone are of one kind.
_NUMBER = re.compile(r"\d[\d.,]*")
#: Kinds that are told apart; what comes after them is counted together.
_MOST_KINDS = 50
_LONGEST = 400  # characters of a reason that are kept: a message's own text may be any length
_REST = "other reasons"


@dataclass(frozen=True)
class Refused:
    """`count` messages that were refused for one kind of reason; `reason` is the first one's."""

    count: int
    reason: str


class Refusals:
    """Refused messages of one stream. Memory is bounded, whatever the messages say."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, error: Exception) -> None:
        """Count one refused message."""
        reason = " ".join(str(error).split())[:_LONGEST]
        kind = _NUMBER.sub("#", reason)
        if kind not in self._first and len(self._first) >= _MOST_KINDS:
            kind = reason = _REST
        self._counts[kind] += 1
        self._first.setdefault(kind, reason)

    def most(self) -> tuple[Refused, ...]:
        """All kinds, the most frequent first."""
        return tuple(Refused(n, self._first[kind]) for kind, n in self._counts.most_common())
