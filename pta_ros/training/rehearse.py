"""What of a run can be seen to fail before hours of work: sizes, and the names of activities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from pta_ros.datasets import class_names
from pta_ros.datasets.clips import made_of
from pta_ros.errors import ConfigError
from pta_ros.model.pta import PTA
from pta_ros.sensors.base import Sensor
from pta_ros.training.config import TrainConfig


def with_own_classes(config: TrainConfig, root: Path) -> TrainConfig:
    """The configuration with the activities of a tree of recordings, unless it names others."""
    own, model = tuple((made_of(root) or {}).get("classes", ())), config.model
    named = model.classes != class_names(model.modalities)
    if not own or named or not model.has("activity"):
        return config
    return replace(config, model=replace(model, classes=own))


def check_classes(config: TrainConfig, root: Path) -> None:
    """Raise ConfigError for other activities than those of a tree of recordings."""
    recorded = made_of(root)
    if recorded is None or not config.model.has("activity"):
        return
    own = list(recorded.get("classes", ()))
    if own != list(config.model.classes):
        expected = f"model.classes: [{', '.join(own)}]" if own else "tasks: [pose]"
        raise ConfigError(f"{root}: its activities are {own or 'none'}; expected {expected}")


@torch.inference_mode()
def rehearse(config: TrainConfig, sensors: dict[str, Sensor]) -> None:
    """Build the model and encode a blank frame of each sensor; ConfigError when that fails."""
    try:
        model = PTA(config.model).eval()
        for modality, sensor in sensors.items():
            model.encode_one(modality, torch.zeros(1, *sensor.shape))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"model and sensors do not fit together: {reason}; expected sizes as in config/, "
            "changed one at a time"
        ) from error
