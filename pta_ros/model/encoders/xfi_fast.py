"""The LiDAR encoder for inference: the same function in fewer and smaller steps.

- Points that no centre's neighbourhood holds are not computed: nothing reads them.
- The first layer of the scores, fc_gamma.0, is linear: it is applied to queries and keys once per
  point, and merged with the last layer of the positions, which leaves three products per pair.
- A unit of fc_delta whose bias outweighs any offset of a part's pairs does not switch there: it is
  linear, or zero. The sum of such units is a 3-vector's linear map, and only the others take part
  in the large product. Dense neighbourhoods, whose offsets are small, come first.
- Scores' last bias cancels in the softmax; their scale is in the weights.
- Pairs are taken a few queries at a time, so that what is computed stays in the cache.
"""

from __future__ import annotations

import math

import fpsample
import numpy as np
import torch
from torch import Tensor, nn

from pta_ros.model.encoders.xfi_lidar import (
    CENTRES,
    NEIGHBOURS,
    WIDTH,
    LidarEncoder,
    PointAttention,
    farthest,
)

#: Queries whose pairs are computed at once.
QUERIES = 64


class FastAttention(nn.Module):
    """PointAttention of one cloud with merged layers; products of pairs in `dtype`."""

    unit: Tensor
    unit_bias: Tensor
    merged: Tensor
    merged_low: Tensor
    reach: Tensor

    def __init__(self, plain: PointAttention, dtype: torch.dtype) -> None:
        super().__init__()
        exact = {n: p.detach().double() for n, p in plain.named_parameters()}
        delta, gamma = exact["fc_delta.2.weight"], exact["fc_gamma.0.weight"]
        base = exact["fc1.weight"]
        shift = exact["fc1.bias"]

        def point(weight: Tensor) -> tuple[Tensor, Tensor]:
            return weight @ base, weight @ shift

        query, query_bias = point(gamma @ exact["w_qs.weight"])
        key, key_bias = point(gamma @ exact["w_ks.weight"])
        value, value_bias = point(exact["w_vs.weight"])
        score_bias = exact["fc_gamma.0.bias"] + gamma @ exact["fc_delta.2.bias"]
        self.query = _linear(query, query_bias - key_bias + score_bias, torch.float32)
        self.key = _linear(key, None, torch.float32)
        self.value = _linear(value, value_bias + exact["fc_delta.2.bias"], torch.float32)
        self.score = _linear(exact["fc_gamma.2.weight"] / math.sqrt(WIDTH), None, dtype)
        self.out = _linear(exact["fc2.weight"], exact["fc2.bias"], torch.float32)
        self.dtype = dtype
        place, bias = exact["fc_delta.0.weight"], exact["fc_delta.0.bias"]
        merged = torch.cat([gamma @ delta, delta]).T.contiguous()  # (unit, merged and place)
        for name, tensor in (("unit", place), ("unit_bias", bias), ("merged", merged)):
            self.register_buffer(name, tensor.float())
        self.register_buffer("merged_low", merged.to(dtype))
        #: Offsets shorter than this do not switch a unit.
        self.register_buffer("reach", (bias.abs() / place.norm(dim=1)).float())

    def forward(self, xyz: Tensor, features: Tensor, rows: Tensor, near: Tensor) -> Tensor:
        """New features (R, C) of `rows` (R,), whose neighbours are `near` (R, 16)."""
        offsets = xyz[rows, None] - xyz[near]
        radius, order = offsets.square().sum(dim=-1).amax(dim=1).sqrt().sort()
        query = self.query(features[rows]).to(self.dtype)
        key, value = self.key(features).to(self.dtype), self.value(features).to(self.dtype)
        mixed = query.new_empty(len(rows), WIDTH, dtype=torch.float32)
        for part, last in zip(order.split(QUERIES), radius.split(QUERIES), strict=True):
            merged, place = self._places(offsets[part], last[-1])
            mixed[part] = self._mix(merged, place, query[part], key, value, near[part]).float()
        out: Tensor = self.out(mixed) + features[rows]
        return out

    def _places(self, offsets: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
        """fc_gamma.0 of the pairs' positions, and the positions: (Q, 16, 512) each."""
        switching = self.reach <= radius * 1.0001
        active = (self.unit_bias > 0) & ~switching
        chosen = switching.nonzero()[:, 0]
        linear = (self.unit * active[:, None]).T @ self.merged
        constant = (self.unit_bias * active) @ self.merged
        flat = offsets.flatten(0, 1)
        units = torch.addmm(self.unit_bias[chosen], flat, self.unit[chosen].T).relu_()
        inputs = torch.cat([units, flat], dim=1).to(self.dtype)
        weight = torch.cat([self.merged_low[chosen], linear.to(self.dtype)])
        both = torch.addmm(constant.to(self.dtype), inputs, weight)
        merged, place = both.view(*offsets.shape[:2], 2 * WIDTH).split(WIDTH, dim=2)
        return merged, place

    def _mix(
        self, merged: Tensor, place: Tensor, query: Tensor, key: Tensor, value: Tensor, near: Tensor
    ) -> Tensor:
        hidden = (query[:, None] - key[near]).add_(merged).relu_()
        shares = self.score(hidden).softmax(dim=1)
        return value[near].add_(place).mul_(shares).sum(dim=1)


class FastLidarEncoder(nn.Module):
    """LidarEncoder in eval mode for inference: (B, N, 3), NaN where there is no point."""

    def __init__(self, plain: LidarEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        net = plain.backbone
        self.tokens = plain.tokens
        self.fc1 = net.fc1
        self.first = FastAttention(net.transformer1, dtype)  # type: ignore[arg-type]
        self.second = FastAttention(net.transformers[0], dtype)  # type: ignore[arg-type]
        group = net.transition_downs[0].sa
        layers: list[nn.Module] = []
        for conv, norm in zip(group.mlp_convs, group.mlp_bns, strict=True):  # type: ignore[union-attr, arg-type]
            layers += [_folded(conv, norm), nn.ReLU(inplace=True)]  # type: ignore[arg-type]
        self.group = nn.Sequential(*layers)

    def forward(self, points: Tensor) -> Tensor:
        """-> tokens (B, 32, 512), one cloud after another."""
        return torch.stack([self._encode(c[c.isfinite().all(dim=1)]) for c in points])

    def _encode(self, xyz: Tensor) -> Tensor:
        centre_rows = _farthest(xyz)
        centres = xyz[centre_rows]
        members = _nearest(centres, xyz)
        used, places = members.unique(return_inverse=True)
        features = self.fc1(xyz)
        seen = self.first(xyz, features, used, _nearest(xyz[used], xyz))
        groups = torch.cat([xyz[members] - centres[:, None], seen[places]], dim=-1)
        features = self.group(groups.flatten(0, 1)).view(*members.shape, -1).amax(dim=1)
        every = torch.arange(CENTRES, device=xyz.device)
        features = self.second(centres, features, every, _nearest(centres, centres))
        return features.reshape(self.tokens, -1)


def _linear(weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight.to(dtype).contiguous()
    if bias is not None:
        layer.bias.data = bias.to(dtype)
    return layer


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Linear:
    """A 1x1 convolution and its norm as one layer on the last dimension."""
    weight, bias = conv.weight.detach().double()[:, :, 0, 0], conv.bias.detach().double()  # type: ignore[union-attr]
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()  # type: ignore[union-attr]
    shift = norm.bias.double() - norm.running_mean.double() * scale  # type: ignore[union-attr]
    return _linear(
        (weight * scale[:, None]).detach(), (bias * scale + shift).detach(), torch.float32
    )


def _nearest(queries: Tensor, points: Tensor) -> Tensor:
    """Indices (Q, 16) of the nearest points of one cloud, in no order; exact, as `nearest`."""
    distance = torch.cdist(queries, points, compute_mode="donot_use_mm_for_euclid_dist")
    return distance.topk(NEIGHBOURS, largest=False, sorted=False).indices


def _farthest(xyz: Tensor) -> Tensor:
    """Indices (256,) of the farthest-point sequence of one cloud from point 0 on."""
    if xyz.device.type != "cpu" or len(xyz) <= CENTRES:
        every = torch.ones(1, len(xyz), dtype=torch.bool, device=xyz.device)
        return farthest(xyz[None], CENTRES, every)[0]
    rows = fpsample.fps_sampling(xyz.numpy(), CENTRES, start_idx=0)
    return torch.from_numpy(rows.astype(np.int64))
