"""How each stage of a training run is trained: groups of its configuration, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pta_ros.errors import ConfigError
from pta_ros.model.device import PRECISIONS
from pta_ros.settings import Group, param

#: How theta's learning rate goes over a run.
SCHEDULES = ("constant", "one_cycle", "polynomial")
_COUNT: dict[str, Any] = {"low": 1, "high": 1_000_000}
#: Of learning rates: at 1 and above, training leaves the numbers behind.
_RATE: dict[str, Any] = {"low": 1e-9, "high": 1.0}
_SHARE: dict[str, Any] = {"low": 0.0, "high": 1.0}


@dataclass(frozen=True)
class FindConfig(Group):
    """The search for people (encoders `centred`): AdamW, one cycle of the learning rate."""

    epochs: int = param(10, **_COUNT)
    batch: int = param(24, **_COUNT)
    learning_rate: float = param(2e-3, **_RATE)
    weight_decay: float = param(1e-3, **_SHARE)
    precision: str = param("float32", choices=PRECISIONS)


@dataclass(frozen=True)
class PretrainConfig(Group):
    """One encoder as a single-modality model: AdamW, one cycle of the learning rate."""

    epochs: int = param(14, **_COUNT)
    batch: int = param(32, **_COUNT)
    learning_rate: float = param(2e-3, **_RATE)
    weight_decay: float = param(1e-4, **_SHARE)
    precision: str = param("float32", choices=PRECISIONS)


@dataclass(frozen=True)
class MetaConfig(Group):
    """Purify-then-Align on frozen encoders (method, Settings).

    `align_weight` is lambda. `plain_share` is the part of the task loss that unrefined features
    have, the refined ones have the rest. `outer` is how the weights are learned: `first_order`
    (released), `unrolled` (through one inner step, as Eq. 3 is written) or `none` (uniform).
    `outer_every` counts inner steps between two outer steps (0: one at the end of each epoch, as
    released; so has an epoch of fewer steps). `refine_epochs` are those of a last stage that trains
    the refinement alone, and all before is trained without it; 0: it is trained with everything
    else, as published. `corrupt` is the share of a modality's frames that inner steps see
    corrupted, by modality (beyond the paper; encoders `lite`). `schedule` is theta's learning rate:
    `constant`, `one_cycle` (up for a tenth, then cosine down), or `polynomial` (down, power 0.9).
    """

    epochs: int = param(40, **_COUNT)
    batch: int = param(64, **_COUNT)
    learning_rate: float = param(5e-4, **_RATE)
    weight_decay: float = param(0.0, **_SHARE)
    meta_learning_rate: float = param(1e-2, **_RATE)
    align_weight: float = param(0.1, low=0.0, high=1e6)
    plain_share: float = param(0.5, **_SHARE)
    outer: str = param("first_order", choices=("first_order", "unrolled", "none"))
    outer_every: int = param(0, low=0, high=1_000_000)
    refine_epochs: int = param(0, low=0, high=1_000_000)
    corrupt: dict[str, float] = field(default_factory=dict)
    schedule: str = param("constant", choices=SCHEDULES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(0 <= share <= 1 for share in self.corrupt.values()):
            raise ConfigError(f"corrupt is {self.corrupt}; expected shares from 0 to 1")


@dataclass(frozen=True)
class DistilConfig(Group):
    """The encoders' last blocks, trained on with the fusion by one cycle (beyond the paper).

    0 epochs: encoders stay as they were pre-trained. `teacher` weighs what all sensors tell
    together, beside the truth. `augment`: frames are changed at random, not as they are.
    """

    epochs: int = param(0, low=0, high=1_000_000)
    batch: int = param(64, **_COUNT)
    learning_rate: float = param(1e-4, **_RATE)
    weight_decay: float = param(1e-4, **_SHARE)
    teacher: float = param(0.0, low=0.0, high=1e6)
    augment: bool = False


@dataclass(frozen=True)
class ActivityConfig(Group):
    """The stage of a second head, on the finished features of the first; batch as in MetaConfig."""

    epochs: int = param(20, **_COUNT)
    learning_rate: float = param(2e-3, **_RATE)
    weight_decay: float = param(1e-3, **_SHARE)


@dataclass(frozen=True)
class GateConfig(Group):
    """The gate's stage (beyond the paper); batch and schedule are those of MetaConfig.

    `corrupt` is the share of a modality's frames that are corrupted in training.
    """

    epochs: int = param(48, **_COUNT)
    learning_rate: float = param(3e-3, **_RATE)
    weight_decay: float = param(1e-3, **_SHARE)
    corrupt: float = param(0.3, **_SHARE)
