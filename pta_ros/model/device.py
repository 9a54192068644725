"""The device that a model runs on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

from pta_ros.errors import ConfigError

#: Of products and convolutions in training; auto is bfloat16 where the device has it.
PRECISIONS = ("float32", "bfloat16", "auto")
_CPU_INFO = Path("/proc/cpuinfo")


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


@lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; others take several times as long for it."""
    try:
        flags = set(_CPU_INFO.read_text().split())
    except OSError:  # not Linux: nothing is known, float32 is right everywhere
        return False
    return bool(flags & {"amx_bf16", "avx512_bf16"})


def autocast(device: torch.device, precision: str = "auto") -> torch.autocast:
    """Products and convolutions in one of PRECISIONS on `device`; weights stay float32."""
    low = dtype_of(device, precision) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=low)


def dtype_of(device: torch.device, precision: str) -> torch.dtype:
    """What one of PRECISIONS is on `device`."""
    low = precision == "bfloat16" or (precision == "auto" and _multiplies_bfloat16(device))
    return torch.bfloat16 if low else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type != "cuda":
        return has_bfloat16()
    ampere = 8  # the first of NVIDIA's that does; AMD's all do
    return bool(torch.version.hip) or torch.cuda.get_device_properties(device).major >= ampere


def use_float32() -> None:
    """Let a GPU's convolutions be float32 where that is asked for, as its other products are.

    Left to itself cuDNN rounds their inputs to TF32, which moves joints.
    """
    torch.backends.cudnn.allow_tf32 = False
