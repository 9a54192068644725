"""What a training run is made of, as read from one YAML file; the only home of the defaults."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pta_ros.datasets.splits import PROTOCOLS
from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.training.losses import LOSSES_OF

#: How theta's learning rate goes over a run.
SCHEDULES = ("constant", "one_cycle", "polynomial")


@dataclass(frozen=True)
class PretrainConfig:
    """One encoder as a single-modality model: AdamW, one cycle of the learning rate."""

    epochs: int = 14
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class MetaConfig:
    """Purify-then-Align on frozen encoders (method, Settings).

    `align_weight` is lambda. `plain_share` is the part of the task loss that unrefined features
    have, the refined ones have the rest. `outer` is how the weights are learned: `first_order`
    (released), `unrolled` (through one inner step, as Eq. 3 is written) or `none` (uniform).
    `outer_every` counts inner steps between two outer steps (0: one at the end of each epoch, as
    released). `schedule` is theta's learning rate over the run: `constant`, or `one_cycle` (up for
    a tenth, then cosine down), or `polynomial` (down, power 0.9).
    """

    epochs: int = 40
    batch: int = 64
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    meta_learning_rate: float = 1e-2
    align_weight: float = 0.1
    plain_share: float = 0.5
    outer: str = "first_order"
    outer_every: int = 0
    schedule: str = "constant"

    def __post_init__(self) -> None:
        if self.outer not in ("first_order", "unrolled", "none"):
            raise ConfigError(
                f"meta.outer is {self.outer!r}; expected 'first_order', 'unrolled' or 'none'"
            )
        if not 0 <= self.plain_share <= 1:
            raise ConfigError(f"meta.plain_share is {self.plain_share}; expected 0 to 1")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"meta.schedule is {self.schedule!r}; expected one of {SCHEDULES}")


@dataclass(frozen=True)
class ActivityConfig:
    """The stage of a second head, on the finished features of the first; batch as in MetaConfig."""

    epochs: int = 20
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3


@dataclass(frozen=True)
class GateConfig:
    """The gate's stage (beyond the paper); batch and schedule are those of MetaConfig.

    `corrupt` is the share of a modality's frames that are corrupted in training.
    """

    epochs: int = 12
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    corrupt: float = 0.3


@dataclass(frozen=True)
class SplitConfig:
    """Shares of the subjects in meta-train (the rest), meta-validation, validation and test.

    `published` takes MM-Fi's own split of `protocol` (P1, P2, P3) instead: S1 at random, S2 across
    subjects, S3 across scenes. Then `meta_val` is a share of its training clips, which are the
    validation data too; its validation clips are the test.

    For XRF55, `meta_val` and `val` are shares of the training repeats, 1 to `train_repeats`, and
    `test` is the share of subjects who are held out entirely. Scenes are lists with commas.
    """

    seed: int = 0
    protocol: str = "P3"
    published: str = ""
    meta_val: float = 0.1
    val: float = 0.05
    test: float = 0.15
    train_repeats: int = 14
    train_scenes: str = "Scene1"
    test_scenes: str = "Scene1"

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS or self.published not in ("", "S1", "S2", "S3"):
            raise ConfigError(
                f"split is {self.protocol!r}, {self.published!r}; expected protocol P1, P2 or P3, "
                "published S1, S2 or S3, or none"
            )
        for name in ("train_scenes", "test_scenes"):
            if not isinstance(getattr(self, name), str):
                raise ConfigError(
                    f"split.{name} is {getattr(self, name)!r}; expected names with commas, such "
                    "as Scene1,Scene2"
                )

    def fractions(self) -> tuple[float, float, float, float]:
        """Shares in the order of datasets.splits.SubjectSplits; they sum to 1."""
        rest = 1.0 - self.meta_val - self.val - self.test
        return (rest, self.meta_val, self.val, self.test)


@dataclass(frozen=True)
class WidthConfig:
    """Feature width D of the systems that are not as wide as `model.dim`; 0: as wide.

    `single`: the single-modality models, and with them base2. X-Fi's attention costs so much more
    for its width that at the model's it could not be trained as long as the others.
    """

    single: int = 0
    xfi: int = 0


@dataclass(frozen=True)
class TrainConfig:
    """One training run; `pretrain` by modality, defaults where one is not named.

    `on_problem`: a file that cannot be used is left out and named (`skip`) or ends it (`fatal`).
    `imported` is a folder that import_xfi wrote: its encoders are taken as they are.
    """

    seed: int = 0
    task_loss: str = "mse"
    on_problem: str = "skip"
    imported: str = ""
    model: PTAConfig = field(default_factory=PTAConfig)
    sensors: dict[str, dict[str, Any]] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)
    pretrain: dict[str, PretrainConfig] = field(default_factory=dict)
    meta: MetaConfig = field(default_factory=MetaConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    activity: ActivityConfig = field(default_factory=ActivityConfig)
    widths: WidthConfig = field(default_factory=WidthConfig)

    def __post_init__(self) -> None:
        losses = LOSSES_OF[self.model.tasks[0]]
        if self.task_loss not in losses:
            raise ConfigError(
                f"task_loss is {self.task_loss!r} for {self.model.tasks[0]}; "
                f"expected one of {sorted(losses)}"
            )

        if not isinstance(self.imported, str):
            raise ConfigError(f"imported is {self.imported!r}; expected import_xfi's folder")
        if self.imported and self.model.encoders != "xfi":
            raise ConfigError(
                f"imported is {self.imported!r}, but model.encoders is {self.model.encoders!r}; "
                "expected 'xfi': those are what import_xfi converts"
            )
        if self.imported and self.pretrain:
            raise ConfigError(
                f"imported is {self.imported!r}, and pretrain names {sorted(self.pretrain)}; "
                "expected one of them: imported encoders are not trained"
            )
        unknown = sorted(set(self.pretrain) - set(self.model.modalities))
        if unknown:
            raise ConfigError(
                f"pretrain names {unknown}; expected some of {list(self.model.modalities)}"
            )

    def sized(self, system: str) -> PTAConfig:
        """The model's sizes for `single` or `xfi`."""
        return replace(self.model, dim=getattr(self.widths, system) or self.model.dim)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON and YAML."""
        return asdict(self)
