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

#: What search and look have in common, as they saw the same: taken from the sum of their log odds.
#: Chosen on validation scenes of the wide world.
_SHARED_LOG_ODDS = 5.0
_SHAPES = {"depth": centred.PATCH_SHAPE, "lidar": centred.CLOUD_SHAPE}


class Candidates(NamedTuple):
    """Where somebody may be: places (P, 3) in the level frame, and the search's log odds (P,)."""

    places: Array
    log_odds: Array


class _Looked(NamedTuple):
    """Candidates that are looked at: where, and the search's log odds of each."""

    centres: list[centred.Centre]
    log_odds: Array

    def only(self, rows: list[int]) -> _Looked:
        """Some of them."""
        return _Looked([self.centres[row] for row in rows], self.log_odds[rows])


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
            available = {m: torch.ones(count, dtype=torch.bool) for m in shapes}
            self._run(inputs, available)
            self._run_each(inputs, available)

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
        kept, inputs, available = self._centred(candidates.places, readings)
        if not kept:
            return ()
        found = _Looked(list(kept.values()), candidates.log_odds[list(kept)])
        return self._there(found, self._run(inputs, available))

    @torch.inference_mode()
    def look_each(
        self, candidates: Candidates, readings: Readings
    ) -> tuple[tuple[Person, ...], dict[str, tuple[Person, ...]]]:
        """As `look`, and whom of them each modality of the readings shows alone."""
        kept, inputs, available = self._centred(candidates.places, readings)
        given = [m for m in self.modalities if getattr(readings, m) is not None]
        if not kept:
            return (), dict.fromkeys(given, ())
        found = _Looked(list(kept.values()), candidates.log_odds[list(kept)])
        whole, each, places = self._run_each(inputs, available)
        alone = {}
        for m in given:
            rows = torch.nonzero(places[:, 1] == self.modalities.index(m))[:, 0]
            own = found.only(places[rows, 0].tolist())
            alone[m] = self._there(own, PTAOutput(*(part[rows] for part in each)))
        return self._there(found, whole), alone

    def _there(self, found: _Looked, output: PTAOutput) -> tuple[Person, ...]:
        """Who is there, of the rows of an output."""
        joints_m, log_std, weights, looked = (
            part.float().cpu().numpy().astype(np.float64)
            for part in (output.joints, output.log_std, output.weights, output.logits[:, 0])
        )
        presence = 1.0 / (1.0 + np.exp(_SHARED_LOG_ODDS - found.log_odds - looked))
        people = []
        for row in np.argsort(-presence, kind="stable"):
            if presence[row] < self.search.presence:
                break
            joints = found.centres[row].to_level(joints_m[row])
            shares = dict(zip(self.modalities, weights[row].tolist(), strict=True))
            deviation = np.exp(log_std[row])
            people.append(
                Person(float(presence[row]), centred.trunk(joints), joints, deviation, shares)
            )
        return _each_once(people, self.search.apart_m)

    def _run(
        self, inputs: dict[str, torch.Tensor], available: dict[str, torch.Tensor]
    ) -> PTAOutput:
        given = {m: values.to(self.device) for m, values in inputs.items()}
        output: PTAOutput = self._model(given, available, self.refine)
        return output

    def _run_each(
        self, inputs: dict[str, torch.Tensor], available: dict[str, torch.Tensor]
    ) -> tuple[PTAOutput, PTAOutput, torch.Tensor]:
        given = {m: values.to(self.device) for m, values in inputs.items()}
        mask = self._model.mask(given, available)
        features = self._model.features(self._model.encode(given, mask), given, mask)
        return self._model.complete_each(features, mask, self.refine)

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
