"""XRF55's own system: single-modality models that learn from each other (Zhang et al., 2018)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div

from pta_ros.datasets.features import FeatureSet
from pta_ros.model.baselines import MeanOfPredictions
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import fit_stage
from pta_ros.training.resume import Figures, Stage


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
    pairs = present[:, :, None] & present[:, None] & ~torch.eye(models, dtype=torch.bool)
    peers = (apart * pairs).sum(dim=2) / pairs.sum(dim=2).clamp(min=1)
    return ((own + peers) * present).sum() / present.sum()


def mutual_stage(
    config: TrainConfig,
    model: MeanOfPredictions,
    data: FeatureSet,
    rows: Tensor,
    validate: Callable[[], Figures],
    progress: Callable[[int, int], None],
) -> Stage:
    """The stage that trains all single-modality models together; nothing is dropped."""
    theta = torch.optim.Adam(
        model.parameters(), config.meta.learning_rate, weight_decay=config.meta.weight_decay
    )

    def step(number: int, count: int, part: Tensor) -> Figures:
        model.train()
        mask = data.present[part]
        each = model.each(data.features(model, part, mask))
        logits = torch.stack([said.logits for said in each], dim=1)
        loss = mutual_loss(logits, mask, data.truth(part).labels)
        theta.zero_grad()
        loss.backward()
        theta.step()
        return {"loss_mutual": float(loss.detach())}

    return fit_stage("mutual", config, model, {"theta": theta}, rows, step, validate, progress)
