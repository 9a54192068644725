"""A model of one sensor, around the encoder that is trained with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import make_encoder, token_count
from pta_ros.model.heads import Answer, PoseHead, answer
from pta_ros.model.projector import Projector, main_head
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
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
    whole = PTA(replace(config.model, pretrained=0))
    start.fill(whole)
    model = SingleModality(config.sized("single"), modality, config.model.mixers)
    model.encoder.load_state_dict(whole.encoders[modality].state_dict())
    model.projector.load_state_dict(whole.projectors[modality].state_dict())
    head = whole.head if whole.own is None else whole.own[modality]
    model.head.load_state_dict(head.state_dict())
    if modality == "lidar" and whole.position is not None:
        model.position = whole.position
    return model


def learner(
    config: TrainConfig, modality: str, joints: NDArray[np.float32], start: Start | None
) -> tuple[SingleModality, list[nn.Module]]:
    """A model whose encoder is to be trained, and those of its modules that are held still.

    A head that is not kept begins at the mean of the training rows' `joints` (N, 17, 3).
    """
    single = config.sized("single")
    model = begun_single(config, modality, start) if start else SingleModality(single, modality)
    held = _held(model, start, config.freeze)
    if isinstance(model.head, PoseHead) and model.head not in held:
        model.head.start_at(torch.from_numpy(mean_pose(joints)))
    for part in held:
        part.requires_grad_(False)
    return model, held


def _held(model: SingleModality, start: Start | None, frozen: Iterable[str]) -> list[nn.Module]:
    """What does not learn with an encoder: a head that is kept, as all sensors share it."""
    projector = [model.projector] if "projectors" in frozen else []
    position = [model.position] if model.position is not None else []
    return [*projector, *position, *([model.head] if start and start.has("head") else [])]


def train_but(model: nn.Module, held: Iterable[nn.Module]) -> None:
    """Put `model` in training mode, but for the parts of it that are `held`."""
    model.train()
    for part in held:
        part.eval()


def mean_pose(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean (17, 3) of joints (N, 17, 3), without the rows in which nobody is."""
    return np.asarray(joints[np.isfinite(joints).all(axis=(1, 2))].mean(axis=0))
