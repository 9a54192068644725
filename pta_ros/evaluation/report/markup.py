"""Elements of HTML and SVG as text. Whatever is not markup already gets escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_VOID = {"meta", "br", "img"}


class Markup(str):
    """Text that is markup: made by `el` and `join` alone."""

    __slots__ = ()


def el(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """An element. Plain strings among children and attributes are escaped.

    `class_` becomes class and `stroke_width` stroke-width; attributes that are None are left out,
    numbers are rounded to hundredths.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[str], between: str = "") -> Markup:
    """Parts one after the other, escaped where they are plain."""
    return Markup(between.join(p if isinstance(p, Markup) else escape(p) for p in parts))


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
