"""First stage: each encoder as a single-modality model, on the meta-train subjects only."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import make_encoder, token_count
from pta_ros.model.heads import PoseHead
from pta_ros.model.projector import Projector
from pta_ros.training.augment import AUGMENT
from pta_ros.training.config import PretrainConfig, TrainConfig
from pta_ros.training.loop import Figures, Stage, batches, seed_everything
from pta_ros.training.losses import TASK_LOSSES, spread_loss


class SingleModality(nn.Module):
    """An encoder with a projection and a pose head of its own."""

    def __init__(self, config: PTAConfig, modality: str) -> None:
        super().__init__()
        self.encoder = make_encoder(config.encoders, modality, config.channels)
        tokens = token_count(config.encoders, modality)
        self.projector = Projector(tokens, config.channels, config.tokens, config.dim)
        self.head = PoseHead(config.dim, config.joints)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Reduced frames (B, *shape) -> joints (B, J, 3) metres, log deviation (B, J)."""
        both: tuple[Tensor, Tensor] = self.head(self.projector(self.encoder(x)))
        return both


def pretrain_stage(
    config: TrainConfig,
    modality: str,
    data: ReducedSet,
    train_rows: Tensor,
    val_rows: Tensor,
    progress: Callable[[int, int], None],
) -> Stage:
    """The stage that trains one encoder; rows without this modality are left out."""
    settings = config.pretrain.get(modality, PretrainConfig())
    seed_everything(config.seed, "pretrain", modality)
    model = SingleModality(config.sized("single"), modality)
    model.head.start_at(torch.from_numpy(data.joints[train_rows.numpy()].mean(axis=0)))
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    present = torch.from_numpy(data.present[modality].copy())
    train_rows, val_rows = train_rows[present[train_rows]], val_rows[present[val_rows]]
    loss_of = TASK_LOSSES[config.task_loss]

    def epoch(number: int) -> Figures:
        model.train()
        total, plan = 0.0, batches(train_rows, settings.batch)
        for i, rows in enumerate(plan):
            position = (number + i / len(plan)) / max(settings.epochs, 1)
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * one_cycle(position)
            x, joints = AUGMENT[modality](*take(data, modality, rows))
            estimate, log_std = model(x)
            loss = loss_of(estimate, joints) + 1e-3 * spread_loss(log_std, estimate, joints)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(rows)
            progress(i + 1, len(plan))
        return {"loss": total / max(len(train_rows), 1), "val_mpjpe_mm": _validate(val_rows)}

    @torch.inference_mode()
    def _validate(rows: Tensor) -> float:
        model.eval()
        total = 0.0
        for part in rows.split(256):
            x, joints = take(data, modality, part)
            total += float((model(x)[0] - joints).norm(dim=-1).mean(dim=1).sum())
        return 1000 * total / max(len(rows), 1)

    return Stage(
        f"pretrain_{modality}", model, {"theta": optimizer}, settings.epochs, epoch, config.seed
    )


def one_cycle(position: float) -> float:
    """Share of the top learning rate at `position` in [0, 1): up for a tenth, then cosine down."""
    if position < 0.1:
        return 0.1 + 9 * position
    return 0.5 * (1 + math.cos(math.pi * (position - 0.1) / 0.9))


def take(data: ReducedSet, modality: str, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Copies of inputs and joints of some rows."""
    index = rows.numpy()
    return torch.from_numpy(data.inputs[modality][index]), torch.from_numpy(data.joints[index])
