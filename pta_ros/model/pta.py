"""The PTA model: encode, project, purify, refine, fuse, predict. No disk, no ROS, no globals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from pta_ros.errors import ConfigError
from pta_ros.model.align import Aligner
from pta_ros.model.attention import WeightedAttention
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import make_encoder
from pta_ros.model.heads import ActivityHead, PTAOutput, answer
from pta_ros.model.projector import Projected, activity_head, main_head
from pta_ros.model.purify import ModalityWeights, ReliabilityGate, fuse


class PTA(Projected):
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
        self.purify = ModalityWeights(len(config.modalities))
        self.aligner = _make_aligner(config)
        self.leave_plain(config.unrefined)
        blocks = config.attention
        self.attention = WeightedAttention(config.dim, blocks, config.dropout) if blocks else None
        self.head = main_head(config, config.mixers)
        self.own = _make_own(config, self.head) if config.own_heads else None
        self.activity = activity_head(config) if config.tasks[1:] else None
        self.gate = _make_gate(config) if config.gate else None

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
        mask = self.trusted(features, mask)
        if self.config.refine if refine is None else refine:
            features = self.align(features, mask)
        return self.predict(features, mask)

    def complete_each(
        self, features: Tensor, mask: Tensor, refine: bool | None = None
    ) -> tuple[PTAOutput, PTAOutput, Tensor]:
        """As `complete`, and what each modality says alone: only fusion and heads have more rows.

        The second output has a row for each true entry of `mask` (B, M), whose places (n, 2) come
        with it.
        """
        together = self.trusted(features, mask)
        if self.config.refine if refine is None else refine:
            features = self.align(features, mask)
        places = mask.nonzero()
        alone = torch.nn.functional.one_hot(places[:, 1], mask.shape[1]).bool()
        rows = torch.cat([features, features[places[:, 0]]])
        output = self.predict(rows, torch.cat([together, alone]))
        whole = PTAOutput(*(part[: len(mask)] for part in output))
        return whole, PTAOutput(*(part[len(mask) :] for part in output)), places

    def align(self, features: Tensor, mask: Tensor) -> Tensor:
        """Refined features (B, M, L, D) of projected ones; rows that are absent hold zero."""
        refined = self.unrefined(features)
        for aligner, students in self.students(mask):
            refined = refined + scatter_rows(aligner(features[students]), students)
        return refined

    def leave_plain(self, modalities: tuple[str, ...]) -> None:
        """From now on refine the features of all modalities but these; ConfigError: unknown."""
        self.config = replace(self.config, unrefined=modalities)
        refined = torch.tensor([m not in modalities for m in self.config.modalities])
        self.register_buffer("refined", refined, persistent=False)

    def unrefined(self, features: Tensor) -> Tensor:
        """Features (B, M, L, D) of the modalities that stay plain; zero for all others."""
        return features.masked_fill(self.refined[:, None, None], 0.0)

    def students(self, mask: Tensor) -> Iterator[tuple[Aligner, Tensor]]:
        """Every alignment module that has something to do, with its part (B, M) of `mask`.

        The release fills the slot of an absent modality with the weighted mean of the others,
        which leaves the weighted sum as it is; here the slot is left out.
        """
        mask = mask & self.refined
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

    def trusted(self, features: Tensor, mask: Tensor) -> Tensor:
        """Which of the available frames to use, (B, M) bool: without a gate all of them."""
        if self.gate is None:
            return mask
        kept: Tensor = self.gate(features, mask, self.alone)
        return kept

    def alone(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What one modality's features (n, L, D) say by themselves, as the gate wants it.

        Joints (n, J, 3) and log_std (n, J). Without poses the roots of the activities'
        probabilities, (n, K, 1) and (n, K); with own heads the rows are those of whole samples, all
        modalities of the first one first.
        """
        said = self._own(features) if self.own is not None else None
        if self.attention is not None:
            sure = features.new_zeros(len(features), 1)
            features = self.attention(features[:, None], sure.exp(), sure)
        result = answer(self.head, features)
        if self.config.has("pose"):
            return result.joints, result.log_std
        logits = result.logits if said is None else result.logits + said
        roots = logits.softmax(dim=1).sqrt()
        return roots[..., None], roots

    def fuse(self, features: Tensor, mask: Tensor) -> Tensor:
        """Features (B, M, L, D) of the modalities in `mask` (B, M) as one, (B, L, D)."""
        weights = self.purify(mask)
        if self.attention is None:
            return fuse(features, weights)
        fused: Tensor = self.attention(features, weights, self.purify.log(mask))
        return fused

    def predict(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """Fuse features (B, M, L, D) by the meta-learned weights, and the heads."""
        fused = self.fuse(features, mask)
        result = answer(self.head, fused)
        if self.own is not None:
            each = self._own(features.flatten(0, 1)).unflatten(0, mask.shape)
            result = result._replace(logits=result.logits + fuse(each, self.purify(mask)))
        if self.activity is not None:
            result = result._replace(logits=self.activity(fused))
        return self.output(result, mask, self.purify(mask))

    def _own(self, rows: Tensor) -> Tensor:
        """Logits (B * M, K) of each modality's own head, from its features (B * M, L, D)."""
        assert self.own is not None
        columns = rows.unflatten(0, (-1, len(self.own))).unbind(dim=1)
        each = [head(column) for head, column in zip(self.own.values(), columns, strict=True)]
        return torch.stack(each, dim=1).flatten(0, 1)


@torch.no_grad()
def _make_own(config: PTAConfig, head: nn.Module) -> nn.ModuleDict:
    """A head for each modality, beside which `head` begins at zero: as what is still to be said."""
    for parameter in cast(ActivityHead, head).score.parameters():
        parameter.zero_()
    return nn.ModuleDict({m: activity_head(config) for m in config.modalities})


def _make_aligner(config: PTAConfig) -> Aligner | nn.ModuleDict:
    """One alignment module for all modalities, or one for each by name."""

    def make() -> Aligner:
        return Aligner(config.tokens, config.dim, config.latent, config.diffusion)

    if config.diffusion.shared:
        return make()
    return nn.ModuleDict({m: make() for m in config.modalities})


def _make_gate(config: PTAConfig) -> ReliabilityGate:
    """A gate that compares poses or, in a model of activities alone, their probabilities."""
    modalities = len(config.modalities)
    if config.has("pose"):
        return ReliabilityGate(config.dim, config.joints, modalities)
    return ReliabilityGate(config.dim, len(config.classes), modalities, coordinates=1)


def scatter_rows(rows: Tensor, mask: Tensor) -> Tensor:
    """Put (n, L, D) rows back where `mask` (B, M) is true: (B, M, L, D), zero elsewhere."""
    out = rows.new_zeros(*mask.shape, *rows.shape[1:])
    return out.index_put(mask.nonzero(as_tuple=True), rows)
