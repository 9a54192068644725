"""Candidates of an instant, what the model is given of each, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros.model.heads import PTAOutput
from pta_ros.people import centred
from pta_ros.people.readings import Readings

Array = NDArray[np.float64]

SHAPES = {"depth": centred.PATCH_SHAPE, "lidar": centred.CLOUD_SHAPE}


class Candidates(NamedTuple):
    """Where somebody may be: places (P, 3) in the level frame, and the search's log odds (P,)."""

    places: Array
    log_odds: Array


class Looks(NamedTuple):
    """What the model says of P candidates that some sensor shows.

    `joints` (P, 17, 3) metres, level frame, `deviation` (P, 17), `weights` (P, M); log odds (P,)
    of the search and of this look; `seen` (P, M) bool: the sensors that show the place.
    """

    joints: Array
    deviation: Array
    weights: Array
    searched: Array
    looked: Array
    seen: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Centred:
    """Of P candidates of whom some sensor shows enough: centres, log odds (P,), and the inputs.

    `inputs` and `available` as the model takes them, of each modality.
    """

    centres: list[centred.Centre]
    log_odds: Array
    inputs: dict[str, torch.Tensor]
    available: dict[str, torch.Tensor]

    @classmethod
    def of(cls, candidates: Candidates, readings: Readings, modalities: tuple[str, ...]) -> Centred:
        """Whoever is seen enough, in the order of the candidates."""
        centres, rows, log_odds = [], [], []
        for place, odds in zip(*candidates, strict=True):
            centre = centred.centre_at(place, readings)
            row = {
                "depth": readings.depth and centred.depth_patch(readings.depth, centre),
                "lidar": readings.lidar and centred.lidar_cloud(readings.lidar, centre),
            }
            if any(row[modality] is not None for modality in modalities):
                centres.append(centre)
                rows.append(row)
                log_odds.append(odds)
        inputs, available = {}, {}
        for modality in modalities:
            shape, own = SHAPES[modality], [row[modality] for row in rows]
            available[modality] = torch.tensor([r is not None for r in own], dtype=torch.bool)
            filled = [np.zeros(shape, np.float32) if r is None else r for r in own]
            inputs[modality] = torch.from_numpy(np.array(filled, np.float32).reshape(-1, *shape))
        return cls(centres, np.array(log_odds, np.float64), inputs, available)

    def looks(
        self, output: PTAOutput, candidate: NDArray[np.intp], seen: NDArray[np.bool_]
    ) -> Looks:
        """An output's rows: of which candidate each is (R,), and by which sensors (R, M) bool."""
        local, log_std, weights, looked = (
            part.float().cpu().numpy().astype(np.float64)
            for part in (output.joints, output.log_std, output.weights, output.logits[:, 0])
        )
        poses = [self.centres[n].to_level(pose) for n, pose in zip(candidate, local, strict=True)]
        joints = np.array(poses, np.float64).reshape(local.shape)
        return Looks(joints, np.exp(log_std), weights, self.log_odds[candidate], looked, seen)
