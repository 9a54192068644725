"""Encoders of person-centred readings (people/centred.py): one token for each of the 17 joints.

Depth: a residual network whose heat maps say where to look for each joint, so that a token holds
the joint's place in the patch and what is seen there (integral regression, Sun et al. 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.model.encoders.lite import LidarEncoder as LiteLidarEncoder
from pta_ros.model.encoders.lite import Residual

JOINTS = 17
_INSIDE, _RETURN = 0.5, 1.5  # between the states of a patch's pixels
_FINE = 64
_SPOT = 4  # of a token: its place (2), the depth there, how much returned


class DepthEncoder(nn.Module):
    """(B, 2, 96, 96) patch -> 17 tokens; see people.centred.depth_patch."""

    tokens = JOINTS
    grid: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(_stage(5, 32), _stage(32, _FINE), Residual(_FINE))
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
        steps = 1.1 * (1 - 2 * (torch.arange(96) + 0.5) / 96)
        up, left = torch.meshgrid(steps, steps, indexing="ij")
        self.register_buffer("grid", torch.stack([left, up]), persistent=False)

    def forward(self, patch: Tensor) -> Tensor:
        """`patch` (B, 2, 96, 96) -> tokens (B, 17, C)."""
        state = patch[:, 1:]
        found, inside = (state > _RETURN).to(patch.dtype), (state > _INSIDE).to(patch.dtype)
        depth = patch[:, :1] * found
        x = torch.cat([depth, found, inside, self.grid * found], dim=1)
        x = x.to(self.look.weight.dtype).contiguous(memory_format=torch.channels_last)
        fine = self.fine(x)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        up = nn.functional.interpolate(self.from_coarse(coarse), scale_factor=2.0)
        up = nn.functional.interpolate(up + self.from_middle(middle), scale_factor=2.0)
        features = self.merge(fine + up)
        # A place in the patch has more digits than bfloat16: full precision from here on.
        where = self.look(features).float().flatten(2).softmax(dim=-1)  # (B, 17, 576)
        tokens = where @ features.float().flatten(2).transpose(1, 2)  # (B, 17, _FINE)
        seen = nn.functional.avg_pool2d(torch.cat([depth, found], dim=1), 4).flatten(2)
        spots = nn.functional.avg_pool2d(self.grid[None], 4).flatten(2).expand(x.shape[0], -1, -1)
        spot = (where[:, :, None] * torch.cat([spots, seen], dim=1)[:, None]).sum(dim=-1)
        mass = spot[..., 3:].clamp(min=0.05)
        spot = torch.cat([spot[..., :2], spot[..., 2:3] / mass, spot[..., 3:]], dim=-1)
        tokens = torch.cat([tokens.float(), spot], dim=-1)
        whole = self.whole(coarse.mean(dim=(2, 3)).float())[:, None].expand(-1, JOINTS, -1)
        out: Tensor = self.token(torch.cat([tokens, whole], dim=-1))
        return out


def _stage(inside: int, outside: int) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU())


class LidarEncoder(LiteLidarEncoder):
    """(B, 512, 3) cloud in farthest-point order -> 17 tokens; see people.centred.lidar_cloud."""

    tokens = JOINTS
    centres = 48
    neighbours = 16
    middle = (0.0, 0.0, 0.0)


ENCODERS: dict[str, type[nn.Module]] = {"depth": DepthEncoder, "lidar": LidarEncoder}
