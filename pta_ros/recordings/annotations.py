"""Activities of one's own: a CSV file of begin, end and label.

start,end,label
2.5,8,waving            # seconds since the recording's begin, or Unix seconds
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pta_ros.clock import to_ns
from pta_ros.errors import DatasetError

#: Larger numbers of seconds are Unix time (1973 and later), smaller ones count from the begin.
_UNIX_S = 1e8
_EXPECTED = "start,end,label: seconds since the recording's begin or Unix seconds, and a name"


@dataclass(frozen=True)
class Annotation:
    """One activity, seconds as in the file."""

    begin_s: float
    end_s: float
    label: str
    line: int

    def span_ns(self, origin_ns: int) -> tuple[int, int]:
        """Begin and end in ns on the recording's clock, which began at `origin_ns`."""
        offset = 0 if self.absolute else origin_ns
        return to_ns(self.begin_s) + offset, to_ns(self.end_s) + offset

    @property
    def absolute(self) -> bool:
        """Whether it counts from 1970."""
        return self.begin_s >= _UNIX_S


def read_annotations(path: Path) -> tuple[Annotation, ...]:
    """The annotations of a file in order of time; raises DatasetError with the line's number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetError(f"{path}: {reason}; expected lines of {_EXPECTED}") from error
    found: list[Annotation] = []
    for number, row in enumerate(csv.reader(io.StringIO(text), skipinitialspace=True), start=1):
        cells = [cell.strip() for cell in row]
        first = not found and [cell.lower() for cell in cells[:3]] == ["start", "end", "label"]
        if any(cells) and not cells[0].startswith("#") and not first:
            found.append(_annotation(path, number, cells))
    if not found:
        raise DatasetError(f"{path}: no annotation in it; expected lines of {_EXPECTED}")
    found.sort(key=lambda one: one.begin_s)
    for one, other in pairwise(found):
        if other.begin_s < one.end_s:
            raise DatasetError(
                f"{path}: line {other.line} begins at {other.begin_s:g} s, before line {one.line} "
                f"ends at {one.end_s:g} s; expected one activity at a time"
            )
    return tuple(found)


def _annotation(path: Path, number: int, cells: Sequence[str]) -> Annotation:
    try:
        begin_s, end_s = float(cells[0]), float(cells[1])
        label = cells[2]
        sound = math.isfinite(begin_s) and math.isfinite(end_s) and 0 <= begin_s < end_s
    except (ValueError, IndexError):
        sound = False
    if not sound or not label:
        raise DatasetError(f"{path}: line {number} is {','.join(cells)!r}; expected {_EXPECTED}")
    if (begin_s >= _UNIX_S) != (end_s >= _UNIX_S):
        raise DatasetError(f"{path}: line {number} mixes two clocks; expected {_EXPECTED}")
    return Annotation(begin_s, end_s, label, number)
