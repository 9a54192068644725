"""Second stage: nested optimisation of everything else (inner) and the weights (outer), Eq. 1-3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pta_ros.datasets.feature_set import FeatureSet, Truth
from pta_ros.errors import ConfigError
from pta_ros.model.align import Aligner
from pta_ros.model.heads import PTAOutput
from pta_ros.model.pta import PTA, scatter_rows
from pta_ros.model.purify import fuse
from pta_ros.training.config import TrainConfig
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.fit import Setup, endless, fit_stage
from pta_ros.training.fresh import Draw
from pta_ros.training.losses import alignment, task_error, task_loss
from pta_ros.training.parts import modules_of
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Figures, Stage
from pta_ros.training.single import train_but

__all__ = ["MetaTrainer", "draw_subsets", "meta_stage"]


class MetaTrainer:
    """One inner and one outer step, over cached tokens of frozen encoders.

    theta is everything that is trained except the weights' logits a. `config.meta.outer` selects
    the theta at which the outer step takes the loss: `first_order` the present one, as a constant;
    `unrolled` the one after a further inner step, as Eq. 3 is written. `none` leaves a alone.
    `ranks` are the processes that make each step together. Inner steps take their rows from `draw`;
    None: from `data`.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: PTA,
        data: FeatureSet,
        ranks: Ranks = ALONE,
        draw: Draw | None = None,
    ) -> None:
        self.config, self.model, self.data, self.ranks = config, model, data, ranks
        self._draw = draw
        ranks.join_norms(model)
        # With neither, nothing depends on the aligner: PTA without diffusion.
        self.aligns = config.meta.align_weight > 0 or model.config.refine
        self._held = [model.encoders, *modules_of(model, config.freeze)]
        for part in self._held:
            part.requires_grad_(False)
        self.trained = {
            n: p for n, p in model.named_parameters()
            if p.requires_grad and not n.startswith("purify.")
        }  # fmt: skip
        self.theta = torch.optim.Adam(
            self.trained.values(), config.meta.learning_rate, weight_decay=config.meta.weight_decay
        )
        self.a = torch.optim.Adam(model.purify.parameters(), config.meta.meta_learning_rate)
        self._train_rows: Tensor | None = None

    def inner(self, rows: Tensor) -> Figures:
        """Minimise L_task + lambda * L_align on meta-train rows; the weights are held fixed.

        The head is fed plain and refined features alike, so that it serves both.
        """
        self._train_rows = rows
        task, align = self._losses(rows)
        self.ranks.step(self.theta, self._inner_loss(task, align))
        return {"loss_task": float(task.detach()), "loss_align": float(align.detach())}

    def _inner_loss(self, task: Tensor, align: Tensor) -> Tensor:
        return task + self.config.meta.align_weight * align

    def _losses(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """L_task and L_align of meta-train rows in training mode."""
        train_but(self.model, self._held)
        sees = self.data.seeing(rows)
        mask = draw_subsets(self.data.present[rows], sees)
        data, rows = self._draw(rows, mask) if self._draw else (self.data, rows)
        project = partial(self._project, data, used=mask.any(dim=0))
        (features,) = self.ranks.share(project, rows, mask)
        mask, truth = mask.to(features.device), data.truth(rows).to(features.device)
        sees = mask & sees.to(features.device)
        plain = self._task(features, mask, truth)
        if not self.aligns:
            return plain, features.new_zeros(())
        refined, align = self._aligned(features, mask, sees)
        share = self.config.meta.plain_share
        return share * plain + (1 - share) * self._task(refined, mask, truth), align

    def _project(self, data: FeatureSet, rows: Tensor, mask: Tensor, used: Tensor) -> tuple[Tensor]:
        return (data.features(self.model, rows, mask, used),)

    def _task(self, features: Tensor, mask: Tensor, truth: Truth) -> Tensor:
        return task_loss(self.config.task_loss, self.model.predict(features, mask), truth)

    def _aligned(self, features: Tensor, mask: Tensor, sees: Tensor) -> tuple[Tensor, Tensor]:
        """Refined features (B, M, L, D) from random start noise; L_align, the modules' mean.

        Of the modalities in `mask` (B, M) those that `sees` names teach and are taught.
        """
        teacher = fuse(features.detach(), self.model.purify(sees))
        taught = sees & (sees.sum(dim=1) > 1)[:, None]  # one alone has no teacher of its own
        refined, losses = torch.zeros_like(features), []
        for aligner, students in self.model.students(mask):
            shape = (int(students.sum()), *aligner.start_noise.shape)
            noise = torch.randn(shape, dtype=features.dtype, device=features.device)
            refine = partial(_refine, aligner)
            latents, decoded = self.ranks.share(refine, features[students], noise)
            refined = refined + scatter_rows(decoded, students)
            losses.append(self._align(aligner, teacher, latents, students, taught))
        align = torch.stack(losses or [features.new_zeros(())]).mean()
        return self.model.toward(features, refined), align

    def _align(
        self, aligner: Aligner, teacher: Tensor, latents: Tensor, students: Tensor, taught: Tensor
    ) -> Tensor:
        """L_align of one module's `latents` (n, L, d) of `students` (B, M), if `taught` (B, M)."""
        kept = taught[students]
        has_teacher = (taught & students).any(dim=1)
        if int(has_teacher.sum()) < 2:  # batch norm needs two
            return teacher.new_zeros(())
        owner = has_teacher.cumsum(0)[students.nonzero()[kept, 0]] - 1
        own = teacher[has_teacher]
        return alignment(aligner, own, latents[kept], owner, ranks=self.ranks).total()

    def outer(self, rows: Tensor) -> None:
        """Minimise L_task on meta-validation rows by the weights alone.

        Sensors that do not see have no part in it: what one tells of somebody whom it does not see
        says nothing about how far it is to be trusted.

        Raises ConfigError when it is `unrolled` and no inner step has been made.
        """
        if self.config.meta.outer == "none" or "weights" in self.config.freeze:
            return
        unrolled = self.config.meta.outer == "unrolled"
        theta = (
            self._unrolled_theta() if unrolled else {n: p.detach() for n, p in self.trained.items()}
        )
        self.ranks.step(self.a, _at(self.model, theta, lambda: self._meta_loss(rows)))

    def _meta_loss(self, rows: Tensor) -> Tensor:
        self.model.eval()
        mask = draw_subsets(self.data.seeing(rows))
        estimate = partial(self._estimate, used=mask.any(dim=0))
        result = PTAOutput(*self.ranks.share(estimate, rows, mask))
        truth = self.data.truth(rows).to(result.joints.device)
        return task_error(self.config.task_loss, result, truth)

    def _estimate(self, rows: Tensor, mask: Tensor, used: Tensor) -> PTAOutput:
        (features,) = self._project(self.data, rows, mask, used)
        return self.model.complete(features, mask.to(features.device))

    def _unrolled_theta(self) -> dict[str, Tensor]:
        """Theta after one more inner step, on the last batch, as a function of the weights.

        A plain gradient step at the present learning rate stands for the optimiser's: Adam's
        momenta have no part in it. The running statistics stay what they are.
        """
        rows = self._train_rows
        if rows is None:
            raise ConfigError("meta.outer is 'unrolled' before any inner step; make one first")
        statistics = {n: b.clone() for n, b in self.model.named_buffers()}
        loss = _at(self.model, statistics, lambda: self._inner_loss(*self._losses(rows)))
        gradients = torch.autograd.grad(
            loss, list(self.trained.values()), create_graph=True, materialize_grads=True
        )
        rate = self.theta.param_groups[0]["lr"]
        moves = zip(self.trained.items(), self.ranks.mean(gradients), strict=True)
        return {name: value.detach() - rate * gradient for (name, value), gradient in moves}


def _refine(aligner: Aligner, features: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Refined latents (n, L, d) of student features (n, L, D), and refined features."""
    latents = aligner.refine(features, noise)
    return latents, aligner.decode(latents, features)


class _Caller(nn.Module):
    """Calls any function as a method of a module that holds `model`; for functional_call."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[[], Tensor]) -> Tensor:
        return function()


def _at(model: nn.Module, tensors: Mapping[str, Tensor], function: Callable[[], Tensor]) -> Tensor:
    """`function()` while `tensors` stand in for parameters and buffers of `model`."""
    named = {f"model.{name}": tensor for name, tensor in tensors.items()}
    return functional_call(_Caller(model), named, (function,))


def meta_stage(setup: Setup, model: PTA, outer_rows: Tensor) -> Stage:
    """The stage that trains `model` on the setup's rows, and its weights on `outer_rows`."""
    settings = setup.config.meta
    trainer = MetaTrainer(setup.config, model, setup.data, setup.ranks, setup.draw)
    meta_rows = endless(outer_rows, settings.batch)

    def step(number: int, count: int, part: Tensor) -> Figures:
        nonlocal meta_rows
        if number == 1:  # drawn anew in every epoch: a resumed run must draw the same
            meta_rows = endless(outer_rows, settings.batch)
        figures = trainer.inner(part)
        if number % min(settings.outer_every or count, count) == 0:
            trainer.outer(next(meta_rows))
        return figures

    def after() -> Figures:
        full = torch.ones_like(model.purify.logits, dtype=torch.bool)[None]
        shares = zip(model.config.modalities, model.purify(full)[0].tolist(), strict=True)
        return {**setup.validate(), **{f"weight_{m}": w for m, w in shares}}

    optimizers = {"theta": trainer.theta, "a": trainer.a}
    return fit_stage("meta", replace(setup, validate=after), model, optimizers, step)
