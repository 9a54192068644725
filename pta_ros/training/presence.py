"""How sure to be that somebody is there: fitted on validation scenes, after search and model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from pta_ros.checkpoint import Checkpoint
from pta_ros.datasets.people import visible
from pta_ros.datasets.wide import Clip, clips_of
from pta_ros.fusion.looks import Looks
from pta_ros.fusion.people import PeopleEstimator, SearchConfig
from pta_ros.metrics.presence import paired
from pta_ros.model.finder import Finder
from pta_ros.model.purify import subset_number
from pta_ros.people import birdseye
from pta_ros.people.centred import trunk
from pta_ros.people.readings import Readings

Array = NDArray[np.float64]

#: Candidates from so little probability on, the best of a frame.
_SEARCH = SearchConfig(candidate=0.02, presence=0.0, most=8)
#: Who is nearer than this to a person without having found them says nothing of empty places.
_UNSURE_M = 0.6
#: Squared departures from the start count so much in the mean loss.
_HOLD = 1e-4


def fit_presence(
    source: Checkpoint, root: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> Finder:
    """The finder of `source`, judging by what the validation scenes of the tree `root` taught it.

    Logistic regression for each subset of the sensors; a subset that has no candidates of both
    kinds stays as it is.
    """
    assert source.finder is not None
    estimator = PeopleEstimator(source, _SEARCH)
    estimator.quicken()
    rows, folders = [], clips_of(root, "val")
    for done, folder in enumerate(folders, start=1):
        clip = Clip.open(folder)
        rows += [row for n in range(len(clip.people)) for row in _judged(estimator, clip, n)]
        progress(done, len(folders))
    shares = source.finder.presence.shares
    for number, values in _by_subset(rows).items():
        fitted = _logistic(values, shares[number].numpy().astype(np.float64))
        shares[number] = torch.from_numpy(fitted).to(shares.dtype)
    return source.finder


def _judged(estimator: PeopleEstimator, clip: Clip, number: int) -> list[tuple[Looks, Array]]:
    """The looks at one instant, and who is right; of each sensor alone and of both."""
    readings, truth = clip.readings(number), clip.people[number].astype(np.float64)
    out = []
    for sensors in (("depth",), ("lidar",), ("depth", "lidar")):
        given = Readings(**{m: getattr(readings, m) for m in sensors})
        looks = estimator.examine(estimator.find(birdseye.grid(given)), given)
        columns = [("depth", "lidar").index(m) for m in sensors]
        seen = visible(clip)[number][:, columns].any(axis=1)
        out.append((looks, _right(looks, truth, seen)))
    return out


def _right(looks: Looks, truth: Array, seen: NDArray[np.bool_]) -> Array:
    """Of each look: 1 for a person whom the sensors see, 0 for nobody, NaN where it says nothing.

    Of several looks at one person the likeliest is right.
    """
    out = np.zeros(len(looks.looked))
    order = np.argsort(-(looks.searched + looks.looked), kind="stable")
    centres = trunk(looks.joints)
    away = np.linalg.norm(trunk(truth)[:, None, :2] - centres[None, :, :2], axis=-1)
    out[(away < _UNSURE_M).any(axis=0)] = np.nan
    for who in np.flatnonzero(seen):
        mine = [n for n in order if paired(truth[[who]], centres[[n]])]
        if mine:
            out[mine[0]] = 1.0
    return out


def _by_subset(rows: list[tuple[Looks, Array]]) -> dict[int, Array]:
    """Values (N, 3): log odds of search and look, and whether somebody is there."""
    searched, looked, seen, right = (
        np.concatenate(parts)
        for parts in zip(*((k.searched, k.looked, k.seen, there) for k, there in rows), strict=True)
    )
    subset = np.where(np.isfinite(right), subset_number(torch.from_numpy(seen)).numpy(), -1)
    values = np.column_stack([searched, looked, right])
    return {int(n): values[subset == n] for n in np.unique(subset[subset >= 0])}


def _logistic(values: Array, start: Array) -> Array:
    """Constant and shares (3,) of least log loss on `values` (N, 3)."""
    x, there = np.column_stack([np.ones(len(values)), values[:, :2]]), values[:, 2]
    if len(np.unique(there)) < 2:
        return start

    def loss(shares: Array) -> float:
        log_odds = x @ shares
        surprise = np.logaddexp(0.0, np.where(there > 0, -log_odds, log_odds))
        return float(surprise.mean() + _HOLD * np.square(shares - start).sum())

    return np.asarray(minimize(loss, start, method="BFGS").x)
