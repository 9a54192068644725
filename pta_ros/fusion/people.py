"""From the readings of one instant to everybody in sight: find, centre, and PTA per person."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros import checkpoint
from pta_ros.checkpoint import Checkpoint
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.frames import Person
from pta_ros.fusion.config import SearchConfig
from pta_ros.model.finder import Found, peaks
from pta_ros.model.heads import PTAOutput
from pta_ros.model.inference import BATCHES, fold_norms, trace_people
from pta_ros.people import birdseye, centred
from pta_ros.people.readings import Float32, Readings

__all__ = ["PeopleEstimator", "Person", "SearchConfig"]

Array = NDArray[np.float64]

_SHAPES = {"depth": centred.PATCH_SHAPE, "lidar": centred.CLOUD_SHAPE}


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


@dataclass(eq=False)
class PeopleEstimator:
    """A model of centred readings, ready to run on `device`. Nobody is an empty tuple.

    `refine` selects refined or plain features; None leaves it to the model's configuration.
    """

    source: Checkpoint
    search: SearchConfig = field(default_factory=SearchConfig)
    device: str = "cpu"
    refine: bool | None = None

    def __post_init__(self) -> None:
        if self.source.finder is None:
            raise CheckpointError(
                f"{self.source.name}: a model for one person in a fixed place; expected one with "
                "encoders 'centred', such as models/people_lite"
            )
        try:
            self._model = fold_norms(self.source.model).to(self.device)
            self._finder: torch.nn.Module = fold_norms(self.source.finder).to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"device {self.device!r} cannot be used ({error}); expected cpu, or cuda on a "
                "machine with a working GPU and a torch build for it"
            ) from error

    @classmethod
    def load(cls, folder: Path | str, search: SearchConfig | None = None) -> PeopleEstimator:
        """Read a model folder; raises CheckpointError when it is missing or of another kind."""
        return cls(checkpoint.load(folder), search or SearchConfig())

    @torch.inference_mode()
    def quicken(self, precision: str = "float32", graphs: dict[str, bytes] | None = None) -> None:
        """Trace all parts and run them, so that no estimate is slow; call it once.

        `precision` and `graphs` as in model.inference.trace_people.
        """
        shapes = {m: _SHAPES[m] for m in self.modalities}
        self._finder = trace_people(self._model, self._finder, shapes, precision, graphs)
        grid = np.zeros((birdseye.CHANNELS, birdseye.SIZE, birdseye.SIZE), np.float32)
        for count in chain.from_iterable((n,) * 3 for n in BATCHES):  # specialised in two runs
            self.find(grid)
            inputs = {m: torch.zeros(count, *shape) for m, shape in shapes.items()}
            self._run(inputs, {m: torch.ones(count, dtype=torch.bool) for m in shapes})

    @property
    def modalities(self) -> tuple[str, ...]:
        """The model's, in their order."""
        return tuple(self.source.model.config.modalities)

    @torch.inference_mode()
    def __call__(self, readings: Readings) -> tuple[Person, ...]:
        """Everybody that the sensors show, likeliest first."""
        return self.look(self.find(birdseye.grid(readings)), readings)

    @torch.inference_mode()
    def find(self, grid: Float32) -> Candidates:
        """Candidates in the grid of birdseye."""
        found = self._finder(torch.from_numpy(grid)[None].to(self.device))
        found = Found(*(part.cpu() for part in found))  # traced, it is a plain tuple
        apart = self.search.apart_m / birdseye.CELL_M
        peak = peaks(found, self.search.candidate, self.search.most, apart)[0]
        places = birdseye.place_of(peak.cell.numpy().astype(np.float64))
        log_odds = torch.logit(peak.probability.double(), eps=1e-6).numpy()
        return Candidates(np.column_stack([places, peak.height.numpy()]), log_odds)

    @torch.inference_mode()
    def look(self, candidates: Candidates, readings: Readings) -> tuple[Person, ...]:
        """Who of the candidates is there, each once, likeliest first.

        `presence` is of search and look together.
        """
        looks = self.examine(candidates, readings)
        presence = self._presence(looks)
        people = []
        for row in np.argsort(-presence, kind="stable"):
            if presence[row] < self.search.presence:
                break
            shares = dict(zip(self.modalities, looks.weights[row].tolist(), strict=True))
            joints, deviation = looks.joints[row], looks.deviation[row]
            people.append(
                Person(float(presence[row]), centred.trunk(joints), joints, deviation, shares)
            )
        return _each_once(people, self.search.apart_m)

    @torch.inference_mode()
    def examine(self, candidates: Candidates, readings: Readings) -> Looks:
        """What the model says of each candidate of whom some sensor shows enough."""
        kept, inputs, available = self._centred(candidates.places, readings)
        if not kept:
            none = np.zeros(0)
            nobody = np.zeros((0, len(self.modalities)))
            return Looks(np.zeros((0, 17, 3)), np.zeros((0, 17)), nobody, none, none, nobody > 0)
        out = self._run(inputs, available)
        local, log_std, weights, looked = (
            part.float().cpu().numpy().astype(np.float64)
            for part in (out.joints, out.log_std, out.weights, out.logits[:, 0])
        )
        centres = zip(kept.values(), local, strict=True)
        joints = np.array([centre.to_level(pose) for centre, pose in centres])
        seen = torch.stack([available[m] for m in self.modalities], dim=1).numpy()
        searched = candidates.log_odds[list(kept)]
        return Looks(joints, np.exp(log_std), weights, searched, looked, seen)

    def _presence(self, looks: Looks) -> Array:
        """Probabilities (P,) that somebody is there."""
        assert self.source.finder is not None
        given = map(torch.from_numpy, (looks.searched, looks.looked, looks.seen))
        log_odds = self.source.finder.presence(*given)
        return np.asarray(log_odds.sigmoid().numpy(), np.float64)

    def _run(
        self, inputs: dict[str, torch.Tensor], available: dict[str, torch.Tensor]
    ) -> PTAOutput:
        given = {m: values.to(self.device) for m, values in inputs.items()}
        output: PTAOutput = self._model(given, available, self.refine)
        return output

    def _centred(
        self, places: Array, readings: Readings
    ) -> tuple[dict[int, centred.Centre], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Of those candidates of whom some sensor shows enough: centres by number, and inputs."""
        kept, rows = {}, []
        for number, place in enumerate(places):
            centre = centred.centre_at(place, readings)
            row = {
                "depth": readings.depth and centred.depth_patch(readings.depth, centre),
                "lidar": readings.lidar and centred.lidar_cloud(readings.lidar, centre),
            }
            if any(row[modality] is not None for modality in self.modalities):
                kept[number] = centre
                rows.append(row)
        inputs, available = {}, {}
        for modality in self.modalities:
            shape, own = _SHAPES[modality], [row[modality] for row in rows]
            available[modality] = torch.tensor([reading is not None for reading in own])
            filled = [np.zeros(shape, np.float32) if r is None else r for r in own]
            inputs[modality] = torch.from_numpy(np.array(filled, np.float32).reshape(-1, *shape))
        return kept, inputs, available


def _each_once(people: list[Person], apart_m: float) -> tuple[Person, ...]:
    """Of two whose trunks came out nearer than `apart_m` the likelier one."""
    kept: list[Person] = []
    for person in people:
        if all(np.linalg.norm(person.centre[:2] - k.centre[:2]) >= apart_m for k in kept):
            kept.append(person)
    return tuple(kept)
