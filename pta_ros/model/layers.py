"""Convolutions along the token axis, token-major.

A 1x1 convolution is a matrix product over the channels of every token. Kept token-major, (B, L, C),
it is one call into the BLAS, where Conv1d at batch 1 on a CPU takes a slow path of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TokenConv(nn.Linear):
    """Convolution over the token axis with zero padding: (B, L, C_in) -> (B, L, C_out)."""

    def __init__(self, inside: int, outside: int, width: int = 1) -> None:
        super().__init__(inside * width, outside)
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C_in) -> (B, L, C_out)."""
        if self.width > 1:
            padded = nn.functional.pad(x, (0, 0, self.width // 2, self.width // 2))
            x = torch.cat([padded[:, i : i + x.shape[1]] for i in range(self.width)], dim=2)
        return super().forward(x)


class TokenNorm(nn.BatchNorm1d):
    """Batch norm of every channel over batch and tokens: (B, L, C) -> (B, L, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return super().forward(x.flatten(0, 1)).view_as(x)
