"""Tokens of frozen encoders, computed once for a whole reduced set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.model.pta import PTA


@dataclass(frozen=True, eq=False)
class TokenSet:
    """Encoder tokens (N, L_m, C) by modality, presence (N, M), joints (N, J, 3) metres.

    `points` holds what the LiDAR's positional code needs: its first L points, (N, L, 3).
    """

    tokens: dict[str, Tensor]
    points: dict[str, Tensor]
    present: Tensor
    joints: Tensor

    def features(self, model: PTA, rows: Tensor, mask: Tensor) -> Tensor:
        """Projected features (B, M, L, D) of `rows`, where `mask` (B, M) says."""
        columns = {m: mask[:, i] for i, m in enumerate(model.config.modalities)}
        tokens = {m: self.tokens[m][rows[c]] for m, c in columns.items() if bool(c.any())}
        points = {m: p[rows] for m, p in self.points.items()}
        return model.features(tokens, points, mask)


@torch.inference_mode()
def encode_set(
    model: PTA, data: ReducedSet, progress: Callable[[int, int], None], batch: int = 128
) -> TokenSet:
    """Run every encoder of `model`, in eval mode, once over every present frame of `data`."""
    model.eval()
    count, tokens, points = len(data), {}, {}
    for modality in model.config.modalities:
        encoder = model.encoders[modality]
        out = torch.zeros(count, int(encoder.tokens), model.config.channels)  # type: ignore[arg-type]
        present = torch.from_numpy(data.present[modality].copy()).nonzero()[:, 0]
        for done, rows in enumerate(present.split(batch), start=1):
            out[rows] = encoder(torch.from_numpy(data.inputs[modality][rows.numpy()]))
            progress(min(done * batch, len(present)), len(present))
        tokens[modality] = out
        if modality == "lidar":
            first = data.inputs[modality][:, : model.config.tokens]
            points[modality] = torch.from_numpy(first.copy())
    flags = [torch.from_numpy(data.present[m].copy()) for m in model.config.modalities]
    joints = torch.from_numpy(data.joints.copy())
    return TokenSet(tokens, points, torch.stack(flags, dim=1), joints)
