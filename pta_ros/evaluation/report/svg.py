"""Drawing in SVG: scales, axes, lines, hatched fills. Colours are the page's (`bag_style`)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.report.markup import Markup, el, join
from pta_ros.frames import StreamState
from pta_ros.sensors import SENSORS

Array = NDArray[np.floating]

_OTHER = "#999999"
#: Each state has a pattern of its own, so that colour is not all that tells them apart.
PATTERNS = {s.name: f"url(#{s.name.lower()})" for s in StreamState if s is not StreamState.LIVE}


@dataclass(frozen=True)
class Scale:
    """Values `low` to `high` on pixels `begin` to `end`."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value, kept within the scale."""
        span = self.high - self.low
        share = (value - self.low) / span if span > 0 else 0.0
        return self.begin + min(max(share, 0.0), 1.0) * (self.end - self.begin)


def colour(modality: str) -> str:
    """The colour of a sensor, the demo's where it has one."""
    return SENSORS[modality].colour if modality in SENSORS else _OTHER


def fill(modality: str, state: str) -> str:
    """The fill of a stream in a state: LIVE in the sensor's colour."""
    return PATTERNS.get(state) or colour(modality)


def ticks(high: float, count: int = 6) -> list[float]:
    """Round values from 0 to `high`, about `count` of them."""
    if high <= 0:
        return [0.0]
    step = 10 ** math.floor(math.log10(high / count))
    step = next(step * m for m in (1, 2, 5, 10) if high / (step * m) <= count)
    return [step * i for i in range(int(high / step + 1e-6) + 1)]


def text(x: float, y: float, words: str, kind: str = "small", anchor: str = "start") -> Markup:
    """Words at a place."""
    return el("text", words, x=x, y=y, class_=kind, text_anchor=anchor)


def box(x: float, y: float, width: float, height: float, title: str = "", **more: str) -> Markup:
    """A rectangle; `title` shows when the pointer rests on it."""
    told = [el("title", title)] if title else []
    return el("rect", *told, x=x, y=y, width=width, height=height, **more)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line of a class of the page's style."""
    return el("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def path(pieces: Iterable[Array], closed: bool = False, **more: str) -> Markup:
    """One path through the points (K, 2) of every piece."""
    end = "Z" if closed else ""
    drawn = ["M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in piece) + end for piece in pieces]
    return el("path", d="".join(drawn), **more)


def pieces(times: Array, values: Array, gap: float) -> list[tuple[Array, Array]]:
    """Cut a series where a pause is longer than `gap` and where a value is NaN."""
    known = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    times, values = times[known], values[known]
    pause = np.diff(times)
    cuts = np.flatnonzero((pause > gap) | (pause < 0)) + 1  # a clock may jump back
    halves = zip(np.split(times, cuts), np.split(values, cuts), strict=True)
    return [(t, v) for t, v in halves if len(t)]


def thin(times: Array, values: Array, cells: int) -> tuple[Array, Array]:
    """Keep the lowest and the highest value (N,) of each of `cells` stretches of time."""
    if len(times) <= 2 * cells:
        return times, values
    kept = set()
    for rows in np.array_split(np.arange(len(times)), cells):
        kept |= {rows[np.argmin(values[rows])], rows[np.argmax(values[rows])]}
    chosen = np.array(sorted(kept))
    return times[chosen], values[chosen]


def drawing(width: float, height: float, parts: Iterable[str], label: str, kind: str) -> Markup:
    """A drawing as wide as its place allows, with a description for those who cannot see it."""
    view = f"0 0 {width:g} {height:g}"
    return el("svg", join(parts), viewBox=view, class_=kind, role="img", aria_label=label)


def definitions() -> Markup:
    """The hatches of states and faults, once per page."""
    parts = [
        _hatch("stale", 7, "stale", ("M0 7L7 0",)),
        _hatch("corrupt", 7, "corrupt", ("M0 7L7 0", "M0 0L7 7")),
        _hatch("missing", 6, "missing", ("M3 3h.01",)),
        _hatch("disabled", 6, "disabled", ("M0 3H6",)),
        _hatch("fault", 5, "fault", ("M0 0L5 5",)),
        _hatch("wrong", 5, "wrong", ("M0 5L5 0",)),
    ]
    return el("svg", el("defs", *parts), width="0", height="0", class_="definitions")


def _hatch(name: str, size: float, kind: str, strokes: Iterable[str]) -> Markup:
    ground = box(0, 0, size, size, class_=f"{kind}-ground")
    drawn = [el("path", d=stroke, class_=f"{kind}-hatch") for stroke in strokes]
    units = {"patternUnits": "userSpaceOnUse"}
    return el("pattern", ground, *drawn, id=name, width=size, height=size, **units)
