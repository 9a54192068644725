"""Which of two sets of places belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def near_pairs(away: NDArray[np.floating], farthest: float) -> dict[int, int]:
    """Rows and columns of distances (P, K) that belong together: the least in all, none beyond."""
    pairs = zip(*linear_sum_assignment(np.minimum(away, 2 * farthest)), strict=True)
    return {int(row): int(column) for row, column in pairs if away[row, column] <= farthest}
