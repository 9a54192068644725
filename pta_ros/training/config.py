"""What a training run is made of, as read from one YAML file; the only home of the defaults."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pta_ros.datasets import class_names
from pta_ros.datasets.splits import PROTOCOLS
from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import usual_shape
from pta_ros.sensors import sensors_from_config
from pta_ros.settings import Group, build, param, read_yaml
from pta_ros.training.losses import LOSSES_OF
from pta_ros.training.stage_config import (
    ActivityConfig,
    DistilConfig,
    FindConfig,
    GateConfig,
    MetaConfig,
    PretrainConfig,
)

_SHARE: dict[str, Any] = {"low": 0.0, "high": 1.0}


@dataclass(frozen=True)
class SplitConfig(Group):
    """Shares of the subjects in meta-train (the rest), meta-validation, validation and test.

    `published` takes MM-Fi's own split of `protocol` (P1, P2, P3) instead: S1 at random, S2 across
    subjects, S3 across scenes. Then `meta_val` is a share of its training clips, which are the
    validation data too; its validation clips are the test.

    For XRF55, `meta_val` and `val` are shares of the training repeats, 1 to `train_repeats`, and
    `test` is the share of subjects who are held out entirely. Scenes are lists with commas.
    """

    seed: int = param(0, low=0, high=2**32 - 1)
    protocol: str = param("P3", choices=tuple(PROTOCOLS))
    published: str = param("", choices=("", "S1", "S2", "S3"))
    meta_val: float = param(0.1, **_SHARE)
    val: float = param(0.05, **_SHARE)
    test: float = param(0.15, **_SHARE)
    train_repeats: int = param(14, low=1, high=1000)
    train_scenes: str = param("Scene1")
    test_scenes: str = param("Scene1")

    def fractions(self) -> tuple[float, float, float, float]:
        """Shares in the order of datasets.splits.SubjectSplits; they sum to 1."""
        rest = 1.0 - self.meta_val - self.val - self.test
        return (rest, self.meta_val, self.val, self.test)


@dataclass(frozen=True)
class WidthConfig(Group):
    """Feature width D of the systems that are not as wide as `model.dim`; 0: as wide.

    `single`: the single-modality models, and with them base2. X-Fi's attention costs so much more
    for its width that at the model's it could not be trained as long as the others.
    """

    single: int = param(0, low=0, high=65_536)
    xfi: int = param(0, low=0, high=65_536)


@dataclass(frozen=True)
class TrainConfig(Group):
    """One training run; `pretrain` by modality, defaults where one is not named.

    `on_problem`: a file that cannot be used is left out and named (`skip`) or ends it (`fatal`).
    `imported` is a folder that import_xfi wrote: its encoders are taken as they are. `start_from`
    is a model, by its folder or its shipped name, whose weights the run starts from; of those,
    `freeze` names the parts that stay as they are (training/parts.py). With `take` at `encoders`
    nothing but its encoders (and its search for people) is taken, and those stay.
    """

    seed: int = param(0, low=0, high=2**32 - 1)
    task_loss: str = "mse"
    on_problem: str = param("skip", choices=("skip", "fatal"))
    imported: str = ""
    start_from: str = ""
    take: str = param("all", choices=("all", "encoders"))
    freeze: tuple[str, ...] = ()
    model: PTAConfig = field(default_factory=PTAConfig)
    sensors: dict[str, dict[str, Any]] = field(default_factory=dict)
    split: SplitConfig = field(default_factory=SplitConfig)
    find: FindConfig = field(default_factory=FindConfig)
    pretrain: dict[str, PretrainConfig] = field(default_factory=dict)
    meta: MetaConfig = field(default_factory=MetaConfig)
    distil: DistilConfig = field(default_factory=DistilConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    activity: ActivityConfig = field(default_factory=ActivityConfig)
    widths: WidthConfig = field(default_factory=WidthConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        losses = LOSSES_OF[self.model.tasks[0]]
        if self.task_loss not in losses:
            raise ConfigError(
                f"task_loss is {self.task_loss!r} for {self.model.tasks[0]}; "
                f"expected one of {sorted(losses)}"
            )
        if self.distil.epochs and self.model.encoders != "lite":
            raise ConfigError(
                f"distil.epochs is {self.distil.epochs}, but model.encoders is "
                f"{self.model.encoders!r}; expected 'lite': of others no last blocks are known"
            )
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
        for place, named in (("pretrain", self.pretrain), ("meta.corrupt", self.meta.corrupt)):
            if unknown := sorted(set(named) - set(self.model.modalities)):
                raise ConfigError(
                    f"{place} names {unknown}; expected some of {list(self.model.modalities)}"
                )
        if self.imported and self.model.pretrained:
            raise ConfigError(
                f"imported is {self.imported!r}, model.pretrained {self.model.pretrained}; "
                "expected 0: heads of imported encoders are not pre-trained"
            )
        single = self.sized("single").dim
        whole_start = self.start_from and self.take == "all"
        if self.model.pretrained not in (0, single) and not whole_start:
            raise ConfigError(
                f"model.pretrained is {self.model.pretrained}; expected {single}, the width of the "
                "single-modality models (widths.single), or 0"
            )
        if self.imported and (self.start_from or self.take == "encoders"):
            raise ConfigError(
                f"imported is {self.imported!r}, start_from {self.start_from!r}, take "
                f"{self.take!r}; expected only the first, or the others: a run starts from one set "
                "of weights"
            )

    def sized(self, system: str) -> PTAConfig:
        """The model's sizes for `single` or `xfi`.

        A run that starts from all of a model trains encoders behind that model's projections and
        head, which are as wide as the model.
        """
        if system == "single" and self.start_from and self.take == "all":
            return self.model
        dim = getattr(self.widths, system) or self.model.dim
        return replace(self.model, dim=dim, pretrained=0)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON and YAML."""
        return asdict(self)


def load_config(path: Path) -> TrainConfig:
    """Read a training configuration; raises ConfigError naming the entry that is wrong."""
    values = read_yaml(path, "a training configuration (YAML)")
    try:
        return config_from({} if values is None else values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def with_shapes(config: TrainConfig) -> TrainConfig:
    """The configuration with the shapes of frames that its sensors' settings ask for.

    Raises ConfigError for settings that a sensor cannot have, and for other shapes in `model`.
    """
    model, shapes = config.model, {}
    sensors = sensors_from_config({m: config.sensors.get(m, {}) for m in model.modalities})
    for modality, sensor in sensors.items():
        usual = usual_shape(model.encoders, modality)
        if usual not in ((), sensor.shape):
            shapes[modality] = sensor.shape
    if model.shapes not in ({}, shapes):
        raise ConfigError(f"model.shapes is {model.shapes}; leave it out: `sensors` says {shapes}")
    return replace(config, model=replace(model, shapes=shapes))


def config_from(values: Any) -> TrainConfig:
    """Build a configuration from plain containers; raises ConfigError.

    A model of activities has the names of the data set's, unless others are given.
    """
    config = with_shapes(build(TrainConfig, values))
    model = config.model
    if not model.has("activity") or model.classes:
        return config
    return replace(config, model=replace(model, classes=class_names(model.modalities)))
