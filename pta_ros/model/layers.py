"""Convolutions along the token axis, token-major.

A 1x1 convolution is a matrix product over the channels of every token. Kept token-major, (B, L, C),
it is one call into the BLAS, where Conv1d at batch 1 on a CPU takes a slow path of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

#: Squares below are none: their root has no gradient.
_LEAST_SQUARE = 1e-30


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
    """Batch norm of every channel over batch and tokens: (B, L, C) -> (B, L, C).

    Where W processes share a batch, `join` gathers a row (1, n) of each: (W, n). The statistics
    are then those of the whole batch (torch's SyncBatchNorm needs a GPU).
    """

    join: Callable[[Tensor], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out; with `join`, B may be 0 in some of the processes."""
        rows = x.flatten(0, 1)
        if not self.training:
            # Copies: the gradient reads them again, and by then the originals may have moved.
            mean = self.running_mean.clone()  # type: ignore[union-attr]
            variance = self.running_var.clone()  # type: ignore[union-attr]
            normed = nn.functional.batch_norm(
                rows, mean, variance, self.weight, self.bias, eps=self.eps
            )
        elif self.join is None:
            normed = super().forward(rows)
        else:
            mean, variance = self._of_all(rows, self.join)
            normed = (rows - mean) * (variance + self.eps).rsqrt() * self.weight + self.bias
        return normed.view_as(x)

    def _of_all(self, rows: Tensor, join: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) over all processes' rows (n, C); the running ones follow."""
        own_mean = rows.sum(dim=0) / max(len(rows), 1)
        own = [rows.new_tensor([len(rows)]), own_mean, (rows - own_mean).square().sum(dim=0)]
        count, means, squares = join(torch.cat(own)[None]).split([1, *2 * rows.shape[1:]], dim=1)
        total = count.sum()
        mean = (count * means).sum(dim=0) / total
        variance = (squares + count * (means - mean).square()).sum(dim=0) / total
        with torch.no_grad():
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
            unbiased = variance * total / (total - 1)
            self.running_var.lerp_(unbiased, self.momentum)  # type: ignore[union-attr, arg-type]
        return mean, variance


def deviation(x: Tensor, dim: int) -> Tensor:
    """Standard deviation along `dim` (n - 1; 0 of a single value), by sums: ten times as fast as
    torch's, which takes value by value. Where nothing deviates its gradient is zero."""
    count = max(1, x.shape[dim] - 1)
    square = (x - x.mean(dim=dim, keepdim=True)).square().sum(dim=dim) / count
    return square.clamp(min=_LEAST_SQUARE).sqrt()
