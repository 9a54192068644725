"""Systems that PTA is compared with, on the same projected features of the same encoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.heads import Answer, PTAOutput, answer
from pta_ros.model.projector import Projected, main_head
from pta_ros.model.purify import fuse


def shares(mask: Tensor) -> Tensor:
    """Equal weights over what is available: (B, M) bool -> (B, M), rows sum to 1."""
    return mask / mask.sum(dim=1, keepdim=True)


class ConcatenateMlp(Projected):
    """Base.1: features pooled over tokens, concatenated, a perceptron, the head.

    A modality that is absent is replaced by a learned vector of its own.
    """

    def __init__(self, config: PTAConfig) -> None:
        super().__init__(config)
        count = len(config.modalities)
        self.absent = nn.Parameter(torch.zeros(count, config.dim))
        self.mlp = nn.Sequential(
            nn.Linear(count * config.dim, 2 * config.dim),
            nn.ReLU(),
            nn.Linear(2 * config.dim, config.dim),
        )
        self.head = main_head(config)

    def complete(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """Projected features (B, M, L, D) and mask (B, M) to the output."""
        pooled = torch.where(mask[..., None], features.mean(dim=2), self.absent)
        result = answer(self.head, self.mlp(pooled.flatten(1))[:, None])
        return self.output(result, mask, shares(mask))


class MeanOfPredictions(Projected):
    """Base.2: the mean of the single-modality models' joints and variances, or probabilities.

    Trained together by mutual learning (training/activity.py), they are XRF55's own system.
    """

    def __init__(self, config: PTAConfig) -> None:
        super().__init__(config)
        # Its projections are those of the single-modality models, which have no positional code.
        self.position = None
        self.heads = nn.ModuleDict({m: main_head(config) for m in config.modalities})

    def each(self, features: Tensor) -> list[Answer]:
        """The result of every modality's own model on projected features (B, M, L, D)."""
        return [answer(head, features[:, i]) for i, head in enumerate(self.heads.values())]

    def complete(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """Projected features (B, M, L, D) and mask (B, M) to the output."""
        each, weights = self.each(features), shares(mask)
        joints = fuse(torch.stack([result.joints for result in each], dim=1), weights)
        variance = fuse(
            torch.stack([(2 * result.log_std).exp() for result in each], dim=1), weights
        )
        chances = fuse(
            torch.stack([result.logits.softmax(dim=1) for result in each], dim=1), weights
        )
        return self.output(Answer(joints, 0.5 * variance.log(), chances.log()), mask, weights)


class XFi(Projected):
    """X-Fi's fusion (Chen et al., 2025): a cross-modal transformer and key/value attention.

    A transformer over the tokens of all available modalities gives an embedding of L tokens, which
    then attends, in `depth` blocks, to keys and values that each modality projects by itself.
    """

    def __init__(self, config: PTAConfig, depth: int = 4, heads: int = 4) -> None:
        super().__init__(config)
        dim = config.dim
        if dim % heads:
            raise ConfigError(
                f"dim of X-Fi's fusion is {dim}; expected a multiple of its {heads} heads: "
                "set widths.xfi"
            )
        self.kind = nn.Parameter(torch.randn(len(config.modalities), 1, dim) * 0.02)
        layer = nn.TransformerEncoderLayer(
            dim, heads, 2 * dim, dropout=0.0, batch_first=True, norm_first=True
        )
        self.mix = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.key_value = nn.ModuleDict({m: nn.Linear(dim, 2 * dim) for m in config.modalities})
        self.blocks = nn.ModuleList(CrossBlock(dim, heads) for _ in range(depth))
        self.head = main_head(config)

    def complete(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """Projected features (B, M, L, D) and mask (B, M) to the output."""
        length = features.shape[2]
        missing = (~mask).repeat_interleave(length, dim=1)
        mixed = self.mix((features + self.kind).flatten(1, 2), src_key_padding_mask=missing)
        x = torch.einsum("bmld,bm->bld", mixed.unflatten(1, (-1, length)), shares(mask))
        pairs = [
            project(features[:, i]).chunk(2, dim=-1)
            for i, project in enumerate(self.key_value.values())
        ]
        keys, values = (torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
        for block in self.blocks:
            x = block(x, keys, values, missing)
        return self.output(answer(self.head, x), mask, shares(mask))


class CrossBlock(nn.Module):
    """Attention of an embedding to given keys and values, then a perceptron; both residual."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attend = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, missing: Tensor) -> Tensor:
        """`x` (B, L, D), keys and values (B, S, D), `missing` (B, S) bool -> (B, L, D)."""
        seen, _ = self.attend(
            self.norm(x), keys, values, key_padding_mask=missing, need_weights=False
        )
        x = x + seen
        out: Tensor = x + self.mlp(x)
        return out
