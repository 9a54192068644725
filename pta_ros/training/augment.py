"""Random changes of single-modality batches while an encoder is trained.

Each takes inputs and joints (B, J, 3) in the camera frame and returns both, changed alike. Those of
XRF55's sensors do not change the activity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pta_ros.skeleton import JOINT_NAMES

#: For every joint the index of its mirror image.
MIRROR = [
    JOINT_NAMES.index(n.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right"))
    for n in JOINT_NAMES
]

Pair = tuple[Tensor, Tensor]


def mirror_joints(joints: Tensor) -> Tensor:
    """The mirrored body: x negated, left and right exchanged."""
    return joints[:, MIRROR] * joints.new_tensor([-1.0, 1.0, 1.0])


def either_side(deviation: Tensor) -> Tensor:
    """Deviations (B, J) or none, of joints that may have been mirrored: the larger of a pair."""
    return deviation.maximum(deviation[:, MIRROR]) if len(deviation) else deviation


def depth(images: Tensor, joints: Tensor) -> Pair:
    """Mirror half of the batch; hide a random rectangle; lose random pixels; add range noise."""
    flip = torch.rand(len(images)) < 0.5
    images = torch.where(flip[:, None, None], images.flip(2), images)
    joints = torch.where(flip[:, None, None], mirror_joints(joints), joints)
    return _spoilt_images(images), joints


def _spoilt_images(images: Tensor) -> Tensor:
    """Lose random pixels, add range noise, hide a random rectangle."""
    lost = torch.rand(images.shape) < 0.05 * torch.rand(len(images), 1, 1)
    images = images + torch.randn(images.shape) * 0.01 * (images > 0)
    return images.masked_fill(lost | _rectangle(images), 0.0)


def _rectangle(images: Tensor) -> Tensor:
    """A random rectangle per image, up to a third of each side, in a fifth of the images."""
    count, height, width = images.shape
    sides = torch.rand(count, 2) / 3 * (torch.rand(count, 1) < 0.2)
    corner = torch.rand(count, 2) * (1 - sides)
    v = torch.arange(height) / height
    u = torch.arange(width) / width
    inside_v = (v >= corner[:, :1]) & (v < corner[:, :1] + sides[:, :1])
    inside_u = (u >= corner[:, 1:]) & (u < corner[:, 1:] + sides[:, 1:])
    return inside_v[:, :, None] & inside_u[:, None, :]


def lidar(points: Tensor, joints: Tensor) -> Pair:
    """Mirror, shift up to 0.3 m on the floor, replace a random share of the points by others."""
    flip = torch.rand(len(points)) < 0.5
    mirrored = points * points.new_tensor([1.0, -1.0, 1.0])
    points = torch.where(flip[:, None, None], mirrored, points)
    joints = torch.where(flip[:, None, None], mirror_joints(joints), joints)
    shift = (torch.rand(len(points), 1, 2) - 0.5) * 0.6  # forward, left
    points = points + torch.nn.functional.pad(shift, (0, 1))
    zero = torch.zeros_like(shift[..., :1])
    joints = joints + torch.cat([-shift[..., 1:], zero, shift[..., :1]], dim=-1)
    return _spoilt_cloud(points), joints


def _spoilt_cloud(points: Tensor) -> Tensor:
    """Replace a random share of the points by others; add range noise."""
    other = torch.randint(points.shape[1], points.shape[:2])
    kept = torch.arange(points.shape[1]).expand(other.shape)
    lose = torch.rand(points.shape[:2]) < 0.4 * torch.rand(len(points), 1)
    source = torch.where(lose, other, kept)
    points = points.gather(1, source[..., None].expand(points.shape))
    return points + torch.randn(points.shape) * 0.01


def csi(amplitude: Tensor, joints: Tensor) -> Pair:
    """Receiver noise of one hundredth of the frame's range."""
    return amplitude + torch.randn(amplitude.shape) * 0.01, joints


def radar(maps: Tensor, joints: Tensor) -> Pair:
    """Roll in time; move up to two rows nearer or farther; noise of a fifth of the deviation."""
    maps = _rolled(maps, 1, maps.shape[1])
    maps = _rolled(maps, 2, 3)
    return maps + 0.2 * torch.randn(maps.shape), joints


def wifi(change: Tensor, joints: Tensor) -> Pair:
    """Roll in time; scale every link; receiver noise."""
    change = _rolled(change, 2, change.shape[2])
    scale = 1 + 0.2 * torch.randn(*change.shape[:2], 1)
    return change * scale + 0.02 * torch.randn(change.shape), joints


def rfid(phases: Tensor, joints: Tensor) -> Pair:
    """Roll in time; phase noise; lose a tenth of the tags."""
    phases = _rolled(phases, 2, phases.shape[2])
    lost = torch.rand(*phases.shape[:2], 1) < 0.1
    return (phases + 0.1 * torch.randn(phases.shape)).masked_fill(lost, 0.0), joints


def _rolled(x: Tensor, axis: int, most: int) -> Tensor:
    """Each row rolled along `axis` by less than `most` either way."""
    shifts = torch.randint(-most + 1, most, (len(x),))
    place = (torch.arange(x.shape[axis]) - shifts[:, None]) % x.shape[axis]
    shape = [len(x)] + [1] * (x.dim() - 1)
    shape[axis] = x.shape[axis]
    return x.gather(axis, place.view(shape).expand(x.shape))


def unchanged(x: Tensor, joints: Tensor) -> Pair:
    """A sensor without an augmentation of its own: as it is."""
    return x, joints


AUGMENT: dict[str, Callable[[Tensor, Tensor], Pair]] = {
    "depth": depth,
    "lidar": lidar,
    "csi": csi,
    "radar": radar,
    "wifi": wifi,
    "rfid": rfid,
}

#: The mirror images of sensors that have one, and changes of those that move nobody.
_MIRRORED = {"depth": lambda x: x.flip(2), "lidar": lambda x: x * x.new_tensor([1.0, -1.0, 1.0])}
_SPOILT = {"depth": _spoilt_images, "lidar": _spoilt_cloud}


def at_once(
    inputs: Mapping[str, Tensor], joints: Tensor, there: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], Tensor, dict[str, Tensor]]:
    """Frames (B, *shape) of several sensors at the same instants, changed alike, and their joints.

    A third of the instants of which depth camera or LiDAR are `there` (B,) are mirrored; sensors
    without a mirror image are not there then. Nobody is moved, as not all sensors could follow.
    """
    flip = torch.zeros(len(joints), dtype=torch.bool)
    if joints.shape[1]:
        seen = [there[m] for m in _MIRRORED if m in there]
        flip = torch.stack(seen).any(dim=0) & (torch.rand(len(joints)) < 1 / 3)
        joints = torch.where(flip[:, None, None], mirror_joints(joints), joints)
    changed, kept = {}, {}
    for modality, x in inputs.items():
        kept[modality] = there[modality]
        if modality in _MIRRORED:
            x = torch.where(flip[:, None, None], _MIRRORED[modality](x), x)
            changed[modality] = _SPOILT[modality](x)
        else:
            kept[modality] = kept[modality] & ~flip
            changed[modality] = AUGMENT.get(modality, unchanged)(x, joints)[0]
    return changed, joints, kept
