"""A second head: activities from the finished features of a pose model, which stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from pta_ros.datasets.features import FeatureSet
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import fit_stage
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Figures, Stage


def with_activity(model: PTA, config: TrainConfig) -> PTA:
    """A model of `config.model.tasks` with the weights of `model`, whose second head is untrained.

    Whether it has a gate is `model`'s to say.
    """
    both = PTA(replace(config.model, gate=model.config.gate))
    both.load_state_dict({**both.state_dict(), **model.state_dict()})
    return both.eval()


def activity_stage(
    config: TrainConfig,
    model: PTA,
    data: FeatureSet,
    rows: Tensor,
    validate: Callable[[], Figures],
    progress: Callable[[int, int], None],
) -> Stage:
    """The stage that trains `model.activity` alone, on refined and plain features at random."""
    head, settings = model.activity, config.activity
    assert head is not None, "a model with a second task"
    model.requires_grad_(False)
    head.requires_grad_(True)
    theta = torch.optim.AdamW(
        head.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )

    def step(number: int, count: int, part: Tensor) -> Figures:
        model.eval()
        mask = draw_subsets(data.present[part])
        refine = bool(torch.rand(()) >= config.meta.plain_share)
        features = data.features(model, part, mask)
        out = model.complete(features, mask, refine)
        loss = cross_entropy(out.logits, data.truth(part).labels)
        theta.zero_grad()
        loss.backward()
        theta.step()
        return {"loss_activity": float(loss.detach())}

    budget = replace(config.meta, epochs=settings.epochs, learning_rate=settings.learning_rate)
    own = replace(config, meta=budget)
    return fit_stage("activity", own, model, {"theta": theta}, rows, step, validate, progress)
