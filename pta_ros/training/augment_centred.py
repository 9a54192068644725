"""Random changes of person-centred batches, as training/augment.py has them for whole frames.

Joints (B, 17, 3) are in the centred frame: x along the ray, y left, z up, metres.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pta_ros.people.centred import ABSENT_M, HALF_M, NOTHING, OUTSIDE, PATCH, REACH_M, RETURN
from pta_ros.training.augment import MIRROR, Pair

_PIXEL_M = 2 * HALF_M / PATCH
_MOST_PIXELS = 3  # that a patch is moved


def depth(patches: Tensor, joints: Tensor) -> Pair:
    """Mirror, move, hide a rectangle, cut the image off at one side, lose pixels, add noise."""
    changed, joints = together({"depth": patches}, joints)
    return changed["depth"], joints


def lidar(clouds: Tensor, joints: Tensor) -> Pair:
    """Mirror, turn, move, lose a random share of the points, add noise."""
    angle = 0.2 * torch.randn(len(clouds))
    c, s, o, i = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    turn = torch.stack([c, -s, o, s, c, o, o, o, i], dim=1).view(-1, 3, 3).transpose(1, 2)
    changed, joints = together({"lidar": clouds @ turn}, joints @ turn)
    return changed["lidar"], joints


def together(inputs: Mapping[str, Tensor], joints: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Mirror and move all modalities of a batch alike; spoil each in its own way."""
    count = len(joints)
    flip = torch.rand(count) < 0.5
    step = torch.randint(-_MOST_PIXELS, _MOST_PIXELS + 1, (count, 2))  # down, right
    ahead = 0.05 * torch.randn(count)
    shift = torch.stack([ahead, -step[:, 1] * _PIXEL_M, -step[:, 0] * _PIXEL_M], dim=1)[:, None]
    out = dict(inputs)
    if "depth" in out:
        turned = torch.where(flip[:, None, None, None], out["depth"].flip(3), out["depth"])
        out["depth"] = _spoilt_patches(*_moved(turned[:, 0], turned[:, 1], step, ahead))
    if "lidar" in out:
        mirrored = out["lidar"] * out["lidar"].new_tensor([1.0, -1.0, 1.0])
        turned = torch.where(flip[:, None, None], mirrored, out["lidar"])
        out["lidar"] = _spoilt_cloud(turned + shift)
    return out, _mirrored(joints, flip) + shift


def _spoilt_patches(z: Tensor, state: Tensor) -> Tensor:
    count = len(z)
    z = z + 0.012 * torch.rand(count, 1, 1) * torch.randn_like(z)
    lost = torch.rand_like(z) < 0.15 * torch.rand(count, 1, 1).square()
    lost |= _rectangle(count, 0.25)
    state = torch.where((state == RETURN) & (lost | (z.abs() > REACH_M)), NOTHING, state)
    state = torch.where(_cut(count), OUTSIDE, state)
    return torch.stack([torch.where(state == RETURN, z, 0.0), state], dim=1)


def _spoilt_cloud(clouds: Tensor) -> Tensor:
    lose = torch.rand(clouds.shape[:2]) < 0.8 * torch.rand(len(clouds), 1).square()
    clouds = clouds.masked_fill(lose[..., None], ABSENT_M)
    return clouds + 0.01 * torch.randn_like(clouds)


def _mirrored(joints: Tensor, flip: Tensor) -> Tensor:
    other = joints[:, MIRROR] * joints.new_tensor([1.0, -1.0, 1.0])
    return torch.where(flip[:, None, None], other, joints)


def _moved(z: Tensor, state: Tensor, step: Tensor, ahead: Tensor) -> tuple[Tensor, Tensor]:
    """Each patch moved by whole pixels and in depth; what comes in is outside of the image."""
    row = torch.arange(PATCH) - step[:, :1]
    column = torch.arange(PATCH) - step[:, 1:]
    inside = ((row >= 0) & (row < PATCH))[:, :, None] & ((column >= 0) & (column < PATCH))[:, None]
    index = row.clamp(0, PATCH - 1)[:, :, None] * PATCH + column.clamp(0, PATCH - 1)[:, None]
    z, state = (x.flatten(1).gather(1, index.flatten(1)).view_as(x) for x in (z, state))
    return z + ahead[:, None, None], torch.where(inside, state, OUTSIDE)


def _rectangle(count: int, share: float) -> Tensor:
    """A random rectangle in `share` of the patches, (B, PATCH, PATCH) bool."""
    sides = torch.rand(count, 2) / 3 * (torch.rand(count, 1) < share)
    corner = torch.rand(count, 2) * (1 - sides)
    place = torch.arange(PATCH) / PATCH
    v, u = (
        (place >= corner[:, i : i + 1]) & (place < (corner + sides)[:, i : i + 1]) for i in (0, 1)
    )
    return v[:, :, None] & u[:, None, :]


def _cut(count: int) -> Tensor:
    """What lies beyond a random line at one side, in a fifth of the patches."""
    place = torch.arange(PATCH).expand(count, PATCH)
    line = (PATCH * (0.45 + 0.55 * torch.rand(count, 1))).long()
    beyond = (place >= line) & (torch.rand(count, 1) < 0.2)
    side = torch.randint(4, (count, 1))
    below = torch.where(side == 0, beyond, torch.zeros_like(beyond))
    right = torch.where(side == 1, beyond, torch.where(side == 2, beyond.flip(1), False))
    above = torch.where(side == 3, beyond.flip(1), False)
    return (below | above)[:, :, None] | right[:, None, :]


CENTRED = {"depth": depth, "lidar": lidar}
