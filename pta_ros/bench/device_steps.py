"""Training steps on a device: PTA's from cached features, and an encoder's in either precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from pta_ros.bench.inputs import rooms
from pta_ros.datasets.feature_set import FeatureSet, Truth
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.skeleton import NUM_JOINTS
from pta_ros.training.config import TrainConfig
from pta_ros.training.distributed import Ranks
from pta_ros.training.meta import MetaTrainer
from pta_ros.training.pretrain import loss_of
from pta_ros.training.single import learner

#: Of both kinds of steps; the sizes are mmfi_lite's.
BATCH, FRAMES = 64, 512
CONFIG = TrainConfig(model=PTAConfig(tokens=16, dim=256, latent=64, mixers=2))
#: The encoder that has most to compute.
_ENCODER = "depth"


def training_steps(device: torch.device) -> dict[str, Callable[[], object]]:
    """Functions that make one step each, and wait for its loss."""
    ranks = Ranks(device)
    torch.manual_seed(0)
    model = PTA(CONFIG.model).to(device)
    data = random_features(model).kept_on(device, ranks.free_bytes())
    trainer = MetaTrainer(CONFIG, model, data, ranks)
    named: dict[str, Callable[[], object]] = {
        f"inner step from cached features, batch {BATCH}": lambda: trainer.inner(
            torch.randint(FRAMES, (BATCH,))
        )
    }
    for precision in ("float32", "bfloat16"):
        named[f"{_ENCODER} encoder, {precision}, batch {BATCH}"] = _encoder_step(device, precision)
    return named


def _encoder_step(device: torch.device, precision: str) -> Callable[[], float]:
    joints = np.zeros((1, NUM_JOINTS, 3), np.float32)
    module, _ = learner(CONFIG, _ENCODER, joints, None)
    module = module.to(device).train()
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3)
    inputs, joints_m = rooms("lite", BATCH)
    x = inputs[_ENCODER].to(device)
    truth = Truth(joints_m, torch.zeros(BATCH, dtype=torch.long)).to(device)
    return partial(_step, module, optimizer, lambda: loss_of(CONFIG, module, x, truth, precision))


def _step(
    module: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[], torch.Tensor]
) -> float:
    optimizer.zero_grad()
    value = loss()
    value.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(value.detach())


def random_features(model: PTA) -> FeatureSet:
    """Random tokens of random frames; every modality is present."""
    config = model.config
    tokens = {
        m: torch.randn(FRAMES, int(encoder.tokens), config.channels)  # type: ignore[arg-type]
        for m, encoder in model.encoders.items()
    }
    points = {"lidar": torch.randn(FRAMES, config.tokens, 3)}
    present = torch.ones(FRAMES, len(tokens), dtype=torch.bool)
    joints = torch.randn(FRAMES, NUM_JOINTS, 3)
    return FeatureSet(tokens, points, present, joints, torch.arange(FRAMES))
