"""Time is whole nanoseconds inside, seconds for people, and sec + nanosec in messages."""

from __future__ import annotations

from typing import Any

#: Nanoseconds of a second.
NS = 1_000_000_000


def to_ns(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * NS)


def stamp_ns(stamp: Any) -> int:
    """Nanoseconds of a stamp (builtin_interfaces/Time, of any message class)."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


def split_ns(ns: int) -> tuple[int, int]:
    """`sec` and `nanosec` of a stamp."""
    return divmod(ns, NS)
