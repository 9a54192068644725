"""X-Fi's LiDAR encoder: a Point Transformer's first block and one transition down.

Farthest-point sampling starts at point 0. The published code starts at a random point, so that it
gives other features each time; with the start fixed, the same cloud gives the same features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pta_ros.model.encoders.xfi_blocks import XfiEncoder

WIDTH = 512
NEIGHBOURS = 16
CENTRES = 256
#: Clouds that are encoded at once: every pair of neighbours takes some 10 kB of memory.
CHUNK = 16


class PointAttention(nn.Module):
    """Vector attention of every point over its nearest ones: (B, N, C) -> (B, N, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, WIDTH)
        self.fc2 = nn.Linear(WIDTH, channels)
        self.fc_delta = nn.Sequential(nn.Linear(3, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.fc_gamma = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.w_qs = nn.Linear(WIDTH, WIDTH, bias=False)
        self.w_ks = nn.Linear(WIDTH, WIDTH, bias=False)
        self.w_vs = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, xyz: Tensor, features: Tensor, valid: Tensor) -> Tensor:
        """`xyz` (B, N, 3), `features` (B, N, C); only points that are `valid` (B, N) are seen."""
        near = nearest(xyz, xyz, valid)
        x = self.fc1(features)
        query, key, value = (
            self.w_qs(x),
            gather_rows(self.w_ks(x), near),
            gather_rows(self.w_vs(x), near),
        )
        place = self.fc_delta(xyz[:, :, None] - gather_rows(xyz, near))
        scores = self.fc_gamma(query[:, :, None] - key + place) / math.sqrt(WIDTH)
        mixed = torch.einsum("bnkc,bnkc->bnc", scores.softmax(dim=2), value + place)
        out: Tensor = self.fc2(mixed) + features
        return out


class _Grouping(nn.Module):
    """Two shared layers on every group of neighbours, then the largest value of each channel."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        sizes = ((inside, outside), (outside, outside))
        self.mlp_convs = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in sizes])
        self.mlp_bns = nn.ModuleList([nn.BatchNorm2d(b) for _, b in sizes])

    def forward(self, groups: Tensor) -> Tensor:
        """(B, S, k, C_in) -> (B, S, C_out)."""
        x = groups.permute(0, 3, 2, 1)
        for conv, norm in zip(self.mlp_convs, self.mlp_bns, strict=True):
            x = norm(conv(x)).relu()
        return x.amax(dim=2).transpose(1, 2)


class TransitionDown(nn.Module):
    """From N points to 256 spread ones, each with the features of its neighbourhood."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.sa = _Grouping(inside + 3, outside)

    def forward(self, xyz: Tensor, features: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """-> centres (B, 256, 3) and their features (B, 256, C_out)."""
        centres = gather_rows(xyz, farthest(xyz, CENTRES, valid))
        near = nearest(centres, xyz, valid)
        groups = torch.cat(
            [gather_rows(xyz, near) - centres[:, :, None], gather_rows(features, near)], dim=-1
        )
        return centres, self.sa(groups)


class _Backbone(nn.Module):
    """The parts that are used, with their published names."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32))
        self.transformer1 = PointAttention(32)
        self.transition_downs = nn.ModuleList([TransitionDown(32, 64)])
        self.transformers = nn.ModuleList([PointAttention(64)])


class LidarEncoder(XfiEncoder):
    """(B, N, 3) metres -> 32 tokens. Published as `lidar_all_random.pt`.

    Clouds of a batch may differ in size: rows that hold NaN are no points, and do not change what
    the others give. Row 0 is a point, and so are 16 rows at least.
    """

    tokens = 32
    unused = (
        "fc2.",
        *(f"backbone.transition_downs.{i}." for i in range(1, 5)),
        *(f"backbone.transformers.{i}." for i in range(1, 5)),
    )

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.backbone = _Backbone()

    def forward(self, points: Tensor) -> Tensor:
        """`points` (B, N, 3), NaN where there is none -> tokens (B, 32, 512)."""
        valid = points.isfinite().all(dim=2)
        size = int(valid.any(dim=0).nonzero().max()) + 1
        chunks = zip(points[:, :size].split(CHUNK), valid[:, :size].split(CHUNK), strict=True)
        return torch.cat([self._encode(*chunk) for chunk in chunks])

    def _encode(self, points: Tensor, valid: Tensor) -> Tensor:
        xyz = points.masked_fill(~valid[..., None], 0.0)
        net = self.backbone
        features = net.transformer1(xyz, net.fc1(xyz), valid)
        centres, features = net.transition_downs[0](xyz, features, valid)
        every = valid.new_ones(centres.shape[:2])
        features = net.transformers[0](centres, features, every)
        return features.reshape(len(points), self.tokens, -1)


def nearest(queries: Tensor, points: Tensor, valid: Tensor) -> Tensor:
    """Indices (B, Q, 16) of the nearest valid points (B, N, 3) of every query (B, Q, 3).

    Exact: from differences of coordinates, not from a matrix product, which loses the digits that
    matter when a cloud is far from the origin.
    """
    squared = (queries[:, :, None] - points[:, None]).square().sum(dim=-1)
    squared = squared.masked_fill(~valid[:, None], math.inf)
    return squared.argsort(dim=-1)[..., :NEIGHBOURS]


def farthest(points: Tensor, count: int, valid: Tensor) -> Tensor:
    """Indices (B, count) of a farthest-point sequence from point 0 on, among the valid ones."""
    batch = torch.arange(len(points), device=points.device)
    chosen = torch.zeros(len(points), count, dtype=torch.long, device=points.device)
    distance = torch.where(valid, math.inf, -1.0).to(points.dtype)
    for i in range(1, count):
        last = points[batch, chosen[:, i - 1]][:, None]
        distance = torch.minimum(distance, (points - last).square().sum(dim=-1))
        chosen[:, i] = distance.argmax(dim=1)
    return chosen


def gather_rows(values: Tensor, index: Tensor) -> Tensor:
    """Rows of `values` (B, N, C) by number, `index` (B, ...): (B, ..., C)."""
    flat = index.flatten(1)[..., None].expand(-1, -1, values.shape[-1])
    return values.gather(1, flat).unflatten(1, index.shape[1:])
