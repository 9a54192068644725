"""What of a run can be seen to fail before hours of work: sizes, CSI, names of activities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from pta_ros.datasets import class_names
from pta_ros.datasets.clips import Tree, made_of
from pta_ros.datasets.mmfi import Clip
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


def check_csi(tree: Tree, sensors: dict[str, Sensor]) -> None:
    """Raise ConfigError where a tree's clips tell of CSI that is not what `sensors` take."""
    known = (clip.calibration for clip in tree.clips if isinstance(clip, Clip))
    told = next((one.csi_shape for one in known if one is not None and one.csi_shape), ())
    if "csi" not in sensors or told in ((), sensors["csi"].shape):
        return
    sizes = zip(("antennas", "subcarriers", "packets"), told, strict=True)
    listed = ", ".join(f"{name}: {count}" for name, count in sizes)
    raise ConfigError(
        f"{tree.root}: its CSI is {told} (antennas, subcarriers, packets), the model's "
        f"{sensors['csi'].shape}; expected sensors: {{csi: {{{listed}}}}}"
    )


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
