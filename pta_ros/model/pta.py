"""The PTA model: encode, project, purify, refine, fuse, predict. No disk, no ROS, no globals."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.diffusion import Aligner
from pta_ros.model.encoders import make_encoder
from pta_ros.model.heads import PoseHead
from pta_ros.model.projector import PositionalCode, Projector
from pta_ros.model.purify import ModalityWeights, fuse


class PTAOutput(NamedTuple):
    """Joints (B, J, 3) metres, log of the per-axis deviation (B, J), weights (B, M).

    The modalities' order is that of config.modalities.
    """

    joints: Tensor
    log_std: Tensor
    weights: Tensor


class PTA(nn.Module):
    """Purify-then-Align over the modalities of `config`; a batch may mix available subsets."""

    def __init__(self, config: PTAConfig) -> None:
        super().__init__()
        self.config = config
        self.encoders = nn.ModuleDict(
            {m: make_encoder(config.encoders, m, config.channels) for m in config.modalities}
        )
        self.projectors = nn.ModuleDict(
            {
                m: Projector(int(encoder.tokens), config.channels, config.tokens, config.dim)  # type: ignore[arg-type]
                for m, encoder in self.encoders.items()
            }
        )
        self.position = PositionalCode(config.dim) if "lidar" in config.modalities else None
        self.purify = ModalityWeights(len(config.modalities))
        self.aligner = Aligner(config.tokens, config.dim, config.latent, config.diffusion)
        self.head = PoseHead(config.dim, config.joints)

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
        if self.config.refine if refine is None else refine:
            features = scatter_rows(self.aligner(features[mask]), mask)
        return self.predict(features, mask)

    def encode_one(self, modality: str, x: Tensor) -> Tensor:
        """Projected features (B, L, D) of reduced frames (B, *shape) of one modality."""
        return self._project(modality, self.encoders[modality](x), x)

    def _project(self, modality: str, tokens: Tensor, x: Tensor) -> Tensor:
        rows: Tensor = self.projectors[modality](tokens)
        if modality == "lidar" and self.position is not None:
            rows = rows + self.position(x[:, : self.config.tokens])
        return rows

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

    def features(
        self, tokens: dict[str, Tensor], inputs: dict[str, Tensor], mask: Tensor
    ) -> Tensor:
        """Projected features F (B, M, L, D) of encoder tokens; rows that are absent hold zero.

        The LiDAR's points in `inputs` give its positional code.
        """
        columns = []
        some = next(iter(tokens.values()))
        absent = some.new_zeros(len(mask), self.config.tokens, self.config.dim)
        for i, modality in enumerate(self.config.modalities):
            column = absent
            if modality in tokens:
                real = mask[:, i]
                points = inputs[modality][real] if modality in inputs else tokens[modality]
                rows = self._project(modality, tokens[modality], points)
                column = rows if len(rows) == len(mask) else _put(absent, real, rows)
            columns.append(column)
        return torch.stack(columns, dim=1)

    def predict(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """Fuse features (B, M, L, D) by the meta-learned weights and apply the head."""
        weights = self.purify(mask)
        joints, log_std = self.head(fuse(features, weights))
        return PTAOutput(joints, log_std, weights)


def _put(absent: Tensor, real: Tensor, rows: Tensor) -> Tensor:
    return absent.index_put((real.nonzero(as_tuple=True)[0],), rows)


def scatter_rows(rows: Tensor, mask: Tensor) -> Tensor:
    """Put (n, L, D) rows back where `mask` (B, M) is true: (B, M, L, D), zero elsewhere."""
    out = rows.new_zeros(*mask.shape, *rows.shape[1:])
    return out.index_put(mask.nonzero(as_tuple=True), rows)
