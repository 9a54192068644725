"""XRF55's splits: by repeat (the published one), across subjects, and across scenes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import DatasetError

Rows = NDArray[np.int64]

#: The published split: repeats 1 to 14 train, 15 to 20 test.
TRAIN_REPEATS = 14


class RepeatSplit(NamedTuple):
    """Row numbers. Those of `unseen` are of subjects who are in no other group.

    `train`, `meta_val` and `val` share subjects, not repeats; `test` holds later repeats.
    """

    train: Rows
    meta_val: Rows
    val: Rows
    test: Rows
    unseen: Rows


def repeat_split(
    data: ReducedSet,
    seed: int,
    meta_val: float,
    val: float,
    unseen: float,
    train_repeats: int = TRAIN_REPEATS,
    train_scenes: tuple[str, ...] = ("Scene1",),
    test_scenes: tuple[str, ...] = ("Scene1",),
) -> RepeatSplit:
    """Deal the samples; shares `meta_val` and `val` are of the training repeats, at least one each.

    `unseen` is the share of the subjects of `train_scenes` who are held out entirely; 0 holds out
    nobody. One scene for both is the published split of that scene; two tests across scenes.
    Raises DatasetError when there are too few repeats.
    """
    rng = np.random.default_rng(seed)
    inside = np.isin(data.scene, train_scenes)
    people = np.unique(data.subject[inside])
    away = rng.permutation(people)[: round(unseen * len(people))]
    known = ~np.isin(data.subject, away)
    early = data.number <= train_repeats
    repeats = rng.permutation(np.unique(data.number[inside & early]))
    if len(repeats) < 3:
        raise DatasetError(
            f"repeats {sorted(repeats.tolist())} up to {train_repeats} in {list(train_scenes)}; "
            "expected 3 or more"
        )
    first = max(1, round(meta_val * len(repeats)))
    second = first + max(1, round(val * len(repeats)))
    parts = repeats[second:], repeats[:first], repeats[first:second]
    trained = (data.usable & inside & known & np.isin(data.number, part) for part in parts)
    tested = data.usable & np.isin(data.scene, test_scenes)
    groups = (*trained, tested & known & ~early, tested & ~known)
    return RepeatSplit(*(np.flatnonzero(group) for group in groups))
