"""A bound: one measured value beside its limit, in the words and with the exit code of every tool.

A tool prints `bounds_text` and ends with `exit_code`; what was never measured misses its bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: Exit code of a tool that did its work and found a bound missed.
EXIT_MISSED = 3


@dataclass(frozen=True)
class Bound:
    """One measured value beside its limit.

    `sense` is "at most" or "at least"; `unit` and `where` (the place where the bound is missed, or
    of the worst case) may be "". `value` is None where nothing was measured.
    """

    name: str
    value: float | None
    limit: float
    sense: str
    unit: str
    ok: bool
    where: str = ""

    @property
    def verdict(self) -> str:
        """`kept` or `missed`."""
        return "kept" if self.ok else "missed"

    @property
    def limit_text(self) -> str:
        """Such as `at least 1.8 x`."""
        return f"{self.sense} {self.limit:g} {self.unit}".rstrip()

    @property
    def value_text(self) -> str:
        """Such as `2.04 x`; a count as it is, anything else with two digits."""
        if self.value is None:
            return "not measured"
        number = f"{self.value}" if isinstance(self.value, int) else f"{self.value:.2f}"
        return f"{number} {self.unit}".rstrip()


def at_most(name: str, value: float | None, limit: float, unit: str = "", where: str = "") -> Bound:
    """A bound from above; a value that was never measured misses it."""
    ok = value is not None and value <= limit
    return Bound(name, value, limit, "at most", unit, ok, where)


def at_least(
    name: str, value: float | None, limit: float, unit: str = "", where: str = ""
) -> Bound:
    """A bound from below; a value that was never measured misses it."""
    ok = value is not None and value >= limit
    return Bound(name, value, limit, "at least", unit, ok, where)


def exit_code(bounds: Iterable[Bound]) -> int:
    """0 when all bounds are kept, EXIT_MISSED when one is missed."""
    return 0 if all(bound.ok for bound in bounds) else EXIT_MISSED


def bounds_text(bounds: Sequence[Bound]) -> str:
    """One line per bound with its value, limit and verdict, and a last line that counts them."""
    cells = [(b.name, b.value_text, b.limit_text, b.verdict) for b in bounds]
    name, value, limit = (max((len(row[i]) for row in cells), default=0) for i in range(3))
    lines = [f"  {n:<{name}}  {v:>{value}}  {x:<{limit}}  {verdict}" for n, v, x, verdict in cells]
    missed = sum(not bound.ok for bound in bounds)
    count = f"{len(bounds) - missed} of {len(bounds)} bounds kept"
    return "\n".join([*lines, f"{count}, {missed} missed" if missed else count])


def as_records(bounds: Iterable[Bound]) -> list[dict[str, Any]]:
    """The bounds as plain JSON values; `Bound(**record)` gives one back."""
    return [asdict(bound) for bound in bounds]
