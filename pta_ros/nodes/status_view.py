"""The live view of a running fusion: a table on a terminal, a line per second elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, TextIO

import numpy as np

_COLOURS = {
    "LIVE": "green",
    "STALE": "yellow",
    "CORRUPT": "red",
    "MISSING": "yellow",
    "EMPTY": "cyan",
}
_SHORT_S = 1.5  # errors and latencies shown are means over so long


@dataclass
class Recent:
    """One kind of estimate over the last moments: what it and its score are called.

    The score is a skeleton's MPJPE (mm), of people the mean of everybody's, or 100 and 0 of a right
    and a wrong activity (%).
    """

    what: str
    score: str
    unit: str
    entries: deque[tuple[int, float, float | None]] = field(default_factory=deque)
    label: str = ""
    known: bool = False

    def add(self, record: dict[str, Any], score: float | None) -> None:
        """Count one estimate's record."""
        self.entries.append((record["received_ns"], record["latency_ms"] or 0.0, score))
        self.label, self.known = _label(record), True

    def figures(self, now_ns: int) -> dict[str, float | None]:
        """Rate (Hz), mean latency (ms) and mean score; None when unknown."""
        while self.entries and now_ns - self.entries[0][0] > _SHORT_S * 1e9:
            self.entries.popleft()
        scores = [score for _, _, score in self.entries if score is not None]
        return {
            "rate_hz": len(self.entries) / _SHORT_S,
            "latency_ms": fmean([entry[1] for entry in self.entries]) if self.entries else None,
            "score": fmean(scores) if scores else None,
        }

    def text(self, now_ns: int) -> str:
        """Rate, latency, score and, while there is any, the last label, in words."""
        figures = self.figures(now_ns)
        score = f"{self.score} {_text(figures['score'], '.0f')} {self.unit}"
        parts = (
            f"{_text(figures['rate_hz'], '.1f')} {self.what}/s",
            f"latency {_text(figures['latency_ms'], '.0f')} ms",
            "" if self.label and figures["score"] is None else score,
            self.label if self.entries else "",
        )
        return ", ".join(filter(None, parts))


@dataclass
class Scoreboard:
    """The newest facts to show; times in ns of one clock."""

    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    level: int = 0
    message: str = "waiting for the fusion node"
    skeletons: Recent = field(default_factory=lambda: Recent("skeletons", "MPJPE", "mm"))
    people: Recent = field(default_factory=lambda: Recent("lists of people", "MPJPE", "mm"))
    activities: Recent = field(default_factory=lambda: Recent("activities", "right", "%"))
    began_ns: int = 0

    def skeleton(self, record: dict[str, Any], error_mm: float | None) -> None:
        """Count one skeleton's record; `error_mm` is its MPJPE where the truth is known."""
        self.streams = record["streams"]
        self.skeletons.add(record, error_mm)

    def crowd(self, record: dict[str, Any], truth: list[Any] | None = None) -> None:
        """Count one list of people; `truth` are the joints (17, 3) of those who are there."""
        self.streams = record["streams"]
        self.people.add(record, _nearest_mm(record["people"], truth) if truth else None)

    def activity(self, record: dict[str, Any], truth: int | None = None) -> None:
        """Count one activity's record; `truth` is the class that it should have."""
        self.streams = record["streams"]
        score = None if truth is None else 100.0 * (record["class_id"] == truth)
        self.activities.add(record, score)

    def diagnostics(self, record: dict[str, Any]) -> None:
        """Show one report of the fusion node."""
        self.level, self.message = record["level"], record["message"]
        self.streams = record["streams"]

    def text(self, now_ns: int) -> str:
        """Each kind of estimate that was ever received, in words."""
        # The skeleton of a model that finds people is one of theirs.
        first = self.people if self.people.known else self.skeletons
        known = [kind for kind in (first, self.activities) if kind.known]
        return " | ".join(kind.text(now_ns) for kind in known) or "no estimate yet"


def _label(record: dict[str, Any]) -> str:
    """What an estimate says in a word or two: the activity, or how many people there are."""
    if "people" not in record:
        return record.get("label", "")
    count = len(record["people"])
    return {0: "nobody", 1: "one person"}.get(count, f"{count} people")


def _nearest_mm(people: list[dict[str, Any]], truth: list[Any]) -> float | None:
    """The mean over the people of the error (mm) to the nearest of the truth; None of nobody."""
    everybody = np.asarray(truth)
    errors = [
        1e3 * np.linalg.norm(np.asarray(one["joints"]) - everybody, axis=-1).mean(axis=-1).min()
        for one in people
    ]
    return float(np.mean(errors)) if errors else None


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def line(board: Scoreboard, now_ns: int) -> str:
    """The whole state in one line of plain text."""
    streams = "  ".join(
        f"{name} {entry['state']} {_text(entry['weight'], '.2f')}"
        for name, entry in sorted(board.streams.items())
    )
    began_s = (now_ns - board.began_ns) / 1e9
    return f"[{began_s:5.1f} s] {streams or board.message} | {board.text(now_ns)}"


def table(board: Scoreboard, now_ns: int) -> Any:
    """The whole state as a rich table."""
    from rich.markup import escape
    from rich.table import Table

    caption = (
        f"{(now_ns - board.began_ns) / 1e9:.0f} s   {escape(board.text(now_ns))} (synthetic)\n"
        f"{escape(board.message)}"
    )
    result = Table(title="pta_ros live fusion", caption=caption, min_width=78)
    for name in ("stream", "state", "age s", "rate Hz", "weight", "corrupt", "why"):
        result.add_column(name, no_wrap=name != "why", overflow="ellipsis")
    for name, entry in sorted(board.streams.items()):
        colour = _COLOURS.get(entry["state"], "white")
        result.add_row(
            name,
            f"[{colour}]{entry['state']}[/{colour}]",
            _text(entry["age_s"], ".2f"),
            _text(entry["rate_hz"], ".1f"),
            _text(entry["weight"], ".2f"),
            str(entry["corrupt"]),
            escape(entry["reason"][:60]),
        )
    return result


class StatusView:
    """Shows a scoreboard; `refresh` is called a few times per second."""

    def __init__(self, board: Scoreboard, out: TextIO = sys.stdout) -> None:
        self._board = board
        self._out = out
        self._live = self._start_live()
        self._second = -1

    def _start_live(self) -> Any:
        if not self._out.isatty():
            return None
        try:
            from rich.console import Console
            from rich.live import Live
        except ModuleNotFoundError:
            return None
        live = Live(console=Console(file=self._out), auto_refresh=False)
        live.start()
        return live

    def refresh(self, now_ns: int) -> None:
        """Redraw the table, or print a line when a new second has begun."""
        if self._live is not None:
            self._live.update(table(self._board, now_ns), refresh=True)
            return
        second = (now_ns - self._board.began_ns) // 1_000_000_000
        if second > self._second:
            self._second = second
            self.note(line(self._board, now_ns))

    def note(self, text: str) -> None:
        """Show a line above the table, or between the lines."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            self._out.write(text + "\n")
            self._out.flush()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
