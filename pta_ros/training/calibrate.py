"""What is set on validation people once a model is trained: its deviations, and its gate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import nct, norm
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.metrics.evaluate import predict_subset
from pta_ros.metrics.subsets import subsets
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number

#: Share of a normal variable within one standard deviation.
WITHIN_ONE = 0.6827
#: False alarms of the gate may raise the error of a subset by so much, for each modality in it.
FALSE_ALARMS = 0.0005
#: The least log odds at which a frame is doubted; corrupted frames are common in training alone.
LEAST_ODDS = 1.0
#: A sensor carries a subset when its loss raises the error by this factor. It is then left out
#: only beyond what a share of all people would reach, with a confidence of as much.
CARRIES, PEOPLE = 2.0, 0.95


@torch.inference_mode()
def calibrate(model: Projected, data: FeatureSet, rows: Tensor) -> None:
    """Set `model.calibration` so that WITHIN_ONE of the errors lie within one deviation.

    One factor per subset of the modalities and joint: the quantile of |error| / deviation over the
    coordinates of `rows`, which must not be training rows (Kuleshov et al., 2018, for a normal).
    """
    model.eval().calibration.log_factor.zero_()
    if not model.config.has("pose"):
        return
    for subset in subsets(model.config.modalities):
        joints, deviation, truth = predict_subset(model, data, rows, subset)
        if len(joints):
            ratio = (joints - truth).abs() / deviation[..., None]
            factor = ratio.transpose(0, 1).flatten(1).quantile(WITHIN_ONE, dim=1)
            member = torch.tensor([[m in subset for m in model.config.modalities]])
            model.calibration.log_factor[subset_number(member)[0]] = factor.log()


@torch.inference_mode()
def calibrate_gate(model: PTA, data: FeatureSet, rows: Tensor, people: NDArray[np.str_]) -> None:
    """Set the gate's thresholds by what its false alarms cost, on the good frames `rows`.

    One for each subset of the modalities and modality in it, as low as FALSE_ALARMS allows: to
    doubt a good sensor is cheap beside one that is as good, dear beside a poor one, where it must
    hold for people who are like none of `people` (N,), whom `rows` show. `rows` must not be
    training rows.
    """
    gate = model.eval().gate
    assert gate is not None, "a model with config.gate"
    gate.threshold.fill_(torch.inf)  # errors as they are without a gate
    names, found = model.config.modalities, torch.full_like(gate.threshold, LEAST_ODDS)
    for subset in (s for s in subsets(names) if len(s) > 1):
        member = torch.tensor([m in subset for m in names])
        there = data.present[rows][:, member].all(dim=1)
        whole, whom = rows[there], people[there.numpy()]
        kept, odds = _errors(model, data, whole, subset), _odds(model, data, whole, member)
        for modality in subset:
            rest = tuple(m for m in subset if m != modality)
            cost = _errors(model, data, whole, rest) - kept
            column = names.index(modality)
            limit = lowest_threshold(odds[:, column], cost, FALSE_ALARMS * float(kept.sum()))
            if float((cost + kept).sum()) > CARRIES * float(kept.sum()):
                limit = max(limit, beyond_people(odds[:, column], whom))
            found[subset_number(member[None])[0], column] = max(limit, LEAST_ODDS)
    gate.threshold.copy_(found)


def _errors(model: PTA, data: FeatureSet, rows: Tensor, subset: tuple[str, ...]) -> Tensor:
    """Mean joint distance of every row, (N,) metres."""
    joints, _, truth = predict_subset(model, data, rows, subset)
    return (joints - truth).norm(dim=-1).mean(dim=1)


def _odds(model: PTA, data: FeatureSet, rows: Tensor, member: Tensor, batch: int = 256) -> Tensor:
    """The gate's log odds of every row, (N, M)."""
    assert model.gate is not None
    odds = [rows.new_zeros(0, len(member), dtype=torch.float32)]
    for part in rows.split(batch) if len(rows) else ():
        mask = member.expand(len(part), -1)
        odds.append(model.gate.log_odds(data.features(model, part, mask), mask, model.head))
    return torch.cat(odds)


def lowest_threshold(odds: Tensor, cost: Tensor, budget: float) -> float:
    """The lowest threshold whose alarms, the frames above it, cost no more than `budget`.

    It is the log odds (N,) of the first frame that is one too many.
    """
    highest, order = odds.sort(descending=True)
    beyond = (cost[order].cumsum(dim=0) > budget).nonzero()
    return float(highest[beyond[0, 0]]) if len(beyond) else -torch.inf


def beyond_people(odds: Tensor, people: NDArray[np.str_]) -> float:
    """Log odds that good frames of hardly any person reach, from those (N,) of some `people` (N,).

    The upper tolerance bound of a normal over each person's highest; of one person nothing follows.
    """
    highest = [float(odds[torch.from_numpy(people == name)].max()) for name in np.unique(people)]
    count = len(highest)
    if count < 2:
        return float("inf")
    factor = nct.ppf(PEOPLE, count - 1, norm.ppf(PEOPLE) * count**0.5) / count**0.5
    return float(np.mean(highest) + factor * np.std(highest, ddof=1))
