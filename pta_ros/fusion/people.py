"""From the readings of one instant to everybody in sight: find, centre, and PTA per person."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros import checkpoint
from pta_ros.checkpoint import Checkpoint
from pta_ros.errors import CheckpointError
from pta_ros.model.finder import peaks
from pta_ros.people import birdseye, centred
from pta_ros.people.readings import Readings
from pta_ros.settings import Group, param

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SearchConfig(Group):
    """Who counts as found: `presence` is the least probability, `apart_m` the least distance of two
    people, `most` how many are looked at, the likeliest first."""

    presence: float = param(0.5, low=0.0, high=1.0)
    apart_m: float = param(0.3, low=0.05, high=5.0)
    most: int = param(8, low=1, high=100)


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody, in the level frame: probability of `presence`, `centre` (3,) of the trunk, `joints`
    (17, 3), all metres; `deviation_m` (17,) per axis, one sigma; `weights` by modality."""

    presence: float
    centre: Array
    joints: Array
    deviation_m: Array
    weights: dict[str, float]


@dataclass(eq=False)
class PeopleEstimator:
    """A model of centred readings, ready to run. Nobody is an empty tuple.

    `refine`: on refined features, or on plain ones; None: as the model is configured.
    """

    source: Checkpoint
    search: SearchConfig = field(default_factory=SearchConfig)
    refine: bool | None = None

    def __post_init__(self) -> None:
        if self.source.finder is None:
            raise CheckpointError(
                f"{self.source.name}: a model for one person in a fixed place; expected one with "
                "encoders 'centred', such as models/people_lite"
            )

    @classmethod
    def load(cls, folder: Path | str, search: SearchConfig | None = None) -> PeopleEstimator:
        """Read a model folder; raises CheckpointError when it is missing or of another kind."""
        return cls(checkpoint.load(folder), search or SearchConfig())

    @torch.inference_mode()
    def __call__(self, readings: Readings) -> tuple[Person, ...]:
        """Everybody that the sensors show, likeliest first."""
        places, presence = self._find(readings)
        centres, inputs, available, kept = self._look(places, readings)
        if not centres:
            return ()
        out = self.source.model(inputs, available, self.refine)
        modalities = self.source.model.config.modalities
        people = []
        for row, centre in enumerate(centres):
            joints = centre.to_level(out.joints[row].numpy().astype(np.float64))
            weights = dict(zip(modalities, out.weights[row].tolist(), strict=True))
            deviation = np.exp(out.log_std[row].numpy().astype(np.float64))
            people.append(
                Person(presence[kept[row]], centred.trunk(joints), joints, deviation, weights)
            )
        return _each_once(people, self.search.apart_m)

    def _find(self, readings: Readings) -> tuple[Array, list[float]]:
        """Places (P, 3) in the level frame, and the probability of each."""
        assert self.source.finder is not None
        grid = torch.from_numpy(birdseye.dense(birdseye.fill(readings)))[None]
        apart = self.search.apart_m / birdseye.CELL_M
        found = self.source.finder(grid)
        peak = peaks(found, self.search.presence, self.search.most, apart)[0]
        places = birdseye.place_of(peak.cell.numpy().astype(np.float64))
        return np.column_stack([places, peak.height.numpy()]), peak.probability.tolist()

    def _look(
        self, places: Array, readings: Readings
    ) -> tuple[list[centred.Centre], dict[str, torch.Tensor], dict[str, torch.Tensor], list[int]]:
        """Centred inputs of those candidates of whom some sensor shows enough."""
        shapes = {"depth": centred.PATCH_SHAPE, "lidar": centred.CLOUD_SHAPE}
        centres, rows, kept = [], [], []
        for number, place in enumerate(places):
            centre = centred.centre_at(place, readings)
            row = {
                "depth": readings.depth and centred.depth_patch(readings.depth, centre),
                "lidar": readings.lidar and centred.lidar_cloud(readings.lidar, centre),
            }
            if any(reading is not None for reading in row.values()):
                centres.append(centre)
                rows.append(row)
                kept.append(number)
        inputs, available = {}, {}
        for modality, shape in shapes.items():
            own = [row[modality] for row in rows]
            available[modality] = torch.tensor([reading is not None for reading in own])
            filled = [np.zeros(shape, np.float32) if r is None else r for r in own]
            inputs[modality] = torch.from_numpy(np.array(filled, np.float32).reshape(-1, *shape))
        return centres, inputs, available, kept


def _each_once(people: list[Person], apart_m: float) -> tuple[Person, ...]:
    """Of two whose trunks came out nearer than `apart_m` the likelier one."""
    kept: list[Person] = []
    for person in people:
        if all(np.linalg.norm(person.centre[:2] - k.centre[:2]) >= apart_m for k in kept):
            kept.append(person)
    return tuple(kept)
