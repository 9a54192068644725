"""Encoders of person-centred readings (people/centred.py): one token for each of the 17 joints.

A residual network over the person seen along x; its heat maps say where to look for each joint, so
that a token holds the joint's place and what is seen there (integral regression, Sun et al. 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.model.encoders.lite import Residual
from pta_ros.people.centred import HALF_M, NOTHING, OUTSIDE, PATCH, RETURN

JOINTS = 17
_INSIDE, _RETURN = (OUTSIDE + NOTHING) / 2, (NOTHING + RETURN) / 2  # between a pixel's states
_FINE = 64
_CELLS = 24  # of the heat maps, along one side
_SPOT = 4  # of a token: its place (2), the depth there, how much returned


class _HeatMaps(nn.Module):
    """Maps (B, `inside`, H, H), depth and found (B, 1, H, H) -> 17 tokens (B, 17, C).

    `fine` takes the maps to features of 24 x 24 cells.
    """

    tokens = JOINTS
    spots: Tensor

    def __init__(self, channels: int, fine: nn.Sequential) -> None:
        super().__init__()
        self.fine = fine
        self.middle = nn.Sequential(_stage(_FINE, 128), Residual(128), Residual(128))
        self.coarse = nn.Sequential(_stage(128, 192), Residual(192))
        self.from_middle = nn.Conv2d(128, _FINE, 1)
        self.from_coarse = nn.Conv2d(192, _FINE, 1)
        self.merge = nn.Sequential(
            nn.Conv2d(_FINE, _FINE, 3, padding=1, bias=False), nn.BatchNorm2d(_FINE), nn.ReLU()
        )
        self.look = nn.Conv2d(_FINE, JOINTS, 1)
        self.whole = nn.Linear(192, _FINE)
        self.token = nn.Linear(2 * _FINE + _SPOT, channels)
        self.register_buffer("spots", _grid(_CELLS).flatten(1), persistent=False)

    def tokens_of(self, maps: Tensor, depth: Tensor, found: Tensor) -> Tensor:
        """Tokens of maps; `depth` is 0 where nothing is `found`."""
        x = maps.to(self.look.weight.dtype).contiguous(memory_format=torch.channels_last)
        fine = self.fine(x)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        up = nn.functional.interpolate(self.from_coarse(coarse), scale_factor=2.0)
        up = nn.functional.interpolate(up + self.from_middle(middle), scale_factor=2.0)
        features = self.merge(fine + up)
        # A place in the patch has more digits than bfloat16: full precision from here on.
        where = self.look(features).float().flatten(2).softmax(dim=-1)  # (B, 17, 576)
        tokens = where @ features.float().flatten(2).transpose(1, 2)  # (B, 17, _FINE)
        size = depth.shape[-1] // _CELLS
        seen = nn.functional.avg_pool2d(torch.cat([depth, found], dim=1), size).flatten(2)
        spots = self.spots[None].expand(x.shape[0], -1, -1)
        spot = (where[:, :, None] * torch.cat([spots, seen], dim=1)[:, None]).sum(dim=-1)
        mass = spot[..., 3:].clamp(min=0.05)
        spot = torch.cat([spot[..., :2], spot[..., 2:3] / mass, spot[..., 3:]], dim=-1)
        whole = self.whole(coarse.mean(dim=(2, 3)).float())[:, None].expand(-1, JOINTS, -1)
        out: Tensor = self.token(torch.cat([tokens, spot, whole], dim=-1))
        return out


class DepthEncoder(_HeatMaps):
    """(B, 2, 96, 96) patch -> 17 tokens; see people.centred.depth_patch."""

    grid: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels, nn.Sequential(_stage(5, 32), _stage(32, _FINE), Residual(_FINE)))
        self.register_buffer("grid", _grid(PATCH), persistent=False)

    def forward(self, patch: Tensor) -> Tensor:
        """`patch` (B, 2, 96, 96) -> tokens (B, 17, C)."""
        state = patch[:, 1:]
        found, inside = (state > _RETURN).to(patch.dtype), (state > _INSIDE).to(patch.dtype)
        depth = patch[:, :1] * found
        maps = torch.cat([depth, found, inside, self.grid * found], dim=1)
        return self.tokens_of(maps, depth, found)


class LidarEncoder(_HeatMaps):
    """(B, N, 3) cloud -> 17 tokens; see people.centred.lidar_cloud.

    The points are seen along x like a depth patch, in pixels of twice the size and in eight slices
    of range: each pixel of each slice knows how many points it holds, and their mean place.
    """

    grid: Tensor

    def __init__(self, channels: int) -> None:
        inside = 2 * _SLICES + 6
        super().__init__(channels, nn.Sequential(_stage(inside, _FINE), Residual(_FINE)))
        self.register_buffer("grid", _grid(_PIXELS), persistent=False)

    def forward(self, cloud: Tensor) -> Tensor:
        """`cloud` (B, N, 3) -> tokens (B, 17, C)."""
        sums = _pixels(cloud.float())  # (B, 4, slices, pixels, pixels)
        counts = sums[:, 0]
        range_m = sums[:, 1] / counts.clamp(min=1)
        total = sums.sum(dim=2)
        found = (total[:, :1] > 0).to(sums.dtype)
        mean = total[:, 1:] / total[:, :1].clamp(min=1)  # x, and where in the pixel
        maps = [counts.log1p(), range_m, found, mean, self.grid * found]
        return self.tokens_of(torch.cat(maps, dim=1), mean[:, :1], found)


_PIXELS, _SLICES = 48, 8


def _pixels(cloud: Tensor) -> Tensor:
    """Sums over the points of each slice and pixel (B, 4, 8, 48, 48): ones, x, and left and up.

    x is in metres, left and up are from the pixel's middle in pixels.
    """
    x, left, up = cloud.unbind(dim=-1)
    column = (HALF_M - left) * (_PIXELS / (2 * HALF_M))
    row = (HALF_M - up) * (_PIXELS / (2 * HALF_M))
    deep = (HALF_M + x) * (_SLICES / (2 * HALF_M))
    cells = [deep.floor().clamp(0, _SLICES - 1), row.floor(), column.floor()]
    inside = (cells[1] >= 0) & (cells[1] < _PIXELS) & (cells[2] >= 0) & (cells[2] < _PIXELS)
    index = ((cells[0] * _PIXELS + cells[1]) * _PIXELS + cells[2]) * inside
    parts = [torch.ones_like(x), x, cells[2] + 0.5 - column, cells[1] + 0.5 - row]
    values = torch.stack(parts, dim=1) * inside[:, None]
    sums = values.new_zeros(len(cloud), 4, _SLICES * _PIXELS * _PIXELS)
    sums.scatter_add_(2, index.long()[:, None].expand(-1, 4, -1), values)
    return sums.unflatten(2, (_SLICES, _PIXELS, _PIXELS))


def _grid(cells: int) -> Tensor:
    """Metres left and up (2, cells, cells) of the middles of a patch's cells."""
    steps = HALF_M * (1 - 2 * (torch.arange(cells) + 0.5) / cells)
    up, left = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([left, up])


def _stage(inside: int, outside: int) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU())


ENCODERS: dict[str, type[nn.Module]] = {"depth": DepthEncoder, "lidar": LidarEncoder}
