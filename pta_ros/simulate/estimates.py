"""Synthetic people as a model would tell them, one sensor each: poses with errors, no rendering.

An error is mostly that of the pose (the same pose gives the same error), partly the person's, and
a little of it is new in every frame; some of it moves all joints together. Shares are those of the
shipped model's errors in a recorded demo.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import to_ns
from pta_ros.frames import Person
from pta_ros.people.centred import trunk
from pta_ros.simulate.wide import people as wide
from pta_ros.skeleton import LIMBS, NUM_JOINTS

Array = NDArray[np.float64]

#: Deviation of a sensor's poses, metres per axis, as a mean over the joints.
DEVIATIONS_M = {"depth": 0.03, "lidar": 0.05, "csi": 0.11}
#: Shares of the variance: new in every frame, the person's own, common to all joints.
WHITE, OWN, COMMON = 0.12, 0.13, 0.2
_LENGTH_M = 0.2  # of the way a joint goes until its error is another one
_WAVES = 30
_RELATIVE = np.ones(NUM_JOINTS)
_RELATIVE[list(LIMBS["torso"])] = 0.75
_RELATIVE[[13, 16]] = 1.5
_MIRROR = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]


@dataclass(frozen=True, eq=False)
class Witness:
    """One modality's errors with one person: `waves` of the pose and a `constant` (18, 3)."""

    modality: str
    deviation_m: Array
    white: float
    waves: tuple[Array, Array, Array]
    constant: Array

    @classmethod
    def draw(cls, modality: str, rng: np.random.Generator, white: float = WHITE) -> Witness:
        """A witness whose share of fresh noise is `white`."""
        points = NUM_JOINTS + 1
        waves = (
            rng.normal(size=(points, 3, _WAVES)) / _LENGTH_M,
            rng.uniform(0.0, 2.0 * np.pi, (points, _WAVES)),
            rng.normal(size=(points, _WAVES, 3)) * np.sqrt(2.0 / _WAVES),
        )
        deviation = DEVIATIONS_M[modality] * _RELATIVE
        return cls(modality, deviation, white, waves, rng.normal(size=(points, 3)))

    def errors(self, path: Array, rng: np.random.Generator) -> Array:
        """Errors (T, 17, 3) in metres of estimates of the true joints `path` (T, 17, 3)."""
        middle = trunk(path)[:, None]
        places = np.concatenate([path - 0.7 * middle, 0.3 * path.mean(axis=1)[:, None]], axis=1)
        turns, phases, sizes = self.waves
        angle = np.einsum("tjc,jcw->tjw", places, turns) + phases
        posed = np.einsum("tjw,jwc->tjc", np.cos(angle), sizes)
        fresh = rng.normal(size=posed.shape)
        share = 1.0 - self.white - OWN
        unit = np.sqrt(share) * posed + np.sqrt(OWN) * self.constant + np.sqrt(self.white) * fresh
        mixed = np.sqrt(1.0 - COMMON) * unit[:, :-1] + np.sqrt(COMMON) * unit[:, -1:]
        return np.asarray(mixed * self.deviation_m[:, None])

    def told(self, joints: Array) -> Person:
        """The person of estimated joints (17, 3), as this modality alone says."""
        return Person(1.0, trunk(joints), joints, self.deviation_m, {self.modality: 1.0})


def fused(told: Mapping[str, Person]) -> Person:
    """What several modalities say together: their mean by certainty, in place of a model."""
    sure = {m: person.deviation_m**-2 for m, person in told.items()}
    total = np.sum(list(sure.values()), axis=0)
    joints = sum(sure[m][:, None] * told[m].joints for m in told) / total[:, None]
    weights = {m: float((sure[m] / total).mean()) for m in told}
    return Person(1.0, trunk(joints), joints, total**-0.5, weights)


def mirrored(joints: Array) -> Array:
    """Joints (..., 17, 3) as a sensor shows them whose left is right: y and the sides change."""
    return np.asarray(joints[..., _MIRROR, :] * (1.0, -1.0, 1.0))


def rotated(joints: Array, degrees: float) -> Array:
    """Joints (..., 3) as a sensor at the origin shows them that is turned about its z axis."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.asarray(joints @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]))


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What one modality says of one instant: `people` in the order of the cast."""

    modality: str
    stamp_ns: int
    arrives_ns: int
    people: tuple[Person, ...]


#: Changes estimated joints (T, 17, 3) at times (T,) of one modality, as a broken sensor would.
Fault = Callable[[Array, Array], Array]


class Cast:
    """People who walk and act, and how each modality errs with each of them."""

    def __init__(
        self, people: Sequence[wide.Person], rng: np.random.Generator, white: float = WHITE
    ) -> None:
        self.people, self._rng = tuple(people), rng
        self._witnesses = {
            m: [Witness.draw(m, rng, white) for _ in self.people] for m in DEVIATIONS_M
        }

    def witness(self, modality: str, number: int = 0) -> Witness:
        """Of one person."""
        return self._witnesses[modality][number]

    def truth(self, time_s: Array) -> Array:
        """True joints (P, T, 17, 3) at times (T,)."""
        return np.stack([person.path(time_s) for person in self.people])

    def stream(
        self, modality: str, rate_hz: float, end_s: float, fault: Fault | None = None
    ) -> list[Told]:
        """Frames of one modality from 0 s to `end_s`, each arriving at its stamp."""
        time_s = np.arange(0.0, end_s, 1.0 / rate_hz)
        told = []
        for witness, path in zip(self._witnesses[modality], self.truth(time_s), strict=True):
            joints = path + witness.errors(path, self._rng)
            joints = joints if fault is None else fault(time_s, joints)
            told.append([witness.told(one) for one in joints])
        stamps = [to_ns(t) for t in time_s]
        rows = zip(stamps, zip(*told, strict=True), strict=True)
        return [Told(modality, stamp, stamp, people) for stamp, people in rows]


def together(
    streams: Sequence[Sequence[Told]], tolerance_s: float = 0.08
) -> Iterator[tuple[int, int, dict[str, Told]]]:
    """In order of arrival: when, the stamp, and what is known of it by then, by modality.

    As a pipeline does: frames that arrive at once are one instant, that of the newest of them, and
    the others' nearest frames join within `tolerance_s`.
    """
    told = sorted((one for stream in streams for one in stream), key=lambda one: one.arrives_ns)
    known: dict[str, deque[Told]] = {}
    for arrives_ns, group in groupby(told, key=lambda one: one.arrives_ns):
        stamps = set()
        for one in group:
            known.setdefault(one.modality, deque(maxlen=12)).append(one)
            stamps.add(one.stamp_ns)
        for stamp in sorted(stamps):
            near = {
                m: min(kept, key=lambda one: abs(one.stamp_ns - stamp)) for m, kept in known.items()
            }
            within = to_ns(tolerance_s)
            yield (
                arrives_ns,
                stamp,
                {m: one for m, one in near.items() if abs(one.stamp_ns - stamp) <= within},
            )


def everybody(told: Mapping[str, Told]) -> tuple[Person, ...]:
    """The people of one instant, fused from what each modality says of them."""
    rows = zip(*(one.people for one in told.values()), strict=True)
    return tuple(fused(dict(zip(told, row, strict=True))) for row in rows)
