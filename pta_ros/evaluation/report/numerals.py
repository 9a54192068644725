"""Figures of the report as text: a dash where there is none, as many digits as one reads."""

from __future__ import annotations

from collections.abc import Sequence

#: What stands where there is no figure.
NONE = "–"


def number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash where there is none."""
    return NONE if value is None else f"{value:.{digits}f}"


def figure(value: float | None) -> str:
    """Millimetres or percent, with a decimal below 100."""
    return number(value, 1 if value is None or value < 99.95 else 0)


def percent(share: float | None) -> str:
    """A share in percent; 100 % and 0 % only when it is all or nothing."""
    if share is None:
        return NONE
    if share in (0, 1) or 0.005 <= share < 0.995:
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"


def clock(seconds: float) -> str:
    """A time in a bag: 12.3 s, or 2:05 min from two minutes on."""
    if seconds < 120:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def period(begin_s: float, end_s: float) -> str:
    """A stretch of time in a bag, the unit said once where it is the same."""
    begin, end = clock(begin_s), clock(end_s)
    same = begin.rpartition(" ")[2] == end.rpartition(" ")[2]
    return f"{begin.rpartition(' ')[0] if same else begin}–{end}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
