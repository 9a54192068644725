"""The live view of a running fusion: a table on a terminal, a line per second elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, TextIO

_COLOURS = {"LIVE": "green", "STALE": "yellow", "CORRUPT": "red", "MISSING": "yellow"}
_SHORT_S = 1.5  # errors and latencies shown are means over so long


@dataclass
class Scoreboard:
    """The newest facts to show; times in ns of one clock."""

    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    level: int = 0
    message: str = "waiting for the fusion node"
    recent: deque[tuple[int, float, float | None]] = field(default_factory=deque)
    skeletons: int = 0
    label: str = ""
    began_ns: int = 0

    def skeleton(self, record: dict[str, Any], error_mm: float | None) -> None:
        """Take one estimate's record; `error_mm` is its MPJPE where the truth is known."""
        self.skeletons += 1
        self.streams = record["streams"]
        self.recent.append((record["received_ns"], record["latency_ms"] or 0.0, error_mm))

    def activity(self, record: dict[str, Any]) -> None:
        """Take one activity's record."""
        self.streams, self.label = record["streams"], record["label"]
        self.recent.append((record["received_ns"], record["latency_ms"] or 0.0, None))

    def diagnostics(self, record: dict[str, Any]) -> None:
        """Take one report of the fusion node."""
        self.level, self.message = record["level"], record["message"]
        self.streams = record["streams"]

    def figures(self, now_ns: int) -> dict[str, float | None]:
        """Rate (Hz), latency (ms) and MPJPE (mm) over the last moments; None when unknown."""
        while self.recent and now_ns - self.recent[0][0] > _SHORT_S * 1e9:
            self.recent.popleft()
        errors = [error for _, _, error in self.recent if error is not None]
        return {
            "rate_hz": len(self.recent) / _SHORT_S,
            "latency_ms": fmean([r[1] for r in self.recent]) if self.recent else None,
            "mpjpe_mm": fmean(errors) if errors else None,
        }


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _kind(board: Scoreboard) -> str:
    return "activities" if board.label else "skeletons"


def _told(board: Scoreboard, figures: dict[str, float | None]) -> str:
    return board.label or f"MPJPE {_text(figures['mpjpe_mm'], '.0f')} mm"


def line(board: Scoreboard, now_ns: int) -> str:
    """The whole state in one line of plain text."""
    figures = board.figures(now_ns)
    streams = "  ".join(
        f"{name} {entry['state']} {_text(entry['weight'], '.2f')}"
        for name, entry in sorted(board.streams.items())
    )
    return (
        f"[{(now_ns - board.began_ns) / 1e9:5.1f} s] {streams or board.message} | "
        f"{_text(figures['rate_hz'], '.1f')} {_kind(board)}/s, "
        f"latency {_text(figures['latency_ms'], '.0f')} ms, "
        f"{_told(board, figures)}"
    )


def table(board: Scoreboard, now_ns: int) -> Any:
    """The whole state as a rich table."""
    from rich.markup import escape
    from rich.table import Table

    figures = board.figures(now_ns)
    caption = (
        f"{(now_ns - board.began_ns) / 1e9:.0f} s   "
        f"{_text(figures['rate_hz'], '.1f')} {_kind(board)}/s   "
        f"latency {_text(figures['latency_ms'], '.0f')} ms   "
        f"{_told(board, figures)} (synthetic)\n{escape(board.message)}"
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
            self._out.write(line(self._board, now_ns) + "\n")
            self._out.flush()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
