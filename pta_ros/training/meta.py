"""Second stage: nested optimisation of everything else (inner) and the weights (outer), Eq. 1-3."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from pta_ros.model.pta import PTA, scatter_rows
from pta_ros.model.purify import fuse
from pta_ros.training.config import TrainConfig
from pta_ros.training.features import TokenSet
from pta_ros.training.loop import Figures, Stage, batches
from pta_ros.training.losses import TASK_LOSSES, spread_loss
from pta_ros.training.pretrain import one_cycle


def draw_subsets(present: Tensor) -> Tensor:
    """Modality dropout: per row a uniformly drawn non-empty subset of what is present, (B, M)."""
    mask = present & (torch.rand(present.shape) < 0.5)
    while bool((empty := ~mask.any(dim=1)).any()):
        mask[empty] = present[empty] & (torch.rand(int(empty.sum()), present.shape[1]) < 0.5)
    return mask


class MetaTrainer:
    """One inner and one outer step, over cached tokens of frozen encoders."""

    def __init__(self, config: TrainConfig, model: PTA, data: TokenSet) -> None:
        self.config, self.model, self.data = config, model, data
        self.task_loss = TASK_LOSSES[config.task_loss]
        model.encoders.requires_grad_(False)
        theta = [
            p for n, p in model.named_parameters()
            if p.requires_grad and not n.startswith("purify.")
        ]  # fmt: skip
        self.theta = torch.optim.Adam(theta, config.meta.learning_rate)
        self.a = torch.optim.Adam(model.purify.parameters(), config.meta.meta_learning_rate)

    def inner(self, rows: Tensor) -> Figures:
        """Minimise L_task + lambda * L_align on meta-train rows; the weights are held fixed.

        The head is fed plain and refined features alike, so that it serves both.
        """
        model = self.model.train()
        model.encoders.eval()
        mask = draw_subsets(self.data.present[rows])
        features = self.data.features(model, rows, mask)
        students = features[mask]
        noise = torch.randn(len(students), *model.aligner.start_noise.shape)
        latents = model.aligner.refine(students, noise)
        refined = scatter_rows(model.aligner.decoder(latents), mask)
        joints = self.data.joints[rows]
        task = torch.stack([self._task(f, mask, joints) for f in (features, refined)]).mean()
        align = self._align(features, latents, mask)
        self.theta.zero_grad()
        (task + self.config.meta.align_weight * align).backward()
        self.theta.step()
        return {"loss_task": float(task.detach()), "loss_align": float(align.detach())}

    def _task(self, features: Tensor, mask: Tensor, joints: Tensor) -> Tensor:
        out = self.model.predict(features, mask)
        # The spread is detached from all but its own layer, so its weight is of no consequence.
        return self.task_loss(out.joints, joints) + 1e-3 * spread_loss(
            out.log_std, out.joints, joints
        )

    def _align(self, features: Tensor, latents: Tensor, mask: Tensor) -> Tensor:
        """L_align over the samples that have a teacher of their own: two modalities or more."""
        taught = mask.sum(dim=1) > 1
        if int(taught.sum()) < 2:  # batch norm needs two
            return features.new_zeros(())
        teacher = fuse(features[taught], self.model.purify(mask[taught]).detach())
        row_of_student = mask.nonzero()[:, 0]
        kept = taught[row_of_student]
        owner = taught.cumsum(0)[row_of_student[kept]] - 1
        return self.model.aligner.losses(teacher, latents[kept], owner, None).total()

    def outer(self, rows: Tensor) -> None:
        """Minimise L_task on meta-validation rows by the weights; theta is held constant.

        First order: the gradient goes through the weighted sum alone.
        """
        model = self.model.eval()
        mask = draw_subsets(self.data.present[rows])
        with torch.no_grad():
            features = self.data.features(model, rows, mask)
            if model.config.refine:
                features = scatter_rows(model.aligner(features[mask]), mask)
        out = model.predict(features, mask)
        self.a.zero_grad()
        self.task_loss(out.joints, self.data.joints[rows]).backward()
        self.a.step()


def meta_stage(
    config: TrainConfig,
    model: PTA,
    data: TokenSet,
    rows: dict[str, Tensor],
    progress: Callable[[int, int], None],
    validate: Callable[[], Figures],
) -> Stage:
    """The stage that trains `model` on rows["train"] and its weights on rows["meta_val"]."""
    settings, trainer = config.meta, MetaTrainer(config, model, data)

    def epoch(number: int) -> Figures:
        sums: Figures = {}
        meta_rows = _endless(rows["meta_val"], settings.batch)
        plan = batches(rows["train"], settings.batch)
        for i, part in enumerate(plan, start=1):
            if settings.schedule == "one_cycle":
                position = (number + i / len(plan)) / settings.epochs
                for group in trainer.theta.param_groups:
                    group["lr"] = settings.learning_rate * one_cycle(position)
            for name, value in trainer.inner(part).items():
                sums[name] = sums.get(name, 0.0) + value / len(plan)
            if i % (settings.outer_every or len(plan)) == 0:
                trainer.outer(next(meta_rows))
            progress(i, len(plan))
        with torch.no_grad():
            weights = model.purify(torch.ones(1, len(model.config.modalities), dtype=torch.bool))[0]
        shares = zip(model.config.modalities, weights.tolist(), strict=True)
        return {**sums, **validate(), **{f"weight_{m}": w for m, w in shares}}

    optimizers = {"theta": trainer.theta, "a": trainer.a}
    return Stage("meta", model, optimizers, settings.epochs, epoch, config.seed)


def _endless(rows: Tensor, size: int) -> Iterator[Tensor]:
    while True:
        yield from batches(rows, size)
