"""Sizes and options of a PTA model; the only home of their defaults."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pta_ros.errors import ConfigError

#: Least and largest value of each size. The largest are far above those of any useful model: they
#: keep a mistyped number from taking all memory.
SIZES = {
    "channels": (1, 4096), "tokens": (1, 1024), "dim": (1, 8192), "latent": (8, 4096),
    "joints": (1, 1000), "mixers": (0, 100), "train_steps": (1, 100_000),
}  # fmt: skip
MOST_CLASSES = 10_000

#: What compares a refined latent with the teacher's: the paper's example, and the release's.
DISTILLATIONS = ("mse", "dist")


@dataclass(frozen=True)
class DiffusionConfig:
    """The alignment module (method, Align): T = `train_steps`, K = `ddim_steps`.

    `shared`: one module for all modalities (the paper's for MM-Fi), or one for each (XRF55).
    `residual`: refined features keep what the auto-encoder cannot carry, F + decoder(refined latent
    - code of F); without it they are decoder(refined latent), as in the paper.
    """

    train_steps: int = 1000
    ddim_steps: int = 5
    beta_start: float = 1e-4
    beta_end: float = 2e-2
    distillation: str = "mse"
    shared: bool = True
    residual: bool = True

    def __post_init__(self) -> None:
        _check_sizes(self, "diffusion.")
        if self.distillation not in DISTILLATIONS:
            raise ConfigError(
                f"diffusion.distillation is {self.distillation!r}; "
                f"expected one of {list(DISTILLATIONS)}"
            )
        for name in ("shared", "residual"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(
                    f"diffusion.{name} is {getattr(self, name)!r}; expected true or false"
                )
        if not 1 <= self.ddim_steps <= self.train_steps:
            raise ConfigError(
                f"diffusion.ddim_steps is {self.ddim_steps}; expected 1 to train_steps "
                f"({self.train_steps})"
            )
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise ConfigError(
                f"diffusion betas are {self.beta_start} and {self.beta_end}; "
                "expected 0 < beta_start <= beta_end < 1"
            )


@dataclass(frozen=True)
class PTAConfig:
    """One model: L = `tokens`, D = `dim`, d = `latent`, C = `channels` of the encoders' tokens.

    `encoders` names the encoder family. `refine` selects refined (True) or plain student features
    where the caller of the model does not say. `mixers` is how many blocks the pose head has before
    it pools the tokens (0: the paper's head), `gate` adds per-sample reliability to the learned
    weights (both beyond the paper). `tasks` are what the model tells, from one encoding: the first
    is trained with everything else, a second one on the finished features. `classes` names the
    activities.
    """

    modalities: tuple[str, ...] = ("depth", "lidar", "csi")
    encoders: str = "lite"
    channels: int = 128
    tokens: int = 16
    dim: int = 128
    latent: int = 64
    tasks: tuple[str, ...] = ("pose",)
    classes: tuple[str, ...] = ()
    joints: int = 17
    mixers: int = 0
    refine: bool = True
    gate: bool = False
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)

    def __post_init__(self) -> None:
        if not self.modalities or len(set(self.modalities)) != len(self.modalities):
            raise ConfigError(f"modalities are {self.modalities}; expected one or more, each once")
        if self.tasks not in (("pose",), ("activity",), ("pose", "activity")):
            raise ConfigError(
                f"tasks are {list(self.tasks)}; expected [pose], [activity] or [pose, activity]"
            )
        if self.gate and not self.has("pose"):
            raise ConfigError("gate is true without the task pose; the gate compares poses")
        _check_sizes(self)
        if len(self.classes) > MOST_CLASSES:
            raise ConfigError(f"{len(self.classes)} classes; expected at most {MOST_CLASSES}")
        if self.latent % 8:
            raise ConfigError(
                f"latent is {self.latent}; expected a multiple of 8 (noise adapter's bottleneck)"
            )

    def has(self, task: str) -> bool:
        """Whether the model tells this."""
        return task in self.tasks

    @property
    def told_joints(self) -> int:
        """Joints of the output: 0 without the task pose."""
        return self.joints if self.has("pose") else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PTAConfig:
        """Build from plain containers; raises ConfigError on an unknown or unusable entry."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"unknown model options {unknown}; expected some of {sorted(known)}")
        given = dict(values)
        try:
            for name in ("modalities", "tasks", "classes"):
                if name in given:
                    given[name] = tuple(given[name])
            if "diffusion" in given:
                given["diffusion"] = DiffusionConfig(**given["diffusion"])
            return cls(**given)
        except TypeError as error:
            raise ConfigError(f"model options {values}: {error}") from error


def _check_sizes(config: PTAConfig | DiffusionConfig, prefix: str = "") -> None:
    """Raise ConfigError for a size that is not a whole number within SIZES."""
    for name in (f.name for f in fields(config) if f.name in SIZES):
        value, (least, most) = getattr(config, name), SIZES[name]
        if type(value) is not int or not least <= value <= most:
            raise ConfigError(
                f"{prefix}{name} is {value!r}; expected a whole number from {least} to {most}"
            )
