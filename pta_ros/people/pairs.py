"""Which of two sets of places belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def near_pairs(away: NDArray[np.floating], farthest: float) -> dict[int, int]:
    """Rows and columns of distances (P, K) that belong together: the least in all, none beyond."""
    pairs = assigned(np.minimum(away, 2 * farthest))
    return {row: column for row, column in pairs if away[row, column] <= farthest}


def assigned(price: NDArray[np.floating]) -> list[tuple[int, int]]:
    """The pairs (row, column) of a price list (P, K) with the least sum, as many as there can be.

    SciPy is imported where there is a choice between more than one row and more than one column:
    a node for one person starts sooner without it.
    """
    if 0 in price.shape:
        return []
    if 1 in price.shape:
        row, column = np.unravel_index(int(price.argmin()), price.shape)
        return [(int(row), int(column))]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(price)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]
