"""A bound: one measured value beside its limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Bound:
    """One measured value beside its limit; `sense` is "at most" or "at least", `unit` may be ""."""

    name: str
    value: float | None
    limit: float
    sense: str
    unit: str
    ok: bool


def at_most(name: str, value: float | None, limit: float, unit: str = "") -> Bound:
    """A bound from above; a value that was never measured misses it."""
    return Bound(name, value, limit, "at most", unit, value is not None and value <= limit)


def at_least(name: str, value: float | None, limit: float, unit: str = "") -> Bound:
    """A bound from below; a value that was never measured misses it."""
    return Bound(name, value, limit, "at least", unit, value is not None and value >= limit)


def as_records(bounds: Iterable[Bound]) -> list[dict[str, Any]]:
    """The bounds as plain JSON values."""
    return [asdict(bound) for bound in bounds]
