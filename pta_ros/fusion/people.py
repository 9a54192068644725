"""From the readings of one instant to everybody in sight: find, centre, and PTA per person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros import checkpoint
from pta_ros.checkpoint import Checkpoint
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.frames import Person
from pta_ros.fusion.config import SearchConfig
from pta_ros.fusion.looks import SHAPES, Candidates, Centred, Looks, shown
from pta_ros.model.finder import Found, peaks
from pta_ros.model.freeze import Frozen
from pta_ros.model.graphs import Graphs
from pta_ros.model.heads import PTAOutput
from pta_ros.model.inference import BATCHES, fold_norms, trace_people
from pta_ros.model.pta import PTA
from pta_ros.model.replayed import PEOPLE, ReplayedPTA, replayed_finder
from pta_ros.people import birdseye, centred
from pta_ros.people.pairs import assigned
from pta_ros.people.readings import Float32, Readings

__all__ = ["PeopleEstimator", "Person", "SearchConfig"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class PeopleEstimator:
    """A model of centred readings, ready to run on `device`. Nobody is an empty tuple.

    `refine` selects refined or plain features; None leaves it to the model's configuration.
    """

    source: Checkpoint
    search: SearchConfig = field(default_factory=SearchConfig)
    device: str = "cpu"
    refine: bool | None = None
    #: What the model runs by on a GPU, once it is quickened.
    graphs: Graphs | None = None

    def __post_init__(self) -> None:
        if self.source.finder is None:
            raise CheckpointError(
                f"{self.source.name}: a model for one person in a fixed place; expected one with "
                "encoders 'centred', such as models/people_lite"
            )
        try:
            self._model: PTA | ReplayedPTA = fold_norms(self.source.model).to(self.device)
            self._finder: Callable[..., Any] = fold_norms(self.source.finder).to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"device {self.device!r} cannot be used ({error}); expected cpu, or cuda on a "
                "machine with a working GPU and a torch build for it"
            ) from error
        self._inputs = torch.device(self.device)  # where the model takes what it is given

    @classmethod
    def load(cls, folder: Path | str, search: SearchConfig | None = None) -> PeopleEstimator:
        """Read a model folder; raises CheckpointError when it is missing or of another kind."""
        return cls(checkpoint.load(folder), search or SearchConfig())

    @torch.inference_mode()
    def quicken(self, precision: str = "float32", graphs: Frozen | None = None) -> None:
        """Trace all parts and run them, so that no estimate is slow; call it once.

        `precision` and `graphs` as in model.inference.trace_people. On a GPU they are `replay`ed
        instead.
        """
        shapes = {m: SHAPES[m] for m in self.modalities}
        if self._inputs.type == "cuda":
            self.replay(precision)
        else:
            assert isinstance(self._model, PTA), "call it once"
            assert isinstance(self._finder, torch.nn.Module)
            self._finder = trace_people(self._model, self._finder, shapes, precision, graphs)
        grid = birdseye.empty()
        assigned(np.eye(2))  # imports what it needs
        for count in BATCHES:
            self.find(grid)
            mask = torch.ones(count, len(shapes), dtype=torch.bool)
            tokens = {m: self._encode(m, torch.zeros(count, *shape)) for m, shape in shapes.items()}
            self._run(tokens, mask)
            self._run_each(tokens, mask)

    @torch.inference_mode()
    def replay(self, precision: str = "float32") -> None:
        """Run all by CUDA graphs from now on; on a CPU by the same steps without them."""
        assert isinstance(self._model, PTA), "call it once"
        assert isinstance(self._finder, torch.nn.Module)
        shapes = {m: SHAPES[m] for m in self.modalities}
        self.graphs = graphs = Graphs(self._inputs)
        self._model = ReplayedPTA(self._model, shapes, graphs, PEOPLE, precision)
        self._finder = replayed_finder(self._finder, birdseye.empty(), graphs, precision)
        self._inputs = torch.device("cpu")

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
        found = self._finder(torch.from_numpy(grid)[None].to(self._inputs))
        found = Found(*(part.cpu() for part in found))  # traced, it is a plain tuple
        apart = self.search.apart_m / birdseye.CELL_M
        peak = peaks(found, self.search.candidate, self.search.most, apart)[0]
        places = birdseye.place_of(peak.cell.numpy().astype(np.float64))
        log_odds = torch.logit(peak.probability.double(), eps=1e-6).numpy()
        whole = np.column_stack([places, peak.height.numpy()])
        return Candidates.found(whole, log_odds)

    @torch.inference_mode()
    def look(self, candidates: Candidates, readings: Readings) -> tuple[Person, ...]:
        """Who of the candidates is there, each once, likeliest first.

        `presence` is of search and look together, of the first look where there are two.
        """
        if not candidates.settled.all():
            near = self._near(candidates.of(~candidates.settled), readings)
            candidates = candidates.of(candidates.settled).and_(self._settled(near))
        near = self._near(candidates, readings)
        return self._there(self._all(near), near.candidates.presence)

    def _settled(self, near: Centred, looks: Looks | None = None) -> Candidates:
        """Who is there of those who are not settled, by a first look: each where it saw the trunk.

        The search is some centimetres off; a look from the trunk sees the joints better, but tells
        people from things less well (validation scenes): the first look says who is there.
        """
        looks = looks or self._all(near)
        presence, trunks = self._presence(looks), centred.trunk(looks.joints)
        # What is not a number is kept, in its place: whoever takes the estimate refuses it.
        moved, places = np.isfinite(trunks.sum(axis=1)), near.candidates.places
        kept = ~near.candidates.settled & ~(presence < self.search.presence)
        told = Candidates(
            np.where(moved[:, None], trunks, places), near.candidates.log_odds,
            np.ones(len(places), bool), presence,
        )  # fmt: skip
        return told.of(kept)

    @torch.inference_mode()
    def look_each(
        self, candidates: Candidates, readings: Readings
    ) -> tuple[tuple[Person, ...], dict[str, tuple[Person, ...]]]:
        """As `look`, and whom each modality of the readings shows alone, by one look."""
        near = self._near(candidates, readings)
        given = [m for m in self.modalities if getattr(readings, m) is not None]
        if not near.centres:
            return (), dict.fromkeys(given, ())
        output, each, places = self._run_each(near.tokens, near.mask)
        whole = self._looks(near, output)
        row, column = places.T.cpu().numpy()
        single = near.looks(each, row, np.eye(len(self.modalities), dtype=bool)[column])
        alone = {
            m: self._there(Looks(*(part[column == self.modalities.index(m)] for part in single)))
            for m in given
        }
        if near.candidates.settled.all():
            return self._there(whole), alone
        known = near.candidates.of(near.candidates.settled)
        return self.look(known.and_(self._settled(near, whole)), readings), alone

    @torch.inference_mode()
    def examine(self, candidates: Candidates, readings: Readings) -> Looks:
        """What the model says of each candidate of whom some sensor shows enough."""
        return self._all(self._near(candidates, readings))

    def _near(self, candidates: Candidates, readings: Readings) -> Centred:
        """What the sensors show of the candidates, encoded."""
        centres = [centred.centre_at(place, readings) for place in candidates.places]
        told = [self._shown(readings, centres, modality) for modality in self.modalities]
        return Centred.of(candidates, centres, told, self.modalities)

    def _shown(
        self, readings: Readings, centres: list[centred.Centre], modality: str
    ) -> tuple[NDArray[np.bool_], torch.Tensor | None]:
        """Which of the centres (P,) a sensor shows, and tokens of these; None: of nobody."""
        seen, inputs = shown(modality, readings, centres)
        return seen, self._encode(modality, inputs) if len(inputs) else None

    def _all(self, near: Centred) -> Looks:
        """The looks at all candidates, by whatever sees them."""
        if near.centres:
            return self._looks(near, self._run(near.tokens, near.mask))
        none, nobody = np.zeros(0), np.zeros((0, len(self.modalities)))
        return Looks(np.zeros((0, 17, 3)), np.zeros((0, 17)), nobody, none, none, nobody > 0)

    def _looks(self, near: Centred, output: PTAOutput) -> Looks:
        return near.looks(output, np.arange(len(near.centres)), near.mask.numpy())

    def _there(self, looks: Looks, told: Array | None = None) -> tuple[Person, ...]:
        """Who is there, of those looked at; `told` (P,): what is known of it before, or NaN."""
        presence = self._presence(looks)
        if told is not None:
            presence = np.where(np.isfinite(told), told, presence)
        return looks.people(presence, self.search.presence, self.modalities)

    def _presence(self, looks: Looks) -> Array:
        """Probabilities (P,) that somebody is there."""
        assert self.source.finder is not None
        given = map(torch.from_numpy, (looks.searched, looks.looked, looks.seen))
        log_odds = self.source.finder.presence(*given)
        return np.asarray(log_odds.sigmoid().numpy(), np.float64)

    def _encode(self, modality: str, inputs: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self._model.encoders[modality](inputs.to(self._inputs))
        return tokens

    def _run(self, tokens: dict[str, torch.Tensor], mask: torch.Tensor) -> PTAOutput:
        mask = mask.to(self._inputs)
        return self._model.complete(self._model.features(tokens, {}, mask), mask, self.refine)

    def _run_each(
        self, tokens: dict[str, torch.Tensor], mask: torch.Tensor
    ) -> tuple[PTAOutput, PTAOutput, torch.Tensor]:
        mask = mask.to(self._inputs)
        return self._model.complete_each(self._model.features(tokens, {}, mask), mask, self.refine)
