"""First stage: each encoder as a single-modality model, on the meta-train subjects only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pta_ros.datasets.features import Truth, deviation_of
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import DatasetError
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import make_encoder, token_count
from pta_ros.model.heads import Answer, PoseHead, answer
from pta_ros.model.projector import Projector, main_head
from pta_ros.model.pta import PTA
from pta_ros.training.augment import AUGMENT, either_side, unchanged
from pta_ros.training.augment_centred import CENTRED
from pta_ros.training.config import PretrainConfig, TrainConfig
from pta_ros.training.losses import task_loss
from pta_ros.training.resume import Figures, Stage, batches, finite, seed_everything
from pta_ros.training.start import Start


class SingleModality(nn.Module):
    """An encoder with a projection and a head of its own.

    `position`: code of the LiDAR's points, where the head is one that has been trained with it.
    """

    def __init__(self, config: PTAConfig, modality: str, mixers: int = 0) -> None:
        super().__init__()
        shape = config.shapes.get(modality, ())
        self.encoder = make_encoder(config.encoders, modality, config.channels, shape)
        tokens = token_count(config.encoders, modality)
        self.projector = Projector(
            tokens, config.channels, config.tokens, config.dim, config.joint_tokens
        )
        self.head = main_head(config, mixers)
        self.position: nn.Module | None = None

    def forward(self, x: Tensor) -> Answer:
        """Reduced frames (B, *shape) -> the head's result."""
        features = self.projector(self.encoder(x))
        if self.position is not None:
            features = features + self.position(x[:, : features.shape[1]])
        return answer(self.head, features)


def begun_single(config: TrainConfig, modality: str, start: Start) -> SingleModality:
    """A single-modality model with all that is kept of the model that a run starts from."""
    whole = PTA(config.model)
    start.fill(whole)
    model = SingleModality(config.sized("single"), modality, config.model.mixers)
    model.encoder.load_state_dict(whole.encoders[modality].state_dict())
    model.projector.load_state_dict(whole.projectors[modality].state_dict())
    model.head.load_state_dict(whole.head.state_dict())
    if modality == "lidar" and whole.position is not None:
        model.position = whole.position
    return model


def _held(model: SingleModality, start: Start | None, frozen: Iterable[str]) -> list[nn.Module]:
    """What does not learn with an encoder: a head that is kept, as all sensors share it."""
    projector = [model.projector] if "projectors" in frozen else []
    position = [model.position] if model.position is not None else []
    return [*projector, *position, *([model.head] if start and start.has("head") else [])]


def pretrain_stage(
    config: TrainConfig,
    modality: str,
    data: ReducedSet,
    train_rows: Tensor,
    val_rows: Tensor,
    progress: Callable[[int, int], None],
    start: Start | None = None,
) -> Stage:
    """The stage that trains one encoder; rows without this modality are left out.

    With `start` it goes on from the model that it holds, behind that one's head.
    """
    settings = config.pretrain.get(modality, PretrainConfig())
    seed_everything(config.seed, "pretrain", modality)
    single = config.sized("single")
    model = begun_single(config, modality, start) if start else SingleModality(single, modality)
    held = _held(model, start, config.freeze)
    if isinstance(model.head, PoseHead) and model.head not in held:
        model.head.start_at(torch.from_numpy(mean_pose(data.joints[train_rows.numpy()])))
    for part in held:
        part.requires_grad_(False)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        learning, settings.learning_rate, weight_decay=settings.weight_decay
    )
    train_rows, val_rows = rows_with(data, modality, train_rows, val_rows)
    augment = (CENTRED if config.model.joint_tokens else AUGMENT).get(modality, unchanged)

    def epoch(number: int) -> Figures:
        train_but(model, held)
        total, plan = 0.0, batches(train_rows, settings.batch)
        for i, rows in enumerate(plan):
            position = (number + i / len(plan)) / max(settings.epochs, 1)
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * one_cycle(position)
            x, truth = inputs_and_truth(data, modality, rows)
            x, joints = augment(x, truth.joints)
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
                result = Answer(*(part.float() for part in model(x)))
            told = truth._replace(joints=joints, deviation=either_side(truth.deviation))
            loss = task_loss(config.task_loss, result, told)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += finite({"loss": float(loss.detach())})["loss"] * len(rows)
            progress(i + 1, len(plan))
        return {"loss": total / len(train_rows)}

    return Stage(
        f"pretrain_{modality}", model, {"theta": optimizer}, settings.epochs, epoch, config.seed,
        validate=lambda: _validated(model, data, modality, val_rows),
        setting=f"pretrain.{modality}.learning_rate",
    )  # fmt: skip


def train_but(model: nn.Module, held: Iterable[nn.Module]) -> None:
    """Put `model` in training mode, but for the parts of it that are `held`."""
    model.train()
    for part in held:
        part.eval()


def mean_pose(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean (17, 3) of joints (N, 17, 3), without the rows in which nobody is."""
    return np.asarray(joints[np.isfinite(joints).all(axis=(1, 2))].mean(axis=0))


@torch.inference_mode()
def _validated(model: SingleModality, data: ReducedSet, modality: str, rows: Tensor) -> Figures:
    """The figures of a model on validation rows, each the mean over the rows."""
    model.eval()
    sums: Figures = {}
    for part in rows.split(256):
        x, truth = inputs_and_truth(data, modality, part)
        for name, value in _figure(model(x), truth).items():
            sums[name] = sums.get(name, 0.0) + value * len(part)
    return {f"val_{name}": value / len(rows) for name, value in sums.items()}


def rows_with(data: ReducedSet, modality: str, train: Tensor, val: Tensor) -> tuple[Tensor, Tensor]:
    """The training and validation rows that have this modality; DatasetError for none."""
    present = torch.from_numpy(data.present[modality].copy())
    found = train[present[train]], val[present[val]]
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


def inputs_and_truth(data: ReducedSet, modality: str, rows: Tensor) -> tuple[Tensor, Truth]:
    """Inputs and ground truth of some rows, copied."""
    index = rows.numpy()
    joints, labels = (torch.from_numpy(part[index]) for part in (data.joints, data.labels))
    truth = Truth(joints, labels, deviation_of(data, index))
    return torch.from_numpy(data.inputs[modality][index]), truth
