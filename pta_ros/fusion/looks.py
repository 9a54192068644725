"""Candidates of an instant, what the model is given of each, and what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros.frames import Person
from pta_ros.model.heads import PTAOutput
from pta_ros.people import centred
from pta_ros.people.pairs import near_pairs
from pta_ros.people.readings import Float32, Readings

Array = NDArray[np.float64]

SHAPES = {"depth": centred.PATCH_SHAPE, "lidar": centred.CLOUD_SHAPE}


def shown(
    modality: str, readings: Readings, centres: Sequence[centred.Centre]
) -> tuple[NDArray[np.bool_], torch.Tensor]:
    """At which of the centres (P,) a sensor shows enough, and what there, (rows, *shape)."""
    parts: list[Float32 | None] = [None] * len(centres)
    if modality == "depth" and readings.depth is not None:
        parts = [centred.depth_patch(readings.depth, centre) for centre in centres]
    if modality == "lidar" and readings.lidar is not None:
        parts = [centred.lidar_cloud(readings.lidar, centre) for centre in centres]
    kept = [part for part in parts if part is not None]
    seen = np.array([part is not None for part in parts], bool)
    return seen, torch.from_numpy(np.array(kept, np.float32).reshape(-1, *SHAPES[modality]))


#: A candidate is somebody who is expected so near, seen from above.
_SAME_M = 0.2
#: Trunks that come out nearer to each other, seen from above, are one person's.
_ONE_M = 0.25


class Candidates(NamedTuple):
    """Where somebody may be: places (P, 3) in the level frame, and the search's log odds (P,).

    `settled` (P,) bool: whose place is better known than the search tells. `presence` (P,): how
    likely a first look made them; NaN: there was none.
    """

    places: Array
    log_odds: Array
    settled: NDArray[np.bool_]
    presence: Array

    @classmethod
    def found(cls, places: Array, log_odds: Array) -> Candidates:
        """What a search found, not looked at yet."""
        return cls(places, log_odds, np.zeros(len(places), bool), np.full(len(places), np.nan))

    def expecting(self, places: Array) -> Candidates:
        """Those who are near one of the places (K, 3) where people are expected are there.

        Each place is taken by one candidate, so that the distances are the least in all.
        """
        away = np.linalg.norm(self.places[:, None, :2] - places[None, :, :2], axis=-1)
        out, settled = self.places.copy(), self.settled.copy()
        for row, number in near_pairs(away, _SAME_M).items():
            out[row], settled[row] = places[number], True
        return self._replace(places=out, settled=settled)

    def and_(self, others: Candidates) -> Candidates:
        """These, then the others."""
        return Candidates(
            np.concatenate([self.places, others.places]),
            np.concatenate([self.log_odds, others.log_odds]),
            np.concatenate([self.settled, others.settled]),
            np.concatenate([self.presence, others.presence]),
        )

    def of(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Candidates:
        """Some of them."""
        return Candidates(
            self.places[rows], self.log_odds[rows], self.settled[rows], self.presence[rows]
        )


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

    def people(
        self, presence: Array, least: float, modalities: tuple[str, ...]
    ) -> tuple[Person, ...]:
        """Who is there with a probability (P,) of `least` or more, each once, likeliest first."""
        people = []
        for row in np.argsort(-presence, kind="stable"):
            if presence[row] < least:
                continue
            shares = dict(zip(modalities, self.weights[row].tolist(), strict=True))
            joints, deviation = self.joints[row], self.deviation[row]
            people.append(
                Person(float(presence[row]), centred.trunk(joints), joints, deviation, shares)
            )
        return _each_once(people)


@dataclass(frozen=True, eq=False)
class Centred:
    """The P `candidates` of whom some sensor shows enough: their centres, and what is shown.

    `rows` (P,) are their numbers among all candidates. `mask` (P, M) bool: by which modalities they
    are shown; `tokens` has the encoded rows of each that shows anybody, (rows, 17, C).
    """

    candidates: Candidates
    centres: list[centred.Centre]
    rows: NDArray[np.intp]
    mask: torch.Tensor
    tokens: dict[str, torch.Tensor]

    @classmethod
    def of(
        cls,
        candidates: Candidates,
        centres: list[centred.Centre],
        told: list[tuple[NDArray[np.bool_], torch.Tensor | None]],
        modalities: tuple[str, ...],
    ) -> Centred:
        """Whoever is shown enough, in the order of the candidates.

        `told` has for each of the modalities who is shown (K,) and, if anybody, the tokens."""
        seen = np.array([one for one, _ in told], bool).reshape(len(modalities), len(centres))
        rows = np.flatnonzero(seen.any(axis=0))
        tokens = {m: t for m, (_, t) in zip(modalities, told, strict=True) if t is not None}
        mask = torch.from_numpy(np.ascontiguousarray(seen[:, rows].T))
        return cls(candidates.of(rows), [centres[n] for n in rows], rows, mask, tokens)

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
        searched = self.candidates.log_odds[candidate]
        return Looks(joints, np.exp(log_std), weights, searched, looked, seen)


def _each_once(people: list[Person]) -> tuple[Person, ...]:
    """Of two whose trunks came out as one the likelier; the search keeps people farther apart."""
    kept: list[Person] = []
    for person in people:
        if all(np.linalg.norm(person.centre[:2] - k.centre[:2]) >= _ONE_M for k in kept):
            kept.append(person)
    return tuple(kept)
