"""The one loop that every system is trained with, on features of frozen encoders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from pta_ros.datasets.features import FeatureSet
from pta_ros.model.baselines import ConcatenateMlp, XFi
from pta_ros.model.heads import PTAOutput
from pta_ros.training.config import MetaConfig, TrainConfig
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.losses import task_loss
from pta_ros.training.pretrain import one_cycle
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Figures, Stage, batches

#: The systems that are trained by the task loss alone.
System = ConcatenateMlp | XFi

#: (step of the epoch, from 1; steps in it; rows of the batch) -> figures, averaged over the epoch.
Step = Callable[[int, int, Tensor], Figures]


def fit_stage(
    name: str,
    config: TrainConfig,
    model: nn.Module,
    optimizers: Mapping[str, torch.optim.Optimizer],
    rows: Tensor,
    step: Step,
    validate: Callable[[], Figures],
    progress: Callable[[int, int], None],
) -> Stage:
    """A stage of config.meta's budget: `step` on shuffled batches, theta's rate by its schedule."""
    settings = config.meta

    def epoch(number: int) -> Figures:
        sums: Figures = {}
        plan = batches(rows, settings.batch)
        for i, part in enumerate(plan, start=1):
            _set_rate(optimizers["theta"], settings, (number + i / len(plan)) / settings.epochs)
            for figure, value in step(i, len(plan), part).items():
                sums[figure] = sums.get(figure, 0.0) + value / len(plan)
            progress(i, len(plan))
        return {**sums, **validate()}

    return Stage(name, model, optimizers, settings.epochs, epoch, config.seed)


def _set_rate(theta: torch.optim.Optimizer, settings: MetaConfig, position: float) -> None:
    if settings.schedule == "constant":
        return
    share = one_cycle(position) if settings.schedule == "one_cycle" else (1 - position) ** 0.9
    for group in theta.param_groups:
        group["lr"] = settings.learning_rate * share


def supervised_stage(
    config: TrainConfig,
    model: System,
    data: FeatureSet,
    rows: Tensor,
    validate: Callable[[], Figures],
    progress: Callable[[int, int], None],
    ranks: Ranks = ALONE,
) -> Stage:
    """The stage of a system without inner and outer loops: the task loss, by modality dropout.

    `ranks` are the processes that make each step together.
    """
    theta = torch.optim.Adam(
        model.parameters(), config.meta.learning_rate, weight_decay=config.meta.weight_decay
    )
    ranks.join_norms(model)

    def predict(rows: Tensor, mask: Tensor, used: Tensor) -> PTAOutput:
        return model.complete(data.features(model, rows, mask, used), mask)

    def step(number: int, count: int, part: Tensor) -> Figures:
        model.train()
        mask = draw_subsets(data.present[part])
        out = ranks.share(partial(predict, used=mask.any(dim=0)), part, mask)
        loss = task_loss(config.task_loss, PTAOutput(*out), data.truth(part))
        ranks.step(theta, loss)
        return {"loss_task": float(loss.detach())}

    stage = fit_stage("fit", config, model, {"theta": theta}, rows, step, validate, progress)
    return replace(stage, ranks=ranks)


def endless(rows: Tensor, size: int) -> Iterator[Tensor]:
    """Shuffled batches of `rows`, again and again."""
    while True:
        yield from batches(rows, size)
