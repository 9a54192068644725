"""Task heads on fused features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pta_ros.model.purify import subset_number


class PTAOutput(NamedTuple):
    """Joints (B, J, 3) metres, log of the per-axis deviation (B, J), weights (B, M).

    The modalities' order is that of config.modalities. `logits` (B, K) are of the activity's
    classes. Without the task pose J is 0, without the task activity K is; but a model of centred
    readings has one, of somebody's presence.
    """

    joints: Tensor
    log_std: Tensor
    weights: Tensor
    logits: Tensor


class MixerBlock(nn.Module):
    """Mixes tokens, then channels, each with a shortcut (Tolstikhin et al., 2021): (B, L, D)."""

    def __init__(self, tokens: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(dim)
        self.token = nn.Sequential(
            nn.Linear(tokens, 4 * tokens),
            nn.GELU(),
            nn.Linear(4 * tokens, tokens),
            nn.Dropout(dropout),
        )
        self.channel = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim),
            nn.Dropout(dropout),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        x = x + self.token(self.token_norm(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.channel(x)
        return out


class PoseHead(nn.Module):
    """Joint positions and their uncertainty: mean over tokens, LayerNorm, linear.

    `mixers` blocks before the mean look at the `tokens` together (beyond the paper).
    """

    def __init__(
        self, dim: int, joints: int, tokens: int = 0, mixers: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.mix = nn.Sequential(*(MixerBlock(tokens, dim, dropout) for _ in range(mixers)))
        self.norm = nn.LayerNorm(dim)
        self.position = nn.Linear(dim, joints * 3)
        self.spread = nn.Linear(dim, joints)

    @torch.no_grad()
    def start_at(self, mean_pose: Tensor) -> None:
        """Begin at `mean_pose` (J, 3), metres, so that only deviations from it are learned."""
        self.position.weight.zero_()
        self.position.bias.copy_(mean_pose.flatten())

    def forward(self, fused: Tensor) -> tuple[Tensor, ...]:
        """`fused` (B, L, D) -> joints (B, J, 3) metres, log of the per-axis deviation (B, J)."""
        pooled = self.norm(self.mix(fused).mean(dim=1))
        # Detached: the uncertainty's loss must not move the joints.
        return self.position(pooled).unflatten(1, (-1, 3)), self.spread(pooled.detach())


class JointHead(PoseHead):
    """A pose head for features with one token per joint: each joint is read from its own token.

    It says, too, whether anybody is there at all.
    """

    def __init__(
        self, dim: int, joints: int, tokens: int = 0, mixers: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__(dim, joints, tokens, mixers, dropout)
        self.presence = nn.Linear(dim, 1)

    def forward(self, fused: Tensor) -> tuple[Tensor, ...]:
        """`fused` (B, J, D) -> joints and log_std as in PoseHead, logit (B, 1) of presence."""
        tokens = self.norm(self.mix(fused))
        weight = self.position.weight.unflatten(0, (-1, 3))  # (J, 3, D)
        joints = torch.einsum("bjd,jcd->bjc", tokens, weight) + self.position.bias.unflatten(
            0, (-1, 3)
        )
        # Detached: the uncertainty's loss must not move the joints.
        spread = (tokens.detach() * self.spread.weight).sum(dim=-1) + self.spread.bias
        return joints, spread, self.presence(tokens.mean(dim=1))


class ActivityHead(nn.Module):
    """Scores of the activity's classes: mean over tokens, LayerNorm, linear."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.score = nn.Linear(dim, classes)

    def forward(self, fused: Tensor) -> Tensor:
        """`fused` (B, L, D) -> logits (B, K)."""
        logits: Tensor = self.score(self.norm(fused.mean(dim=1)))
        return logits


class Answer(NamedTuple):
    """A head's result, as in PTAOutput."""

    joints: Tensor
    log_std: Tensor
    logits: Tensor


def answer(head: nn.Module, fused: Tensor) -> Answer:
    """Run a PoseHead or an ActivityHead, traced or not, on `fused` (B, L, D)."""
    result = head(fused)
    if isinstance(result, tuple):
        joints, log_std, *presence = result
        return Answer(joints, log_std, *(presence or [fused.new_zeros(len(fused), 0)]))
    return Answer(fused.new_zeros(len(fused), 0, 3), fused.new_zeros(len(fused), 0), result)


class Calibration(nn.Module):
    """Factors of the predicted deviations, one per subset of the modalities and joint.

    They are fitted on validation data (training/fit.py); until then they are 1.
    """

    log_factor: Tensor

    def __init__(self, modalities: int, joints: int) -> None:
        super().__init__()
        self.register_buffer("log_factor", torch.zeros(2**modalities, joints))

    def forward(self, log_std: Tensor, mask: Tensor) -> Tensor:
        """`log_std` (B, J) of estimates from the modalities in `mask` (B, M), calibrated."""
        return log_std + self.log_factor[subset_number(mask)]
