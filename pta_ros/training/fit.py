"""The loop that trains every system on features of frozen encoders, and what is fitted after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import predict_subset
from pta_ros.metrics.subsets import subsets
from pta_ros.model.baselines import ConcatenateMlp, XFi
from pta_ros.model.heads import PTAOutput
from pta_ros.model.projector import Projected
from pta_ros.model.purify import subset_number
from pta_ros.training.config import TrainConfig
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.fresh import Draw
from pta_ros.training.losses import task_loss
from pta_ros.training.pretrain import one_cycle
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Figures, Stage, batches, finite
from pta_ros.training.stage_config import MetaConfig

#: The systems that are trained by the task loss alone.
System = ConcatenateMlp | XFi

#: (step of the epoch, from 1; steps in it; rows of the batch) -> losses, averaged over the epoch.
Step = Callable[[int, int, Tensor], Figures]
#: Share of a normal variable within one standard deviation.
WITHIN_ONE = 0.6827


@dataclass(frozen=True, eq=False)
class Setup:
    """What a stage trains with: `rows` of `data`, by the budget of `config.meta`.

    `validate` returns the figures of one epoch, `progress` is called with (steps done, of all),
    `ranks` are the processes that make each step together. With `draw` stages of whole systems
    train on what it gives of those rows.
    """

    config: TrainConfig
    data: FeatureSet
    rows: Tensor
    validate: Callable[[], Figures] = dict
    progress: Callable[[int, int], None] = lambda done, total: None
    ranks: Ranks = ALONE
    draw: Draw | None = None

    def drawn(self, rows: Tensor, mask: Tensor) -> tuple[FeatureSet, Tensor]:
        """What a step sees of a batch of rows, of which it uses `mask` (B, M): a set, its rows."""
        return self.draw(rows, mask) if self.draw else (self.data, rows)


def fit_stage(
    name: str,
    setup: Setup,
    model: nn.Module,
    optimizers: Mapping[str, torch.optim.Optimizer],
    step: Step,
) -> Stage:
    """A stage that makes `step` on shuffled batches, theta's learning rate by its schedule."""
    settings = setup.config.meta

    def epoch(number: int) -> Figures:
        sums: Figures = {}
        plan = batches(setup.rows, settings.batch)
        for i, part in enumerate(plan, start=1):
            _set_rate(optimizers["theta"], settings, (number + i / len(plan)) / settings.epochs)
            for figure, value in finite(step(i, len(plan), part)).items():
                sums[figure] = sums.get(figure, 0.0) + value / len(plan)
            setup.progress(i, len(plan))
        return sums

    return Stage(
        name, model, optimizers, settings.epochs, epoch, setup.config.seed, ranks=setup.ranks,
        validate=setup.validate,
    )  # fmt: skip


def _set_rate(theta: torch.optim.Optimizer, settings: MetaConfig, position: float) -> None:
    if settings.schedule == "constant":
        return
    share = one_cycle(position) if settings.schedule == "one_cycle" else (1 - position) ** 0.9
    for group in theta.param_groups:
        group["lr"] = settings.learning_rate * share


def loss_stage(
    name: str,
    setup: Setup,
    model: nn.Module,
    theta: torch.optim.Optimizer,
    loss_of: Callable[[Tensor], Tensor],
) -> Stage:
    """A stage whose steps move `theta` down the gradient of `loss_of(rows)`, named loss_`name`."""

    def step(number: int, count: int, part: Tensor) -> Figures:
        loss = loss_of(part)
        setup.ranks.step(theta, loss)
        return {f"loss_{name}": float(loss.detach())}

    return fit_stage(name, setup, model, {"theta": theta}, step)


def adam(setup: Setup, model: nn.Module) -> torch.optim.Optimizer:
    """Adam over all parameters of `model`, by the settings of config.meta."""
    rate, decay = setup.config.meta.learning_rate, setup.config.meta.weight_decay
    return torch.optim.Adam(model.parameters(), rate, weight_decay=decay)


def supervised_stage(setup: Setup, model: System) -> Stage:
    """The stage of a system that the task loss alone trains, with modality dropout."""
    ranks, theta = setup.ranks, adam(setup, model)
    ranks.join_norms(model)

    def predict(data: FeatureSet, rows: Tensor, mask: Tensor, used: Tensor) -> PTAOutput:
        features = data.features(model, rows, mask, used)
        return model.complete(features, mask.to(features.device))

    def loss_of(part: Tensor) -> Tensor:
        model.train()
        mask = draw_subsets(setup.data.present[part], setup.data.seeing(part))
        data, rows = setup.drawn(part, mask)
        out = PTAOutput(*ranks.share(partial(predict, data, used=mask.any(dim=0)), rows, mask))
        return task_loss(setup.config.task_loss, out, data.truth(rows).to(out.joints.device))

    return loss_stage("task", setup, model, theta, loss_of)


def endless(rows: Tensor, size: int) -> Iterator[Tensor]:
    """Shuffled batches of `rows`, again and again."""
    while True:
        yield from batches(rows, size)


@torch.inference_mode()
def calibrate(
    model: Projected,
    data: FeatureSet,
    rows: Tensor,
    only: Sequence[tuple[str, ...]] | None = None,
) -> None:
    """Set `model.calibration` so that WITHIN_ONE of the errors lie within one deviation.

    One factor per subset of the modalities (`only` some: the others keep theirs) and joint: the
    quantile of |error| / deviation over the coordinates of `rows`, which must not be training rows
    (Kuleshov et al., 2018, for a normal).
    """
    names = model.config.modalities
    chosen = subsets(names) if only is None else only
    members = torch.tensor([[m in subset for m in names] for subset in chosen])
    numbers = subset_number(members)
    model.eval().calibration.log_factor[numbers] = 0.0
    if not model.config.has("pose"):
        return
    for subset, number in zip(chosen, numbers, strict=True):
        joints, deviation, truth = predict_subset(model, data, rows, subset)
        if len(joints):
            ratio = (joints - truth).abs() / deviation[..., None]
            factor = ratio.transpose(0, 1).flatten(1).quantile(WITHIN_ONE, dim=1)
            model.calibration.log_factor[number] = factor.log()
