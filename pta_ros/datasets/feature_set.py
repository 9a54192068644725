"""Encoder tokens of frames, with which sensors are there, and the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.model.projector import Projected

#: Deviations of a truth that is none's estimate.
CERTAIN = torch.zeros(0)


class Truth(NamedTuple):
    """Ground truth: joints (n, J, 3) metres, classes (n,).

    `deviation` (n, J): one sigma, metres, of joints that are estimates; empty: all are certain.
    """

    joints: Tensor
    labels: Tensor
    deviation: Tensor = CERTAIN

    def to(self, device: torch.device) -> Truth:
        """The same on a device."""
        return Truth(*(part.to(device, non_blocking=True) for part in self))


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Tokens (N, L_m, C) by modality, presence (N, M), joints (N, J, 3) metres, of N frames.

    `rows` (N,) are their row numbers in the reduced set. `points` holds the first L points
    (N, L, 3) of the LiDAR, for its positional code. Columns of `present` are in the order of the
    encoders; `sees` (N, M): those of the present that see who is there, empty: all. `labels` (N,)
    are classes of activities, empty where none are known; `deviation` (N, J) as in Truth. Tokens
    and points are mapped from files for reading (copy on write, as torch warns of read-only
    memory). Rows of a modality that is not present are to be ignored.
    """

    tokens: dict[str, Tensor]
    points: dict[str, Tensor]
    present: Tensor
    joints: Tensor
    rows: Tensor
    labels: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    deviation: Tensor = CERTAIN
    sees: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.bool))

    def seeing(self, rows: Tensor) -> Tensor:
        """Which modalities (n, M) see who is there."""
        return self.sees[rows] if len(self.sees) else self.present[rows]

    def without_blind(self) -> FeatureSet:
        """The same, where a modality that does not see who is there is not present."""
        return replace(self, present=self.sees) if len(self.sees) else self

    def truth(self, rows: Tensor) -> Truth:
        """The ground truth of some rows."""
        told = (x[rows] if len(x) else x for x in (self.labels, self.deviation))
        return Truth(self.joints[rows], *told)

    def features(
        self, model: Projected, rows: Tensor, mask: Tensor, used: Tensor | None = None
    ) -> Tensor:
        """Projected features (B, M, L, D) of `rows` of this set, where `mask` (B, M) is true.

        Rows and masks are the CPU's; features are where the model is. `used` (M,) bool: the
        modalities to project; None: those in the mask. All parts of one batch need the same.
        """
        used = mask.any(dim=0) if used is None else used
        device = model.calibration.log_factor.device
        columns = zip(model.config.modalities, mask.T, used, strict=True)
        tokens = {m: _rows(self.tokens[m], rows[real], device) for m, real, use in columns if use}
        points = {m: _rows(p, rows, device) for m, p in self.points.items()}
        return model.features(tokens, points, mask)

    def kept_on(self, device: torch.device, free_bytes: int) -> FeatureSet:
        """The same with tokens and points in the device's memory, where half of that holds them."""
        parts = (*self.tokens.values(), *self.points.values())
        if device.type == "cpu" or 2 * sum(x.nbytes for x in parts) > free_bytes:
            return self
        tokens = {m: x.to(device) for m, x in self.tokens.items()}
        return replace(
            self, tokens=tokens, points={m: x.to(device) for m, x in self.points.items()}
        )


def _rows(values: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """Some rows of values on a device; through pinned memory where they are not there yet."""
    some = values[rows]
    if some.device.type == "cpu" and device.type == "cuda":
        some = some.pin_memory()
    # Back to the CPU it has to be waited for: the CPU would read what is not there yet.
    return some.to(device, non_blocking=device.type == "cuda")


def presence_of(
    data: ReducedSet, modalities: Iterable[str], rows: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    """Which modalities (n, M) are present in some rows, and which see who is there."""
    names = tuple(modalities)
    present = np.stack([data.present[m][rows] for m in names], axis=1)
    sees = np.stack([data.seeing(m)[rows] for m in names], axis=1)
    return torch.from_numpy(present), torch.from_numpy(sees)


def deviation_of(data: ReducedSet, rows: NDArray[np.int64]) -> Tensor:
    """The deviations of some rows' joints, as in Truth."""
    return torch.from_numpy(data.deviation_m[rows]) if data.estimated else CERTAIN
