"""Tables in Markdown, as every page has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pta_ros.metrics.bound import Bound

#: Stands for what there is nothing of.
NOTHING = "–"


def grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bold(text: str, marked: bool) -> str:
    """The text in bold where it is marked."""
    return f"**{text}**" if marked else text


def bounds_table(bounds: Iterable[Bound], where: bool = True) -> str:
    """Every bound: measured beside its limit, kept or missed; `where`: with that column."""
    rows = []
    for bound in bounds:
        verdict = bold(bound.verdict, not bound.ok)
        place = [bound.where or NOTHING] if where else []
        rows.append([bound.name, bound.limit_text, bound.value_text, *place, verdict])
    return grid(["bound", "limit", "measured", *(["where"] if where else []), ""], rows)
