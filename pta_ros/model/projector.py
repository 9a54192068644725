"""Projection P_m of one encoder's tokens to the shape all modalities share (method, Symbols)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.heads import ActivityHead, Answer, Calibration, JointHead, PoseHead, PTAOutput
from pta_ros.model.layers import TokenConv, TokenNorm


class Projector(nn.Module):
    """(B, L_m, C) -> (B, L, D): 1x1 convolution, batch norm, ReLU, linear over tokens, ReLU."""

    def __init__(
        self, in_tokens: int, channels: int, tokens: int, dim: int, joint_tokens: bool = False
    ) -> None:
        super().__init__()
        self.channel = nn.Sequential(TokenConv(channels, dim), TokenNorm(dim), nn.ReLU())
        self.token = nn.Linear(in_tokens, tokens)
        if joint_tokens:  # each begins as its own
            nn.init.eye_(self.token.weight)
            nn.init.zeros_(self.token.bias)

    def forward(self, encoded: Tensor) -> Tensor:
        """`encoded` (B, L_m, C) -> features (B, L, D)."""
        x: Tensor = self.channel(encoded)
        return self.token(x.transpose(1, 2)).relu().transpose(1, 2)


class PositionalCode(nn.Sequential):
    """Coordinates of sampled points (B, L, 3), metres, as a code (B, L, D): 3 -> 128 -> D."""

    def __init__(self, dim: int) -> None:
        super().__init__(TokenConv(3, 128), nn.ReLU(), TokenConv(128, dim))


class Projected(nn.Module):
    """The first part of every compared system: encoder tokens in one shape, (B, M, L, D)."""

    def __init__(self, config: PTAConfig) -> None:
        super().__init__()
        self.config = config
        self.projectors = nn.ModuleDict(
            {
                m: Projector(
                    token_count(config.encoders, m),
                    config.channels,
                    config.tokens,
                    config.dim,
                    config.joint_tokens,
                )
                for m in config.modalities
            }
        )
        positioned = "lidar" in config.modalities and not config.joint_tokens
        self.position = PositionalCode(config.dim) if positioned else None
        self.calibration = Calibration(len(config.modalities), config.output_joints)
        #: Of one modality's features: (L, D).
        self.feature_shape = (config.tokens, config.dim)

    def features(
        self, tokens: Mapping[str, Tensor], inputs: Mapping[str, Tensor], mask: Tensor
    ) -> Tensor:
        """Projected features F (B, M, L, D) of encoder tokens; rows that are absent hold zero.

        `tokens` hold the available rows, modality -> (rows, L_m, C); `mask` (B, M) bool marks them.
        The LiDAR's points in `inputs` (B, >= L, 3) give its positional code.
        """
        columns = []
        some = next(iter(tokens.values()))
        absent = some.new_zeros(len(mask), *self.feature_shape)
        for i, modality in enumerate(self.config.modalities):
            column = absent
            if modality in tokens:
                real = mask[:, i]
                points = inputs[modality][real] if modality in inputs else tokens[modality]
                rows = self.project(modality, tokens[modality], points)
                if len(rows) < len(mask):
                    rows = absent.index_put((real.nonzero(as_tuple=True)[0],), rows)
                column = rows
            columns.append(column)
        return torch.stack(columns, dim=1)

    def complete(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """From projected features (B, M, L, D) and mask (B, M) to the output."""
        raise NotImplementedError

    def output(self, result: Answer, mask: Tensor, weights: Tensor) -> PTAOutput:
        """The model's output from a head's result; deviations calibrated for `mask` (B, M)."""
        log_std = self.calibration(result.log_std, mask)
        return PTAOutput(result.joints, log_std, weights, result.logits)

    def project(self, modality: str, tokens: Tensor, x: Tensor) -> Tensor:
        """Features (B, L, D) of one modality's tokens (B, L_m, C) and reduced frames `x`."""
        rows: Tensor = self.projectors[modality](tokens)
        if modality == "lidar" and self.position is not None:
            code = self.position(x[:, : self.config.tokens])
            rows = rows + pad(code, (0, 0, 0, rows.shape[1] - code.shape[1]))
        return rows


def main_head(config: PTAConfig, mixers: int = 0) -> PoseHead | ActivityHead:
    """The head of the model's first task; raises ConfigError for activities without names.

    `mixers`: blocks of a pose head.
    """
    if config.tasks[0] == "pose":
        head = JointHead if config.joint_tokens else PoseHead
        return head(config.dim, config.joints, config.tokens, mixers, config.dropout)
    return activity_head(config)


def activity_head(config: PTAConfig) -> ActivityHead:
    """A head over the model's classes; raises ConfigError when none are named."""
    if len(config.classes) < 2:
        raise ConfigError(f"classes are {list(config.classes)}; expected the names of 2 or more")
    return ActivityHead(config.dim, len(config.classes))
