"""Activities: a second head on a finished pose model, and XRF55's own system, mutual learning.

Mutual learning (Zhang et al., 2018) trains single-modality models that learn from each other.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div

from pta_ros.model.baselines import MeanOfPredictions
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup, adam, loss_stage
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Stage
from pta_ros.training.start import Start


def with_activity(model: PTA, config: TrainConfig, start: Start | None = None) -> PTA:
    """A model of `config.model.tasks` with the weights of `model` and an untrained second head.

    With `start` the head is that of the model which it holds, where that fits. It has a gate if
    `model` has one.
    """
    both = PTA(replace(config.model, gate=model.config.gate, unrefined=model.config.unrefined))
    if start:
        start.fill(both)
    both.load_state_dict({**both.state_dict(), **model.state_dict()})
    return both.eval()


def activity_stage(setup: Setup, model: PTA) -> Stage:
    """The stage that trains `model.activity` alone, on refined and plain features at random."""
    head, config, data = model.activity, setup.config, setup.data
    settings = config.activity
    assert head is not None, "a model with a second task"
    model.requires_grad_(False)
    head.requires_grad_(True)
    theta = torch.optim.AdamW(
        head.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )

    def loss_of(part: Tensor) -> Tensor:
        model.eval()
        mask = draw_subsets(data.present[part])
        refine = bool(torch.rand(()) >= config.meta.plain_share)
        features = data.features(model, part, mask)
        out = model.complete(features, mask.to(features.device), refine)
        return cross_entropy(out.logits, data.truth(part).labels.to(features.device))

    budget = replace(config.meta, epochs=settings.epochs, learning_rate=settings.learning_rate)
    own = replace(setup, config=replace(config, meta=budget))
    stage = loss_stage("activity", own, model, theta, loss_of)
    return replace(stage, setting="activity.learning_rate")


def mutual_loss(logits: Tensor, present: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of every model, and the divergence of its answer from each other's.

    `logits` (B, M, K) where `present` (B, M) says; a peer's answer is a constant.
    """
    batch, models = present.shape
    own = cross_entropy(
        logits.flatten(0, 1), labels.repeat_interleave(models), reduction="none"
    ).view(batch, models)
    log_chances = logits.log_softmax(dim=2)
    apart = kl_div(
        log_chances[:, :, None].expand(-1, -1, models, -1),
        log_chances.detach()[:, None].expand(-1, models, -1, -1),
        reduction="none", log_target=True,
    ).sum(dim=3)  # fmt: skip
    others = ~torch.eye(models, dtype=torch.bool, device=present.device)
    pairs = present[:, :, None] & present[:, None] & others
    peers = (apart * pairs).sum(dim=2) / pairs.sum(dim=2).clamp(min=1)
    return ((own + peers) * present).sum() / present.sum()


def mutual_stage(setup: Setup, model: MeanOfPredictions) -> Stage:
    """The stage that trains all single-modality models together, without modality dropout."""
    data = setup.data

    def loss_of(part: Tensor) -> Tensor:
        model.train()
        mask = data.present[part]
        each = model.each(data.features(model, part, mask))
        logits = torch.stack([answer.logits for answer in each], dim=1)
        labels = data.truth(part).labels.to(logits.device)
        return mutual_loss(logits, mask.to(logits.device), labels)

    return loss_stage("mutual", setup, model, adam(setup, model), loss_of)


def begin_as(taught: MeanOfPredictions, model: PTA) -> None:
    """Begin with the heads of single modalities that taught each other, and their projections."""
    if model.own is not None and model.config.dim == taught.config.dim:
        model.own.load_state_dict(taught.heads.state_dict())
        model.projectors.load_state_dict(taught.projectors.state_dict())
