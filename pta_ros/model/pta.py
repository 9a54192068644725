"""The PTA model: encode, project, refine, tell. No disk, no ROS, no globals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from pta_ros.errors import ConfigError
from pta_ros.model.align import Aligner
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import make_encoder
from pta_ros.model.heads import PTAOutput
from pta_ros.model.telling import Telling


class PTA(Telling):
    """Purify-then-Align over the modalities of `config`; a batch may mix available subsets."""

    refined: Tensor

    def __init__(self, config: PTAConfig) -> None:
        super().__init__(config)
        self.encoders = nn.ModuleDict(
            {
                m: make_encoder(config.encoders, m, config.channels, config.shapes.get(m, ()))
                for m in config.modalities
            }
        )
        self.aligner = _make_aligner(config)
        self.refine_by(config.refined)

    def forward(
        self,
        inputs: dict[str, Tensor],
        available: dict[str, Tensor] | None = None,
        refine: bool | None = None,
    ) -> PTAOutput:
        """Reduced frames (B, *shape) by modality -> PTAOutput.

        `available` (B,) bool by modality marks the rows that are real; without it every row of
        every given modality is. Rows marked absent are never read. `refine` None: as configured.
        Raises ConfigError for an unknown modality or a row with no modality at all.
        """
        mask = self.mask(inputs, available)
        return self.complete(self.features(self.encode(inputs, mask), inputs, mask), mask, refine)

    def complete(self, features: Tensor, mask: Tensor, refine: bool | None = None) -> PTAOutput:
        """From projected features (B, M, L, D) and mask (B, M) to the output; see forward."""
        finished = self.finish(features, mask, refine)
        if self.gate is None or not bool((mask.sum(dim=1) > 1).any()):
            return self.predict(finished, self.heard(mask))
        return self.predict_all(features, finished, mask)[0]

    def complete_each(
        self, features: Tensor, mask: Tensor, refine: bool | None = None
    ) -> tuple[PTAOutput, PTAOutput, Tensor]:
        """As `complete`, and what each modality says alone: only fusion and heads have more rows.

        The second output has a row for each true entry of `mask` (B, M), whose places (n, 2) come
        with it.
        """
        finished = self.finish(features, mask, refine)
        whole, each = self.predict_all(features, finished, mask)
        return whole, PTAOutput(*(part[mask.flatten()] for part in each)), mask.nonzero()

    def finish(self, features: Tensor, mask: Tensor, refine: bool | None = None) -> Tensor:
        """Features (B, M, L, D) as they are fused: refined ones, or as they were projected."""
        refines = self.config.refine if refine is None else refine
        return self.align(features, mask) if refines else features

    def shown_alone(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What each modality of features (B, M, L, D) shows the gate; see `shown`."""
        return self.shown(self.alone(self.finish(features, mask)), mask.shape)

    def align(self, features: Tensor, mask: Tensor) -> Tensor:
        """Refined features (B, M, L, D) of projected ones; rows that are absent hold zero."""
        tokens = self.tokens(features)
        refined = torch.zeros_like(tokens)
        for aligner, students in self.students(mask):
            refined = refined + scatter_rows(aligner(tokens[students]), students)
        return self.toward(features, refined)

    def refine_by(self, shares: dict[str, float]) -> None:
        """From now on move features so far to refined ones; as `refined` of the configuration."""
        self.config = replace(self.config, refined=shares)
        each = torch.tensor([float(shares.get(m, 1.0)) for m in self.config.modalities])
        self.register_buffer("refined", each.to(self.purify.logits.device), persistent=False)

    def toward(self, features: Tensor, refined: Tensor) -> Tensor:
        """Features (B, M, L, D), moved to refined ones by each modality's share."""
        moved = torch.lerp(self.tokens(features), refined, self.refined[:, None, None])
        rest = features[:, :, moved.shape[2] :]
        return torch.cat([moved, rest], dim=2) if rest.shape[2] else moved

    def students(self, mask: Tensor) -> Iterator[tuple[Aligner, Tensor]]:
        """Every alignment module that has something to do, with its part (B, M) of `mask`.

        The release fills the slot of an absent modality with the weighted mean of the others,
        which leaves the weighted sum as it is; here the slot is left out.
        """
        mask = mask & (self.refined > 0)
        if not isinstance(self.aligner, nn.ModuleDict):
            if bool(mask.any()):
                yield self.aligner, mask
            return
        for i, aligner in enumerate(self.aligner.values()):
            own = torch.zeros_like(mask)
            own[:, i] = mask[:, i]
            if bool(own.any()):
                yield cast(Aligner, aligner), own

    def encode_one(self, modality: str, x: Tensor) -> Tensor:
        """Projected features (B, L, D) of reduced frames (B, *shape) of one modality."""
        return self.project(modality, self.encoders[modality](x), x)

    def mask(self, inputs: dict[str, Tensor], available: dict[str, Tensor] | None) -> Tensor:
        """Which rows are real, (B, M) bool in the order of config.modalities."""
        unknown = sorted(set(inputs) - set(self.config.modalities))
        if unknown or not inputs:
            raise ConfigError(
                f"inputs are {sorted(inputs)}; expected some of {list(self.config.modalities)}"
            )
        some = next(iter(inputs.values()))
        columns = []
        for modality in self.config.modalities:
            column = torch.zeros(len(some), dtype=torch.bool, device=some.device)
            if modality in inputs:
                column = ~column if available is None else available[modality].to(column)
            columns.append(column)
        mask = torch.stack(columns, dim=1)
        if not bool(mask.any(dim=1).all()):
            raise ConfigError("a sample has no modality at all; expected at least one per sample")
        return mask

    def encode(self, inputs: dict[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        """Encoder tokens of the available rows: modality -> (rows, L_m, C)."""
        return {
            m: self.encoders[m](inputs[m][mask[:, i]])
            for i, m in enumerate(self.config.modalities)
            if m in inputs and bool(mask[:, i].any())
        }


def _make_aligner(config: PTAConfig) -> Aligner | nn.ModuleDict:
    """One alignment module for all modalities, or one for each by name."""

    def make() -> Aligner:
        return Aligner(config.tokens, config.dim, config.latent, config.diffusion)

    if config.diffusion.shared:
        return make()
    return nn.ModuleDict({m: make() for m in config.modalities})


def scatter_rows(rows: Tensor, mask: Tensor) -> Tensor:
    """Put (n, L, D) rows back where `mask` (B, M) is true: (B, M, L, D), zero elsewhere."""
    out = rows.new_zeros(*mask.shape, *rows.shape[1:])
    return out.index_put(mask.nonzero(as_tuple=True), rows)
