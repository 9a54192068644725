"""What each subset of the sensors is settled to say (beyond the paper)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.model.purify import subset_number


class Settled(nn.Module):
    """Which sensors of a subset are heard, and how far its poses are drawn to the mean pose.

    `heard` (2**M, M) bool has for each subset those whose features are used: a poor sensor that
    makes a better one worse is not. `kept` (2**M, 2) are the shares of a pose's deviation from
    `mean_pose` (J, 3), metres, that are kept: of its centre, and of its joints about the centre.
    A weak sensor's poses deviate more than they are right; less is nearer the truth (James and
    Stein, 1961). training/settle.py chooses both; until then all are heard and all is kept.
    """

    heard: Tensor
    kept: Tensor
    mean_pose: Tensor

    def __init__(self, modalities: int, joints: int) -> None:
        super().__init__()
        self.register_buffer("heard", torch.zeros(2**modalities, modalities, dtype=torch.bool))
        self.register_buffer("kept", torch.zeros(2**modalities, 2))
        self.register_buffer("mean_pose", torch.zeros(joints, 3))
        self.reset()

    def reset(self) -> None:
        """Hear everything and keep everything, as before any choice."""
        subsets, modalities = (torch.arange(size) for size in self.heard.shape)
        self.heard.copy_((subsets[:, None] >> modalities) & 1)
        self.kept.fill_(1.0)

    def draw(self, joints: Tensor, mask: Tensor) -> Tensor:
        """Joints (B, J, 3), metres, drawn to the mean pose as their subset `mask` (B, M) says."""
        centre, posture = self.kept[subset_number(mask)][..., None, None].unbind(dim=1)
        return drawn(joints, self.mean_pose, centre, posture)


def drawn(
    joints: Tensor, mean_pose: Tensor, centre: float | Tensor, posture: float | Tensor
) -> Tensor:
    """Joints (B, J, 3) with shares of their deviation from the mean pose; see Settled."""
    away = joints - mean_pose
    shift = away.mean(dim=1, keepdim=True)
    return mean_pose + centre * shift + posture * (away - shift)
