"""Series over time, made fit to be drawn: cut at gaps, thinned, averaged, in steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.report.scores import gap_s
from pta_ros.metrics.pose import usual_step_s

Array = NDArray[np.floating]


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


def means(values: Array, cells: int) -> Array:
    """Means of `cells` neighbours each."""
    begins = np.arange(0, len(values), cells)
    counts = np.diff(np.append(begins, len(values)))
    sums: Array = np.add.reduceat(values, begins, axis=0)
    return sums / counts.reshape(-1, *[1] * (values.ndim - 1))


def steps(
    times: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[list[float | None], list[int | None]]:
    """Times and numbers of a stepped line; it begins anew behind a gap and a number below zero."""
    step = usual_step_s(times) or gap_s(times)
    at: list[float | None] = []
    found: list[int | None] = []
    known = np.where(counts >= 0, counts, np.nan)
    for t, n in pieces(times, known, gap_s(times)):
        kept = np.flatnonzero(np.diff(n, prepend=-1.0))  # where it changes is enough
        at += [*np.round(t[kept], 3).tolist(), round(float(t[-1] + step), 3), None]
        found += [*n[kept].astype(int).tolist(), int(n[-1]), None]
    return at, found
