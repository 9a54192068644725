"""Who is who: estimated people matched with the true ones, and how many an honest count has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.frames import Person
from pta_ros.people.centred import trunk
from pta_ros.people.pairs import near_pairs

Array = NDArray[np.float64]

#: So near, seen from above, an estimate's centre lies to that of the person who was found.
FOUND_M = 0.3
#: Somebody is clearly visible with so many joints in sight, and separate so far from the next.
CLEAR_JOINTS, SEPARATE_M = 9, 0.6


def paired(truth: NDArray[np.floating], centres: NDArray[np.floating]) -> dict[int, int]:
    """True people (P, 17, 3) and estimated centres (K, 3), both metres: who is which estimate.

    Everybody at most once, and so that the distances are the least in all.
    """
    if not len(truth) or not len(centres):
        return {}
    away = np.linalg.norm(trunk(truth)[:, None, :2] - centres[None, :, :2], axis=-1)
    return near_pairs(away, FOUND_M)


def match(truth: Array, found: tuple[Person, ...]) -> dict[int, Person]:
    """Who of the true people (P, 17, 3) is which estimate, as `paired`."""
    centres = np.array([person.centre for person in found]).reshape(-1, 3)
    return {who: found[n] for who, n in paired(truth, centres).items()}


def expected_count(truth: Array, sight: NDArray[np.bool_], seen: NDArray[np.integer]) -> int | None:
    """How many people an honest count has; None where that is a matter of opinion.

    `sight` (P, 17) are the joints that a sensor sees, `seen` (P,) pixels and points on each person.
    """
    clear = sight.sum(axis=1) >= CLEAR_JOINTS
    if (~clear & (seen > 0)).any():
        return None
    places = trunk(truth)[clear, :2]
    away = np.linalg.norm(places[:, None] - places[None], axis=-1)
    if (away[np.triu_indices(len(places), 1)] < SEPARATE_M).any():
        return None
    return len(places)
