"""Residual blocks of X-Fi's encoders, with the parameter names of the published state dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from pta_ros.errors import ConfigError

CHANNELS = 512

_CONV: Mapping[int, type[nn.Conv1d | nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
_NORM: Mapping[int, type[nn.BatchNorm1d | nn.BatchNorm2d]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


class XfiEncoder(nn.Module):
    """What all have in common: 512 channels, and the published parameters that are not used.

    `unused`: names, or their beginnings, of published parameters behind the features (heads).
    `norm_pairs`: (layer, batch norm) of children that follow each other; inference may merge them.
    """

    tokens: ClassVar[int]
    unused: ClassVar[tuple[str, ...]] = ()
    norm_pairs: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels != CHANNELS:
            raise ConfigError(
                f"channels is {channels}; encoders of the family xfi have {CHANNELS}: "
                f"set model.channels to {CHANNELS}"
            )


class BasicBlock(nn.Module):
    """Two convolutions of width 3 around a shortcut; the first one strides (as torchvision's)."""

    norm_pairs = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, dims: int, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__()
        conv, norm = _CONV[dims], _NORM[dims]
        self.conv1 = conv(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = norm(outside)
        self.conv2 = conv(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = norm(outside)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inside != outside:
            shortcut = conv(inside, outside, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, norm(outside))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, ...) -> (B, C_out, ...), each side divided by the stride."""
        shortcut = x if self.downsample is None else self.downsample(x)
        inner = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(inner)) + shortcut).relu()


class DepthBlock(nn.Module):
    """The same with the depth network's names; its *second* convolution strides."""

    norm_pairs = (("conv1", "batch_norm1"), ("conv2", "batch_norm2"))

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, 1, 1, bias=False)
        self.batch_norm1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, stride, 1, bias=False)
        self.batch_norm2 = nn.BatchNorm2d(outside)
        self.i_downsample: nn.Sequential | None = None
        if stride != 1 or inside != outside:
            shortcut = nn.Conv2d(inside, outside, 1, stride)
            self.i_downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""
        shortcut = x if self.i_downsample is None else self.i_downsample(x)
        inner = self.batch_norm1(self.conv1(x)).relu()
        return (self.batch_norm2(self.conv2(inner)) + shortcut).relu()


def stage(dims: int, inside: int, outside: int, blocks: int, stride: int) -> nn.Sequential:
    """A stage of BasicBlocks; the first one strides."""
    first = BasicBlock(dims, inside, outside, stride)
    return nn.Sequential(first, *(BasicBlock(dims, outside, outside) for _ in range(blocks - 1)))


def as_tokens(maps: Tensor) -> Tensor:
    """(B, C, ...) -> tokens (B, L, C), row by row of the map."""
    return maps.flatten(2).transpose(1, 2)
