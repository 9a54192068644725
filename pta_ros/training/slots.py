"""How the fusion with proxies is trained: every proxy like its target, and good for the task.

After COMPASS (arXiv 2604.02056), with the regularisation of VICReg (Bardes et al., 2022). The
shares of the losses are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from pta_ros.model.heads import answer
from pta_ros.model.slots import ProxySlots
from pta_ros.training.fit import Setup, adam, loss_stage
from pta_ros.training.losses import task_error, task_loss
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Stage

#: Of the covariance beside variance and invariance (VICReg: 1 beside 25).
_COVARIANCE = 0.04


def slots_stage(setup: Setup, model: ProxySlots) -> Stage:
    """The stage that trains `model`: the task, each proxy's own task, and lambda times the rest."""
    config = setup.config

    def loss_of(part: Tensor) -> Tensor:
        model.train()
        present, sees = setup.data.present[part], setup.data.seeing(part)
        mask = draw_subsets(present, sees)
        data, part = setup.drawn(part, present)
        features = data.features(model, part, present)
        pairs = both_present(sees)
        proxies = model.proxies(features, from_all(present))
        task = task_loss(config.task_loss, model.fuse(features, proxies, mask), data.truth(part))
        if not bool(pairs.any()):
            return task
        row, _, target = pairs.nonzero(as_tuple=True)
        made, real = proxies[pairs], features[row, target]
        alone = task_error(config.task_loss, answer(model.head, made), data.truth(part[row]))
        apart = mse_loss(made, real.detach()) + regularisation(features.mean(dim=2), sees)
        return task + alone + config.meta.align_weight * apart

    return loss_stage("task", setup, model, adam(setup, model), loss_of)


def both_present(present: Tensor) -> Tensor:
    """Pairs (B, M, M) of source and target of which both are there: (B, M) bool -> bool."""
    return from_all(present) & present[:, None]


def from_all(present: Tensor) -> Tensor:
    """Pairs (B, M, M) of a source that is there and any other modality: (B, M) bool -> bool."""
    other = ~torch.eye(present.shape[1], dtype=torch.bool, device=present.device)
    return present[:, :, None] & other


def regularisation(pooled: Tensor, present: Tensor) -> Tensor:
    """VICReg of features (B, M, D) where `present` (B, M): what keeps a shared space in use.

    Modalities of one sample are alike (invariance), every channel has a deviation of 1 or more
    (variance), and channels do not tell the same (covariance).
    """
    row, one, other = both_present(present).nonzero(as_tuple=True)
    loss = mse_loss(pooled[row, one], pooled[row, other])
    for modality in range(present.shape[1]):
        own = pooled[present[:, modality], modality]
        if len(own) < 2:
            continue
        own = own - own.mean(dim=0)
        covariance = own.T @ own / (len(own) - 1)
        variance = covariance.diagonal()
        off = covariance.square().sum() - variance.square().sum()
        loss = loss + (1 - (variance + 1e-4).sqrt()).relu().mean()
        loss = loss + _COVARIANCE * off / own.shape[1]
    return loss
