"""The gate's training, after everything else: on corrupted frames, then its thresholds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.metrics.subsets import subsets
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.training.evidence import evidence_of, evidence_of_views, log_odds
from pta_ros.training.fit import Setup, loss_stage
from pta_ros.training.mixed import Corrupted, mix
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Stage

#: As many training frames are enough, drawn at random; each takes 2 kB a modality and corruption.
ENOUGH = 20_000
#: False alarms of the gate may raise the error of a subset by so much, for each modality in it.
FALSE_ALARMS = 0.0005
#: The least log odds at which a frame is doubted; corrupted frames are common in training alone.
LEAST_ODDS = 1.0
#: A sensor carries a subset when its absence raises the error by the factor CARRIES. Then it is
#: left out only beyond the odds that a share PEOPLE of all people stay below, with confidence SURE.
CARRIES, PEOPLE, SURE = 2.0, 0.99, 0.95


def gate_stage(setup: Setup, model: PTA, corrupted: Corrupted) -> Stage:
    """The stage that trains `model.gate` alone, on frames of which each is corrupted at random.

    It learns which frames were corrupted (binary cross-entropy), not what error they cause: for the
    people whom the encoders were trained on, all sensors are better than they are for others.
    """
    gate, config, data = model.gate, setup.config, setup.data
    assert gate is not None, "a model with config.gate"
    model.requires_grad_(False)
    gate.requires_grad_(True)
    theta = torch.optim.AdamW(
        gate.parameters(), config.gate.learning_rate, weight_decay=config.gate.weight_decay
    )
    rows = setup.rows
    if len(rows) > ENOUGH:
        some = torch.Generator().manual_seed(config.seed)
        rows = rows[torch.randperm(len(rows), generator=some)[:ENOUGH]]
    shares = dict.fromkeys(corrupted, config.gate.corrupt)

    @cache
    def seen() -> tuple[FeatureSet, Corrupted]:
        model.eval()
        return evidence_of(model, data, rows), evidence_of_views(model, data, rows, corrupted)

    def loss_of(part: Tensor) -> Tensor:
        evidence, views = seen()
        gate.train()
        mask = draw_subsets(evidence.present[part])
        mixed, hit = mix(evidence, views, part, shares)
        odds = log_odds(model, mixed, mask)[mask]
        return binary_cross_entropy_with_logits(odds, hit[mask].to(odds))

    setup = replace(setup, rows=torch.arange(len(rows)))
    stage = loss_stage("gate", setup, model, theta, loss_of)
    return replace(stage, setting="gate.learning_rate")


@torch.inference_mode()
def calibrate_gate(model: PTA, data: FeatureSet, rows: Tensor, people: NDArray[np.str_]) -> None:
    """Set the gate's thresholds by what its false alarms cost, on the good frames `rows`.

    One for each subset of the modalities and modality in it, as low as FALSE_ALARMS allows. To
    leave out a good sensor costs little beside another good one. Beside a poor one it costs much:
    there it is judged by itself, as the poor one errs most with persons unlike `people` (N,), whom
    `rows` show, and the threshold must hold for those, too. Of activities neither is done, as an
    answer without a sensor is worse, not absurd. `rows` must not be training rows.
    """
    gate = model.eval().gate
    assert gate is not None, "a model with config.gate"
    gate.threshold.fill_(torch.inf)  # errors as they are without a gate
    gate.by_itself.fill_(False)
    names, found = model.config.modalities, torch.full_like(gate.threshold, LEAST_ODDS)
    evidence = evidence_of(model, data, rows)
    for subset in (s for s in subsets(names) if len(s) > 1):
        member = torch.tensor([m in subset for m in names])
        number, columns = subset_number(member[None])[0], member.nonzero()[:, 0].tolist()
        there = data.present[rows][:, member].all(dim=1)
        whole, whom = rows[there], people[there.numpy()]
        kept = _errors(model, data, whole, subset)
        costs = {c: _errors(model, data, whole, _without(subset, names[c])) - kept for c in columns}
        for column, cost in costs.items():
            carries = float((cost + kept).sum()) > CARRIES * float(kept.sum())
            gate.by_itself[number, column] = carries and model.config.has("pose")
        odds = log_odds(model, evidence, member.expand(len(rows), -1)).cpu()[there]
        for column, cost in costs.items():
            limit = lowest_threshold(odds[:, column], cost, FALSE_ALARMS * float(kept.sum()))
            if gate.by_itself[number, column]:
                limit = max(limit, beyond_people(odds[:, column], whom))
            found[number, column] = max(limit, LEAST_ODDS)
    gate.threshold.copy_(found)


def _without(subset: tuple[str, ...], modality: str) -> tuple[str, ...]:
    return tuple(m for m in subset if m != modality)


def _errors(model: PTA, data: FeatureSet, rows: Tensor, subset: tuple[str, ...]) -> Tensor:
    """Mean joint distance of every row, (N,) metres; of activities alone their cross entropy."""
    out, kept = outputs_of(model, data, rows, subset)
    if model.config.has("pose"):
        return (out.joints - data.joints[kept]).norm(dim=-1).mean(dim=1)
    return cross_entropy(out.logits, data.truth(kept).labels, reduction="none")


def lowest_threshold(odds: Tensor, cost: Tensor, budget: float) -> float:
    """The lowest threshold whose alarms, the frames above it, cost no more than `budget`.

    It is the log odds (N,) of the first frame that is one too many.
    """
    highest, order = odds.sort(descending=True)
    beyond = (cost[order].cumsum(dim=0) > budget).nonzero()
    return float(highest[beyond[0, 0]]) if len(beyond) else -torch.inf


def beyond_people(odds: Tensor, people: NDArray[np.str_]) -> float:
    """Log odds that good frames of hardly any person reach, from those (N,) of some `people` (N,).

    The upper tolerance bound of a normal over each person's highest; infinite for one person alone.
    """
    from scipy.stats import nct, norm  # late: the systems' names are known without it

    highest = [float(odds[torch.from_numpy(people == name)].max()) for name in np.unique(people)]
    count = len(highest)
    if count < 2:
        return float("inf")
    factor = nct.ppf(SURE, count - 1, norm.ppf(PEOPLE) * count**0.5) / count**0.5
    return float(np.mean(highest) + factor * np.std(highest, ddof=1))
