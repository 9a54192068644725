"""The device that a model runs on."""

from __future__ import annotations

import torch

from pta_ros.errors import ConfigError


def resolve_device(asked: str) -> str:
    """The device to use; raises ConfigError for one that is not there."""
    usable = torch.cuda.is_available()
    if asked == "auto":
        return "cuda" if usable else "cpu"
    kind, _, index = asked.partition(":")
    if asked == "cpu":
        return asked
    if kind != "cuda" or not (index or "0").isdigit():
        raise ConfigError(f"device is {asked!r}; expected cpu, cuda, cuda:N or auto")
    count = torch.cuda.device_count() if usable else 0
    if int(index or 0) >= count:
        raise ConfigError(
            f"device is {asked!r}, but {count} CUDA devices are usable; use cpu or auto"
        )
    return asked


def use_float32() -> None:
    """Let a GPU's convolutions be float32 where that is asked for, as its other products are.

    Left to itself cuDNN rounds their inputs to TF32, which moves joints.
    """
    torch.backends.cudnn.allow_tf32 = False
