"""Projection P_m of one encoder's tokens to the shape all modalities share (method, Symbols)."""

from __future__ import annotations

from torch import Tensor, nn

from pta_ros.model.layers import TokenConv, TokenNorm


class Projector(nn.Module):
    """(B, L_m, C) -> (B, L, D): 1x1 convolution, batch norm, ReLU, linear over tokens, ReLU."""

    def __init__(self, in_tokens: int, channels: int, tokens: int, dim: int) -> None:
        super().__init__()
        self.channel = nn.Sequential(TokenConv(channels, dim), TokenNorm(dim), nn.ReLU())
        self.token = nn.Linear(in_tokens, tokens)

    def forward(self, encoded: Tensor) -> Tensor:
        """`encoded` (B, L_m, C) -> features (B, L, D)."""
        x: Tensor = self.channel(encoded)
        return self.token(x.transpose(1, 2)).relu().transpose(1, 2)


class PositionalCode(nn.Sequential):
    """Coordinates of sampled points (B, L, 3), metres, as a code (B, L, D): 3 -> 128 -> D."""

    def __init__(self, dim: int) -> None:
        super().__init__(TokenConv(3, 128), nn.ReLU(), TokenConv(128, dim))
