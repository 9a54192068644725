"""Batches whose frames are changed and encoded anew each time they are drawn.

Frozen encoders know their training frames by heart: of those very frames their features are better
than of any other. A head that is to serve new frames is trained on frames that they have not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pta_ros.datasets.feature_set import FeatureSet, deviation_of, presence_of
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.model.device import autocast
from pta_ros.training.augment import either_side

#: Rows, and which of their modalities (B, M) are used -> a set of features, and its rows for them.
Draw = Callable[[Tensor, Tensor], tuple[FeatureSet, Tensor]]
#: Inputs (B, *shape) by modality, and joints (B, J, 3) -> both, changed alike.
Change = Callable[[Mapping[str, Tensor], Tensor], tuple[dict[str, Tensor], Tensor]]


@dataclass(frozen=True, eq=False)
class Fresh:
    """Draws rows of `data`, changed by `change`, as features of `encoders` (in eval mode).

    The encoders run in bfloat16 where the device has it. For models of joint tokens: no LiDAR's
    points come along.
    """

    encoders: Mapping[str, nn.Module]
    data: ReducedSet
    change: Change

    @torch.no_grad()
    def __call__(self, rows: Tensor, mask: Tensor) -> tuple[FeatureSet, Tensor]:
        """The features of a batch of rows, whose tokens are zero where a modality is absent."""
        index = rows.numpy()
        given = {m: torch.from_numpy(self.data.inputs[m][index]) for m in self.encoders}
        inputs, joints = self.change(given, torch.from_numpy(self.data.joints[index]))
        present, sees = presence_of(self.data, self.encoders, index)
        columns = zip(self.encoders.items(), present.T, strict=True)
        tokens = {m: _encoded(encoder, inputs[m], real) for (m, encoder), real in columns}
        deviation = either_side(deviation_of(self.data, index))
        drawn = FeatureSet(tokens, {}, present, joints, rows, deviation=deviation, sees=sees)
        return drawn, torch.arange(len(rows))


def _encoded(encoder: nn.Module, inputs: Tensor, real: Tensor) -> Tensor:
    """Tokens (B, L, C) of the inputs that are `real` (B,)."""
    device = next(encoder.parameters()).device
    with autocast(device):
        seen = encoder(inputs[real].to(device)).float()
    tokens: Tensor = seen.new_zeros(len(inputs), *seen.shape[1:])
    tokens[real] = seen
    return tokens
