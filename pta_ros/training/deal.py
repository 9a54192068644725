"""Which rows, and who, are in which split of a run."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.datasets.splits import published_splits, repeat_split, subject_splits, wide_splits
from pta_ros.training.config import SplitConfig

#: Split -> who is in it: subjects, clips or scenes.
Splits = dict[str, tuple[str, ...]]


def split_rows(
    settings: SplitConfig, data: ReducedSet, by_scene: bool = False
) -> tuple[dict[str, Tensor], Splits]:
    """Rows and members of every split, by subject, clip or scene or, for XRF55, by repeat."""
    if by_scene:
        dealt, splits = wide_splits(data, settings.seed, settings.meta_val)
        return {n: torch.from_numpy(rows) for n, rows in dealt.items()}, splits
    if data.joints.shape[1]:
        groups = _groups(settings, data)
        return {n: torch.from_numpy(data.rows_of(s)) for n, s in groups.items()}, groups
    scenes = (tuple(text.split(",")) for text in (settings.train_scenes, settings.test_scenes))
    split = repeat_split(
        data, settings.seed, settings.meta_val, settings.val, settings.test,
        settings.train_repeats, *scenes,
    )._asdict()  # fmt: skip
    if not settings.test:
        del split["unseen"]
    people = {n: tuple(np.unique(data.subject[rows]).tolist()) for n, rows in split.items()}
    return {n: torch.from_numpy(rows) for n, rows in split.items()}, people


def _groups(split: SplitConfig, data: ReducedSet) -> Splits:
    """Subjects of every split, or clips where the published split is asked for."""
    if not split.published:
        return subject_splits(set(data.subject), split.seed, split.fractions())._asdict()
    pairs = set(zip(data.subject.tolist(), data.action.tolist(), strict=True))
    return published_splits(
        pairs, split.protocol, split.published, split.seed, split.meta_val
    )._asdict()
