"""X-Fi's LiDAR encoder in steps that depend on no input: the same function, as a graph needs it.

The layers are merged as in xfi_fast.py, whose savings depend on the cloud. Here every point is
computed, as many as the frame has rows, and all clouds of a batch together. Clouds stay in float32;
products of pairs are in the precision that is asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.model.encoders.xfi_fast import FastAttention, FastLidarEncoder
from pta_ros.model.encoders.xfi_lidar import CENTRES, NEIGHBOURS, WIDTH, LidarEncoder, gather_rows


class StaticLidarEncoder(nn.Module):
    """LidarEncoder in eval mode for inference: (B, N, 3), NaN where there is no point."""

    def __init__(self, plain: LidarEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        fast = FastLidarEncoder(plain, dtype)
        self.tokens, self.fc1, self.group = fast.tokens, fast.fc1, fast.group
        self.first, self.second = _Everywhere(fast.first), _Everywhere(fast.second)

    def forward(self, points: Tensor) -> Tensor:
        """-> tokens (B, 32, 512)."""
        valid = points.isfinite().all(dim=2)
        xyz = points.masked_fill(~valid[..., None], 0.0)
        features = self.first(xyz, self.fc1(xyz), nearest_of(xyz, xyz, valid))
        centres = gather_rows(xyz, farthest_of(xyz, CENTRES, valid))
        near = nearest_of(centres, xyz, valid)
        offsets = gather_rows(xyz, near) - centres[:, :, None]
        groups = torch.cat([offsets, gather_rows(features, near)], dim=-1)
        features = self.group(groups).amax(dim=2)
        every = valid.new_ones(centres.shape[:2])
        features = self.second(centres, features, nearest_of(centres, centres, every))
        return features.reshape(len(points), self.tokens, -1)


class _Everywhere(nn.Module):
    """The attention of all points of all clouds over their neighbours, with merged layers."""

    def __init__(self, fast: FastAttention) -> None:
        super().__init__()
        self.fast = fast

    def forward(self, xyz: Tensor, features: Tensor, near: Tensor) -> Tensor:
        """New features (B, N, C) of points (B, N, 3), whose neighbours are `near` (B, N, 16)."""
        fast = self.fast
        offsets = xyz[:, :, None] - gather_rows(xyz, near)
        units = nn.functional.linear(offsets, fast.unit, fast.unit_bias).relu().to(fast.dtype)
        merged, place = (units @ fast.merged_low).split(WIDTH, dim=-1)
        query, key, value = (f(features).to(fast.dtype) for f in (fast.query, fast.key, fast.value))
        hidden = (query[:, :, None] - gather_rows(key, near) + merged).relu()
        shares = fast.score(hidden).softmax(dim=2)
        mixed = ((gather_rows(value, near) + place) * shares).sum(dim=2)
        out: Tensor = fast.out(mixed.float()) + features
        return out


def nearest_of(queries: Tensor, points: Tensor, valid: Tensor) -> Tensor:
    """Indices (B, Q, 16), in no order, of the nearest `valid` points (B, N, 3) of each query.

    As xfi_lidar.nearest, without its four-dimensional differences.
    """
    distance = torch.cdist(queries, points, compute_mode="donot_use_mm_for_euclid_dist")
    distance = distance.masked_fill(~valid[:, None], torch.inf)
    return distance.topk(NEIGHBOURS, largest=False, sorted=False).indices


def farthest_of(points: Tensor, count: int, valid: Tensor) -> Tensor:
    """Indices (B, count) of a farthest-point sequence from point 0 on, among the `valid` ones.

    As xfi_lidar.farthest in fewer steps, which take a GPU as long whatever their size: all pairs
    are measured at once, and three steps are left for every point that is chosen.
    """
    squared = torch.zeros(1, device=points.device)
    for axis in points.unbind(dim=-1):
        squared = squared + (axis[:, :, None] - axis[:, None]).square()
    last = torch.zeros(len(points), 1, 1, dtype=torch.long, device=points.device)
    distance = torch.where(valid, torch.inf, -1.0)[:, None].to(points.dtype)
    chosen = [last]
    for _ in range(1, count):
        row = squared.take_along_dim(last, dim=1)
        distance = torch.minimum(distance, row)
        last = distance.argmax(dim=2, keepdim=True)
        chosen.append(last)
    return torch.cat(chosen, dim=1)[..., 0]
