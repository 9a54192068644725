"""A fusion that always sees every modality: proxies stand in the slots of those that are absent.

After COMPASS (arXiv 2604.02056, 2026), which was measured on activities alone. Sizes are ours.
"""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor, nn

from pta_ros.errors import ConfigError
from pta_ros.model.baselines import shares
from pta_ros.model.config import PTAConfig
from pta_ros.model.heads import PTAOutput, answer
from pta_ros.model.projector import Projected, main_head


class Generator(nn.Module):
    """Proxy tokens of one modality from the tokens of another: (B, L, D) -> (B, L, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.mix = nn.TransformerEncoderLayer(
            dim, heads, 2 * dim, dropout=0.0, batch_first=True, norm_first=True
        )
        self.out = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of the source to tokens of the target."""
        proxy: Tensor = self.out(self.mix(tokens))
        return proxy


class ProxySlots(Projected):
    """One slot per modality, always filled; the slots are summed and the head follows.

    The slot of an absent modality holds the mean of its proxies, one from each available modality,
    each by a generator of its own.
    """

    def __init__(self, config: PTAConfig, heads: int = 4) -> None:
        super().__init__(config)
        if config.dim % heads:
            raise ConfigError(
                f"dim of the proxies' fusion is {config.dim}; expected a multiple of its {heads} "
                "heads: set widths.xfi"
            )
        self.generators = nn.ModuleDict(
            {
                f"{source}_{target}": Generator(config.dim, heads)
                for source, target in permutations(config.modalities, 2)
            }
        )
        self.head = main_head(config)

    def proxies(self, features: Tensor, wanted: Tensor) -> Tensor:
        """Proxies (B, M, M, L, D) of source, target; zero where `wanted` (B, M, M) is false.

        `features` (B, M, L, D) are the real ones; a modality is no proxy of itself.
        """
        names = self.config.modalities
        made = features.new_zeros(*wanted.shape, *features.shape[2:])
        for source, target in permutations(range(len(names)), 2):
            rows = wanted[:, source, target].nonzero(as_tuple=True)[0]
            if len(rows):
                generator = self.generators[f"{names[source]}_{names[target]}"]
                at = (rows, torch.full_like(rows, source), torch.full_like(rows, target))
                made = made.index_put(at, generator(features[rows, source]))
        return made

    def fuse(self, features: Tensor, proxies: Tensor, mask: Tensor) -> PTAOutput:
        """The output of `features` (B, M, L, D) where `mask` (B, M), else of their `proxies`."""
        weights = shares(mask).to(features.dtype)
        means = torch.einsum("bs,bstld->btld", weights, proxies)
        slots = torch.where(mask[..., None, None], features, means)
        return self.output(answer(self.head, slots.sum(dim=1)), mask, shares(mask))

    def complete(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """Projected features (B, M, L, D) and mask (B, M) to the output."""
        proxies = self.proxies(features, mask[:, :, None] & ~mask[:, None, :])
        return self.fuse(features, proxies, mask)
