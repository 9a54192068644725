"""Whether one system is better than another beyond chance, judged by those it was tested on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError

#: Of the interval.
CONFIDENCE = 0.95
#: Of each person: how many frames or samples (`COUNT`), and means of figures over them, by names.
People = dict[str, dict[str, float]]
COUNT = "count"


class Difference(NamedTuple):
    """Mean of a paired difference, and the ends of its CONFIDENCE interval; in its own unit."""

    mean: float
    low: float
    high: float


def paired_difference(
    ours: NDArray[np.floating],
    theirs: NDArray[np.floating],
    people: NDArray[np.str_],
    generator: np.random.Generator,
    draws: int = 10_000,
) -> Difference:
    """Mean of `ours` - `theirs`, values (N,) of the same frames, which show `people` (N,).

    The interval is a percentile bootstrap over people (Efron and Tibshirani, 1993): frames of one
    person are alike, so people are drawn, with all their frames. It does not tell of few people
    more than they know: with six it is rough, and with one there is none. Raises ConfigError for
    less than two people, and for values that are not finite.
    """
    difference = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    names, number = np.unique(people, return_inverse=True)
    if len(names) < 2:
        raise ConfigError(f"people are {names.tolist()}; expected two or more to draw from")
    if not np.isfinite(difference).all():
        raise ConfigError("a difference is not finite; expected errors of frames that both saw")
    sums, counts = np.bincount(number, difference), np.bincount(number)
    drawn = generator.integers(len(names), size=(draws, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail])
    return Difference(float(difference.mean()), float(low), float(high))


def of_people(
    values: Mapping[str, NDArray[np.floating]], people: NDArray[np.str_] | None
) -> People:
    """Means over each of `people` (N,) of values (N,) by name; None: of nobody.

    That is all of the values that `paired_difference` needs.
    """
    found: People = {}
    for name in [] if people is None else np.unique(people).tolist():
        own = people == name
        means = {key: float(value[own].mean(dtype=np.float64)) for key, value in values.items()}
        found[name] = {COUNT: int(own.sum()), **means}
    return found


def difference_of_people(
    ours: People, theirs: People, key: str, generator: np.random.Generator
) -> Difference:
    """`paired_difference` of the figure `key` from means over the same people's same frames.

    Raises ConfigError as it does, and where people or their frames differ.
    """
    counts, others = ({name: int(of[COUNT]) for name, of in x.items()} for x in (ours, theirs))
    if counts != others:
        raise ConfigError(f"frames by people are {counts} and {others}; expected the same frames")
    each = list(counts.values())
    mine, its = (np.repeat([x[name][key] for name in counts], each) for x in (ours, theirs))
    return paired_difference(mine, its, np.repeat(list(counts), each), generator)
