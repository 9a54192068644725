"""Find people in the bird's-eye grid (people/birdseye.py): a heat map, offsets, heights.

A small U-shaped network of half the grid's resolution; peaks of the heat map are people (objects
as points, Zhou et al. 2019).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pta_ros.model.encoders.lite import Residual
from pta_ros.model.purify import subset_number

#: Cells of the grid per cell of the heat map, along each side.
STRIDE = 2


class Found(NamedTuple):
    """Maps of half the grid's size.

    `logit` (B, H, W) that a person's centre is in the cell; `offset` (B, 2, H, W) of the centre
    from the middle of the cell, in cells of the grid; `height` (B, H, W) of the centre in the level
    frame, metres.
    """

    logit: Tensor
    offset: Tensor
    height: Tensor


class Presence(nn.Module):
    """Log odds that somebody is there, of what the search and the look at the place say.

    Both saw the same sensors, so that their sum would be too sure. For each subset of the two
    sensors who see the place: a constant and the shares of the two; training/presence.py fits them.
    """

    shares: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shares", torch.tensor([[-5.0, 1.0, 1.0]]).repeat(4, 1))

    def forward(self, searched: Tensor, looked: Tensor, mask: Tensor) -> Tensor:
        """Log odds (B,) from log odds (B,) of search and look; `mask` (B, 2) bool."""
        constant, search, look = self.shares[subset_number(mask)].T
        return constant + search * searched + look * looked


class Finder(nn.Module):
    """Grid (B, CHANNELS, SIZE, SIZE) -> Found. `presence` judges what is found."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fine = _conv(channels, 24, stride=2)
        self.middle = nn.Sequential(_conv(24, 48, stride=2), Residual(48))
        self.coarse = nn.Sequential(_conv(48, 96, stride=2), Residual(96))
        self.from_coarse = nn.Conv2d(96, 48, 1)
        self.join = _conv(48, 48)
        self.from_middle = nn.Conv2d(48, 24, 1)
        self.last = _conv(24, 24)
        self.out = nn.Conv2d(24, 4, 1)
        bias = torch.tensor([-5.0, 0.0, 0.0, 1.1])  # people are rare; a trunk's usual height
        self.out.bias = nn.Parameter(bias)
        self.presence = Presence()

    def forward(self, grid: Tensor) -> Found:
        """`grid` (B, CHANNELS, SIZE, SIZE); see birdseye.fill."""
        grid = grid.to(self.out.weight.dtype)
        fine = self.fine(grid.contiguous(memory_format=torch.channels_last))
        middle = self.middle(fine)
        up = nn.functional.interpolate(self.from_coarse(self.coarse(middle)), scale_factor=2.0)
        up = self.join(middle + up)
        up = nn.functional.interpolate(self.from_middle(up), scale_factor=2.0)
        out = self.out(self.last(fine + up)).float()
        return Found(out[:, 0], out[:, 1:3], out[:, 3])


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU())


class Peak(NamedTuple):
    """Candidates of a frame: probability (P,), cell of the grid (P, 2), continuous; height (P,)."""

    probability: Tensor
    cell: Tensor
    height: Tensor


def peaks(found: Found, least: float, most: int, apart: float) -> list[Peak]:
    """The peaks of each frame above probability `least`, at most `most`, best first.

    Of two that are nearer than `apart` (cells of the grid) the better one stays.
    """
    heat = found.logit  # probabilities near 1 would be equal
    top = nn.functional.max_pool2d(heat[:, None], 3, 1, 1)[:, 0]
    candidates = torch.where(heat == top, heat, -torch.inf)
    out = []
    for frame, own in enumerate(candidates):
        logit, index = own.flatten().topk(min(4 * most, own.numel()))
        value = logit.sigmoid()
        index = index[value >= least]
        row, column = index // own.shape[1], index % own.shape[1]
        offset = found.offset[frame, :, row, column].T
        cell = (torch.stack([row, column], dim=1) + 0.5) * STRIDE + offset
        near = (cell[:, None] - cell[None]).norm(dim=2) < apart
        kept: list[int] = []
        for i, close in enumerate(near.tolist()):
            if not any(close[j] for j in kept):
                kept.append(i)
        chosen = torch.tensor(kept[:most], dtype=torch.long)
        out.append(
            Peak(
                value[: len(index)][chosen], cell[chosen], found.height[frame, row, column][chosen]
            )
        )
    return out
