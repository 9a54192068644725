"""Which estimate is which person: the one rule of every measure of people who are found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pta_ros.people.centred import trunk

#: Somebody is found by an estimate whose centre is so near, seen from above, metres.
FOUND_M = 0.3


def paired(truth: NDArray[np.floating], centres: NDArray[np.floating]) -> dict[int, int]:
    """True people (P, 17, 3) and estimated centres (K, 3), both metres: who is which estimate.

    Everybody at most once, and so that the distances are the least in all.
    """
    if not len(truth) or not len(centres):
        return {}
    away = np.linalg.norm(trunk(truth)[:, None, :2] - centres[None, :, :2], axis=-1)
    pairs = zip(*linear_sum_assignment(np.minimum(away, 2 * FOUND_M)), strict=True)
    return {int(who): int(n) for who, n in pairs if away[who, n] <= FOUND_M}
