"""First stage: each encoder as a single-modality model, on the meta-train subjects only."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pta_ros.datasets.feature_set import Truth, deviation_of
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import DatasetError
from pta_ros.model.device import autocast
from pta_ros.model.heads import Answer
from pta_ros.training.augment import AUGMENT, either_side, unchanged
from pta_ros.training.augment_centred import CENTRED
from pta_ros.training.config import TrainConfig
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.feed import at_hand, fed, rows_of
from pta_ros.training.losses import task_loss
from pta_ros.training.resume import Figures, Stage, batches, finite, seed_everything
from pta_ros.training.single import SingleModality, learner, train_but
from pta_ros.training.stage_config import PretrainConfig
from pta_ros.training.start import Start


def pretrain_stage(
    config: TrainConfig,
    modality: str,
    data: ReducedSet,
    train_rows: Tensor,
    val_rows: Tensor,
    progress: Callable[[int, int], None],
    start: Start | None = None,
    ranks: Ranks = ALONE,
) -> Stage:
    """The stage that trains one encoder; rows without this modality are left out.

    With `start` it goes on from the model that it holds, behind that one's head. It is trained on
    the device of `ranks`, where its frames lie too if they fit.
    """
    settings = config.pretrain.get(modality, PretrainConfig())
    seed_everything(config.seed, "pretrain", modality)
    model, held = learner(config, modality, data.joints[train_rows.numpy()], start)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        learning, settings.learning_rate, weight_decay=settings.weight_decay
    )
    train_rows, val_rows = rows_with(data, modality, train_rows, val_rows)
    device = ranks.device
    frames = at_hand(data.inputs[modality], device, ranks.free_bytes())

    def load(rows: Tensor) -> tuple[Tensor, ...]:
        return rows_of(frames, rows), *truth_of(data, rows)

    def epoch(number: int) -> Figures:
        train_but(model, held)
        total, plan = 0.0, batches(train_rows, settings.batch)
        for i, (rows, (x, *told)) in enumerate(zip(plan, fed(load, plan, device), strict=True)):
            position = (number + i / len(plan)) / max(settings.epochs, 1)
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * one_cycle(position)
            x, truth = augmented(modality, x, Truth(*told), config.model.joint_tokens)
            loss = loss_of(config, model, x, truth, settings.precision)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += finite({"loss": float(loss.detach())})["loss"] * len(rows)
            progress(i + 1, len(plan))
        return {"loss": total / len(train_rows)}

    return Stage(
        f"pretrain_{modality}", model, {"theta": optimizer}, settings.epochs, epoch, config.seed,
        validate=lambda: _validated(model, data, modality, val_rows),
        setting=f"pretrain.{modality}.learning_rate", ranks=ranks,
    )  # fmt: skip


def loss_of(
    config: TrainConfig, model: nn.Module, x: Tensor, truth: Truth, precision: str
) -> Tensor:
    """The task loss of a batch, whose products and convolutions are in `precision`."""
    with autocast(x.device, precision):
        result = Answer(*(part.float() for part in model(x)))
    return task_loss(config.task_loss, result, truth)


@torch.inference_mode()
def _validated(model: SingleModality, data: ReducedSet, modality: str, rows: Tensor) -> Figures:
    """The figures of a model on validation rows, each the mean over the rows."""
    model.eval()
    sums: Figures = {}
    device = next(model.parameters()).device
    for part in rows.split(256):
        x, truth = rows_of(data.inputs[modality], part), truth_of(data, part)
        for name, value in _figure(model(x.to(device)), truth.to(device)).items():
            sums[name] = sums.get(name, 0.0) + value * len(part)
    return {f"val_{name}": value / len(rows) for name, value in sums.items()}


def rows_with(data: ReducedSet, modality: str, train: Tensor, val: Tensor) -> tuple[Tensor, Tensor]:
    """The training and validation rows in which this modality sees; DatasetError for none."""
    sees = torch.from_numpy(data.seeing(modality).copy())
    found = train[sees[train]], val[sees[val]]
    if not all(map(len, found)):
        raise DatasetError(
            f"{modality}: {len(found[0])} usable training and {len(found[1])} validation frames; "
            "expected some of both: add its files, or leave it out of model.modalities"
        )
    return found


def _figure(result: Answer, truth: Truth) -> Figures:
    """Accuracy in percent, or MPJPE in millimetres, by name."""
    if not result.joints.shape[1]:
        right = result.logits.argmax(dim=1) == truth.labels
        return {"accuracy": 100 * float(right.float().mean())}
    return {"mpjpe_mm": 1000 * float((result.joints - truth.joints).norm(dim=-1).mean())}


def one_cycle(position: float) -> float:
    """Share of the top learning rate at `position` in [0, 1): up for a tenth, then cosine down."""
    if position < 0.1:
        return 0.1 + 9 * position
    return 0.5 * (1 + math.cos(math.pi * (position - 0.1) / 0.9))


def truth_of(data: ReducedSet, rows: Tensor) -> Truth:
    """Ground truth of some rows, copied."""
    index = rows.numpy()
    joints, labels = (torch.from_numpy(part[index]) for part in (data.joints, data.labels))
    return Truth(joints, labels, deviation_of(data, index))


def augmented(modality: str, x: Tensor, truth: Truth, centred: bool) -> tuple[Tensor, Truth]:
    """A batch and its ground truth, changed at random as training does, where they are."""
    with x.device:
        x, joints = (CENTRED if centred else AUGMENT).get(modality, unchanged)(x, truth.joints)
    return x, truth._replace(joints=joints, deviation=either_side(truth.deviation))
