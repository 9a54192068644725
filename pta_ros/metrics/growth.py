"""How much a figure grew over a run: the middle of the run's last window against its first one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

#: What is warmed up is left out, and so long is a window at either end, seconds.
WARM_UP_S = WINDOW_S = 60.0
#: A run too short for these has a fifth of its length for each.
_SHARE = 5.0


def growth(points: Sequence[tuple[float, float]]) -> float | None:
    """The last minute's median over that of the first one after the warm-up, minus 1.

    `points` are (time in seconds, value) in order of time, the times since the start. None when
    not three minutes were measured.
    """
    whole = bool(points) and points[-1][0] >= WARM_UP_S + 2 * WINDOW_S
    return _between(points, WARM_UP_S, WINDOW_S) if whole else None


def growth_of_any(points: Sequence[tuple[float, float]]) -> float | None:
    """The same of a run of any length; under five minutes, warm-up and windows are a fifth of it.

    None where a window holds nothing.
    """
    if not points:
        return None
    window_s = min(WINDOW_S, (points[-1][0] - points[0][0]) / _SHARE)
    return _between(points, points[0][0] + window_s, window_s)


def _between(
    points: Sequence[tuple[float, float]], begin_s: float, window_s: float
) -> float | None:
    first = [value for t, value in points if begin_s <= t < begin_s + window_s]
    last = [value for t, value in points if t > points[-1][0] - window_s]
    return median(last) / median(first) - 1.0 if first and last and median(first) else None
