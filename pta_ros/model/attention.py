"""Attention over the tokens of all modalities, weighted by purify (beyond the paper)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from pta_ros.errors import ConfigError
from pta_ros.model.purify import fuse_sets

HEADS = 4


class WeightedAttention(nn.Module):
    """A fusion that starts as the weighted sum and looks, block by block, at all tokens.

    The queries are the L tokens of the sum, the keys the M * L tokens of the modalities. Each key's
    logit has the log of its modality's weight added, so that the shares of attention are the
    meta-learned weights wherever the content says nothing. What weighs nothing is not seen at all.
    The last layers begin at zero: before any training the result is the sum (Eq. 5).
    """

    def __init__(self, dim: int, blocks: int, dropout: float) -> None:
        super().__init__()
        if dim % HEADS:
            raise ConfigError(
                f"dim is {dim} with attention {blocks}; expected a multiple of its {HEADS} heads"
            )
        self.norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(WeightedBlock(dim, dropout) for _ in range(blocks))

    def forward(self, features: Tensor, weights: Tensor, log_weights: Tensor) -> Tensor:
        """Features (B, M, L, D) fused for R sets of weights (B, R, M): (B, R, L, D).

        `log_weights` are their logs, -inf where 0. All sets share the keys.
        """
        length = features.shape[2]
        x = fuse_sets(features, weights).flatten(1, 2)
        tokens = self.norm(features).flatten(1, 2)
        bias = log_weights[:, :, None, :, None].expand(-1, -1, length, -1, length)
        bias = bias.flatten(3, 4).flatten(1, 2)[:, None]
        for block in self.blocks:
            x = block(x, tokens, bias)
        return x.unflatten(1, (-1, length))


class WeightedBlock(nn.Module):
    """Attention of some tokens to given ones, logits shifted, then a perceptron; both residual."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.seen = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout))
        self.channel = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim),
            nn.Dropout(dropout),
        )  # fmt: skip
        for last in (self.seen[0], self.channel[3]):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        """`x` (B, Q, D), tokens (B, S, D), bias (B, 1, Q, S) of the logits -> (B, Q, D)."""
        query = _heads(self.query(self.norm(x)))
        key, value = (_heads(part) for part in self.key_value(tokens).chunk(2, dim=-1))
        seen = scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = x + self.seen(seen.transpose(1, 2).flatten(2))
        out: Tensor = x + self.channel(x)
        return out


def _heads(x: Tensor) -> Tensor:
    """(B, S, D) -> (B, heads, S, D / heads)."""
    return x.unflatten(2, (HEADS, -1)).transpose(1, 2)
