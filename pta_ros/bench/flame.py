"""A flame graph of folded stacks: who called whom, as wide as the processor's time it took.

The viewers of folded stacks draw pages that live from scripts; this draws a still picture for
documents, coloured by the parts of parts.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from pta_ros.bench.parts import OTHER, PARTS, Stack, by_part, part_of
from pta_ros.errors import DecodeError

#: What measures is not of what is measured.
_AROUND = ("cli/", "bench/")
#: Frames narrower than this share of the axis are left out.
LEAST = 1 / 400
_WIDE_IN, _ROW_IN, _DPI = 10.0, 0.19, 160
_ABOVE_IN, _BELOW_IN = 0.4, 1.15
_FONT = 7.0
#: A letter's width, of its size; capitals are rare.
_LETTER = 0.6
_COLOURS = ("#4477AA", "#EE8866", "#77AADD", "#44BB99", "#BBCC33", "#FFAABB", "#EEDD88", "#99DDFF",
            "#AAAA00", "#DDDDDD")  # fmt: skip
COLOURS = dict(zip(dict.fromkeys([*PARTS.values(), OTHER]), _COLOURS, strict=True))


@dataclass(frozen=True)
class Frame:
    """One rectangle: a function and all that it called, `depth` calls from the outermost."""

    name: str
    part: str
    depth: int
    begin_ms: float
    width_ms: float

    @property
    def names(self) -> tuple[str, str]:
        """The function and its file, and the function alone: what may stand in it."""
        file, _, function = self.name.rpartition(":")
        short = file.removesuffix("/__init__").rpartition("/")[2]
        return f"{function} ({short})", function


def unfolded(text: str, source: str) -> Counter[Stack]:
    """The stacks of parts.folded; raises DecodeError, naming `source`, for anything else."""
    found: Counter[Stack] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        names, _, time_ns = line.rpartition(" ")
        if not time_ns.isascii() or not time_ns.isdigit():
            raise DecodeError(
                source, f"line {number} is {line[:60]!r}", "functions with ; between, a blank, ns"
            )
        found[tuple(filter(None, names.split(";")))] += int(time_ns)
    if not found.total():
        raise DecodeError(source, "no time in it", "stacks that bench_bag --parts has written")
    return found


def total_ms(stacks: Counter[Stack]) -> float:
    """Milliseconds of all stacks."""
    return stacks.total() / 1e6


def frames(stacks: Counter[Stack], least_ms: float) -> list[Frame]:
    """The rectangles that are at least so wide, callers first, side by side in their names' order.

    A function's own time is the part of its width that is left of those that it called.
    """
    inner: Counter[Stack] = Counter()
    for stack, time_ns in stacks.items():
        inner[tuple(name for name in stack if not name.startswith(_AROUND))] += time_ns
    return list(_side_by_side(sorted(inner.items()), 0, 0.0, least_ms))


def _side_by_side(
    stacks: list[tuple[Stack, int]], depth: int, begin_ms: float, least_ms: float
) -> Iterator[Frame]:
    """The frames of stacks that are the same up to `depth`, from `begin_ms` to the right."""
    ends_here = [time_ns for stack, time_ns in stacks if len(stack) == depth]
    begin_ms += sum(ends_here) / 1e6
    deeper = [item for item in stacks if len(item[0]) > depth]
    for name, group in groupby(deeper, lambda item: item[0][depth]):
        members = list(group)
        width_ms = sum(time_ns for _, time_ns in members) / 1e6
        if width_ms >= least_ms:
            part = part_of(members[0][0][: depth + 1])
            yield Frame(name, part, depth, begin_ms, width_ms)
            yield from _side_by_side(members, depth + 1, begin_ms, least_ms)
        begin_ms += width_ms


def draw(stacks: Counter[Stack], title: str, path: Path, axis_ms: float | None = None) -> None:
    """Write the picture (PNG) to `path`; `axis_ms` is the width of its axis.

    It is all that is there by default; given, pictures can be compared.
    """
    wide_ms = axis_ms or total_ms(stacks)
    found = frames(stacks, LEAST * wide_ms)
    rows = 1 + max((frame.depth for frame in found), default=0)
    high_in = _BELOW_IN + rows * _ROW_IN + _ABOVE_IN
    figure = Figure(figsize=(_WIDE_IN, high_in))
    FigureCanvasAgg(figure)
    axis = figure.add_axes((0.01, _BELOW_IN / high_in, 0.98, rows * _ROW_IN / high_in))
    axis.set_xlim(0.0, wide_ms)
    axis.set_ylim(0, rows)
    for frame in found:
        _draw_frame(axis, frame, wide_ms)
    axis.set_yticks([])
    axis.spines[["left", "right", "top"]].set_visible(False)
    axis.tick_params(labelsize=_FONT + 1)
    axis.set_xlabel("ms of a processor for each estimate; callers below", fontsize=_FONT + 1)
    axis.set_title(f"{title}: {total_ms(stacks):.1f} ms", fontsize=11, fontweight="bold")
    figure.legend(handles=_legend(stacks), loc="lower center", ncols=4, fontsize=_FONT + 1,
                  frameon=False)  # fmt: skip
    figure.savefig(path, dpi=_DPI)


def _draw_frame(axis: Axes, frame: Frame, wide_ms: float) -> None:
    place: Any = (frame.begin_ms, frame.depth)
    colour = COLOURS[frame.part]
    axis.add_patch(Rectangle(place, frame.width_ms, 1, fc=colour, ec="white", lw=0.5))
    letters = 72 * 0.98 * _WIDE_IN * frame.width_ms / wide_ms / (_LETTER * _FONT) - 1
    text = next((name for name in frame.names if len(name) <= letters), "")
    middle = frame.begin_ms + frame.width_ms / 2
    axis.text(middle, frame.depth + 0.46, text, ha="center", va="center", fontsize=_FONT)


def _legend(stacks: Counter[Stack]) -> list[Patch]:
    """The parts that are there with their milliseconds, the largest first."""
    return [
        Patch(color=COLOURS[part], label=f"{part} {ms:.1f}") for part, ms in by_part(stacks).items()
    ]
