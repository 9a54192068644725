"""Sizes and options of a PTA model; the only home of their defaults."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pta_ros.errors import ConfigError
from pta_ros.settings import Group, build, param

#: Limits far above those of any useful model keep a mistyped number from taking all memory.
_MOST_CLASSES = 10_000

#: What compares a refined latent with the teacher's: the paper's example, and the release's.
DISTILLATIONS = ("mse", "dist")


@dataclass(frozen=True)
class DiffusionConfig(Group):
    """The alignment module (method, Align): T = `train_steps`, K = `ddim_steps`.

    `shared`: one module for all modalities (the paper's for MM-Fi), or one for each (XRF55).
    `residual`: refined features keep what the auto-encoder cannot carry, F + decoder(refined latent
    - code of F); without it they are decoder(refined latent), as in the paper.
    """

    train_steps: int = param(1000, low=1, high=100_000)
    ddim_steps: int = 5
    beta_start: float = 1e-4
    beta_end: float = 2e-2
    distillation: str = param("mse", choices=DISTILLATIONS)
    shared: bool = param(True)
    residual: bool = param(True)

    def __post_init__(self) -> None:
        super().__post_init__()
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
class PTAConfig(Group):
    """One model: L = `tokens`, D = `dim`, d = `latent`, C = `channels` of the encoders' tokens.

    `encoders` names the encoder family. `refine` selects refined (True) or plain student features
    where the caller of the model does not say; `refined` is how far from plain to refined each
    modality's features are moved, 1 where it is not named (training/refine.py). `attention` is how
    many blocks the fusion has beyond the weighted sum (0: the paper's fusion), `mixers` how many
    the pose head has before it pools the tokens (0: the paper's head), `dropout` their share in
    training, `gate` adds per-sample reliability to the learned weights, `own_heads` what each
    modality's own head says of activities, weighted as its features are (all beyond the paper).
    `pretrained` is the width of single-modality models that are kept beside the fusion, their
    answers pooled with its own (0: none; model/pretrained.py, beyond the paper). A run that starts
    from a model has what that model keeps. With `distil` they read encoders that were trained on.
    `settle` lets each subset leave a poor sensor unheard and draw poses to the mean pose, as far as
    serves people not trained on (model/settle.py; beyond the paper, too); a second task hears the
    same. `gate` and `settle` are made for features as `refine` says.
    `tasks` are what the model estimates from one encoding: the first is trained with everything
    else, a second one on the finished features. `classes` are the activities' names. `shapes` are
    those of reduced frames by modality, where they are not what the encoder is made for and it can
    take others (`encoders.usual_shape`); sensors' settings say them.
    """

    modalities: tuple[str, ...] = ("depth", "lidar", "csi")
    encoders: str = "lite"
    channels: int = param(128, low=1, high=4096)
    tokens: int = param(16, low=1, high=1024)
    dim: int = param(128, low=1, high=8192)
    latent: int = param(64, low=8, high=4096)
    tasks: tuple[str, ...] = ("pose",)
    classes: tuple[str, ...] = ()
    joints: int = param(17, low=1, high=1000)
    attention: int = param(0, low=0, high=100)
    mixers: int = param(0, low=0, high=100)
    dropout: float = param(0.2, low=0.0, high=0.9)
    refine: bool = True
    refined: dict[str, float] = field(default_factory=dict)
    gate: bool = False
    own_heads: bool = False
    pretrained: int = param(0, low=0, high=8192)
    settle: bool = False
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.modalities or len(set(self.modalities)) != len(self.modalities):
            raise ConfigError(f"modalities are {self.modalities}; expected one or more, each once")
        for modality, share in self.refined.items():
            if modality not in self.modalities or not 0 <= share <= 1:
                raise ConfigError(
                    f"refined has {modality!r}: {share}; expected shares from 0 to 1 of some of "
                    f"{list(self.modalities)}"
                )
        if self.tasks not in (("pose",), ("activity",), ("pose", "activity")):
            raise ConfigError(
                f"tasks are {list(self.tasks)}; expected [pose], [activity] or [pose, activity]"
            )
        if self.own_heads and self.has("pose"):
            raise ConfigError("own_heads is true with the task pose; it is for activities alone")
        if self.pretrained > self.dim:
            raise ConfigError(
                f"pretrained is {self.pretrained} with dim {self.dim}; expected at most dim"
            )
        if len(self.classes) > _MOST_CLASSES:
            raise ConfigError(f"{len(self.classes)} classes; expected at most {_MOST_CLASSES}")
        if self.joint_tokens and (self.tokens != self.joints or self.tasks != ("pose",)):
            raise ConfigError(
                f"tokens is {self.tokens}, tasks are {list(self.tasks)} with encoders 'centred'; "
                f"expected {self.joints}, one for each joint, and [pose]"
            )
        if self.latent % 8:
            raise ConfigError(
                f"latent is {self.latent}; expected a multiple of 8 (noise adapter's bottleneck)"
            )

    @property
    def joint_tokens(self) -> bool:
        """Whether there is one token per joint, which the pose head reads each by itself."""
        return self.encoders == "centred"

    @property
    def feature_tokens(self) -> int:
        """Tokens of each modality's features: L, and those that pre-trained heads read."""
        kept = self.tokens if self.joint_tokens else 1
        return self.tokens + kept * bool(self.pretrained)

    def has(self, task: str) -> bool:
        """Whether the model has this task."""
        return task in self.tasks

    @property
    def output_joints(self) -> int:
        """Joints of the output: 0 without the task pose."""
        return self.joints if self.has("pose") else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PTAConfig:
        """Build from plain containers; raises ConfigError on an unknown or unusable entry."""
        return build(cls, values, "model")
