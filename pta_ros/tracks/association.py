"""Who in a new frame is whom: measurements to bodies, births and deaths.

`step` is a pure function of what is known and what one frame shows, so that history.py can do it
again when a late frame comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import NS, to_ns
from pta_ros.errors import ConfigError, did_you_mean
from pta_ros.frames import Person
from pta_ros.people.pairs import assigned
from pta_ros.settings import Group, param
from pta_ros.tracks.filter import CENTRE, MotionConfig, MotionFilter, Seen, State

_FAR = 1e6  # the price of a pair that cannot be; more than all others together
#: Sensors may be slow. Two frames in a row that agree on somebody new may be so far apart, seconds,
#: and who is known may be seen again after so many times the gap before.
_BETWEEN_S, _LATER = 5.0, 1.5
_NEVER_NS = -(10**18)


@dataclass(frozen=True)
class AssociationConfig(Group):
    """When a measurement can be somebody known, and how long nobody's absence counts."""

    forget_after_s: float = param(
        1.5, "a person who is not seen for so long is gone", unit="s", low=0.05, high=60.0
    )
    confirm_within_s: float = param(
        0.6, "two frames within it must agree on somebody new", unit="s", low=0.02, high=10.0
    )
    gate_m: float = param(
        0.3, "so far from the prediction it may be, beside 3 sigma", unit="m", low=0.01, high=5.0
    )
    gate_most_m: float = param(1.5, "and never farther", unit="m", low=0.05, high=20.0)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Somebody as of `seen_ns`, the last frame that showed them; `frames` have, and `missed` ones
    since have not; `gap_ns` lay between the last two that did. `shown_ns` (M,): when each modality
    last had a part in it. `key` is theirs alone: the first frame's stamp and the place in it."""

    key: tuple[int, int]
    state: State
    seen_ns: int
    shown_ns: NDArray[np.int64]
    frames: int
    presence: float
    weights: dict[str, float] = field(default_factory=dict)
    missed: int = 0
    gap_ns: int = 0

    @property
    def sure(self) -> bool:
        """Whether two frames agreed."""
        return self.frames > 1


Bodies = tuple[Body, ...]


class Associator:
    """Takes the people of one frame in; `modalities` are those that their weights name."""

    def __init__(
        self, config: AssociationConfig, motion: MotionConfig, modalities: Sequence[str]
    ) -> None:
        self.config, self.modalities = config, tuple(modalities)
        self.filter = MotionFilter(motion, max(1, len(self.modalities)))

    def step(self, bodies: Bodies, stamp_ns: int, seen: Sequence[Seen]) -> Bodies:
        """Everybody after a frame: the known in their order, then the new in the frame's."""
        there = self._known(bodies, stamp_ns)
        states = [self.filter.predict(body.state, stamp_ns) for body in there]
        pairs: dict[int, int] = {}
        rest = list(range(len(seen)))
        for sure in (True, False):  # whom two frames have shown has the first choice
            own = [n for n, body in enumerate(there) if body.sure is sure]
            found = self._pairs([states[n] for n in own], [seen[k] for k in rest])
            pairs |= {own[row]: rest[column] for row, column in found}
            rest = [k for k in rest if k not in pairs.values()]
        after = [replace(body, missed=body.missed + 1) for body in there]
        for n, k in pairs.items():
            state = self.filter.update(states[n], seen[k], _gap_s(there[n], seen[k], stamp_ns))
            after[n] = _met(there[n], state, seen[k])
        for k in rest:
            state = self.filter.start(seen[k], stamp_ns)
            shown = np.where(seen[k].parts > 0.0, stamp_ns, _NEVER_NS)
            new = Body((stamp_ns, k), state, stamp_ns, shown, 1, seen[k].presence, seen[k].weights)
            after.append(new)
        return tuple(after)

    def alive(self, bodies: Bodies, stamp_ns: int) -> Bodies:
        """Those who are not forgotten by `stamp_ns`."""
        patience = {
            True: to_ns(self.config.forget_after_s),
            False: to_ns(self.config.confirm_within_s),
        }
        return tuple(b for b in bodies if stamp_ns - b.seen_ns <= patience[b.sure])

    def _known(self, bodies: Bodies, stamp_ns: int) -> Bodies:
        """Those whom a frame of `stamp_ns` may show again."""
        alive, first_ns = set(self.alive(bodies, stamp_ns)), to_ns(_BETWEEN_S)

        def next_in_a_row(body: Body) -> bool:
            longest = _LATER * body.gap_ns if body.sure else first_ns
            return not body.missed and stamp_ns - body.seen_ns <= longest

        return tuple(body for body in bodies if body in alive or next_in_a_row(body))

    def seen(self, person: Person) -> Seen:
        """A person of a frame as the filter takes them.

        Raises ConfigError for weights of other modalities and numbers that are not finite.
        """
        if not person.is_finite():
            raise ConfigError(
                f"a person at {np.round(person.centre, 2).tolist()} has numbers that are not "
                "finite; expected a sound estimate: leave it out"
            )
        for name in person.weights:
            if name not in self.modalities:
                raise ConfigError(
                    f"a person's weights name {name!r}; {did_you_mean(name, self.modalities)}"
                )
        parts = np.array([person.weights.get(m, 0.0) for m in self.modalities] or [1.0])
        size = float(np.linalg.norm(parts))
        parts = parts / size if size > 0.0 else np.full(len(parts), len(parts) ** -0.5)
        points = np.concatenate([person.joints, person.centre[None]])
        middle = 0.5 * (person.deviation_m[0] + person.deviation_m[8])  # their errors go together
        deviation = np.append(person.deviation_m, middle)
        return Seen(points, deviation, parts, person.presence, person.weights)

    def _pairs(self, states: Sequence[State], seen: Sequence[Seen]) -> list[tuple[int, int]]:
        """Which state is which measurement: the least sum of the joints' mean distances."""
        if not states or not seen:
            return []
        price = np.full((len(states), len(seen)), _FAR)
        for row, state in enumerate(states):
            mean, cov = state.mixed()
            for column, one in enumerate(seen):
                away = np.linalg.norm(one.points - mean[:, 0], axis=1)
                sigma = np.sqrt(cov[CENTRE, 0, 0] + one.deviation_m[CENTRE] ** 2)
                gate = min(self.config.gate_m + 3.0 * sigma, self.config.gate_most_m)
                if away[CENTRE] <= gate:
                    price[row, column] = away.mean()
        return [(row, column) for row, column in assigned(price) if price[row, column] < _FAR]


def _gap_s(body: Body, seen: Seen, stamp_ns: int) -> float:
    """How long ago the modalities of a measurement were last seen, the mean by their parts."""
    return float(seen.parts**2 @ (stamp_ns - body.shown_ns)) / NS


def _met(body: Body, state: State, seen: Seen) -> Body:
    shown_ns = np.where(seen.parts > 0.0, state.stamp_ns, body.shown_ns)
    return replace(
        body, state=state, seen_ns=state.stamp_ns, shown_ns=shown_ns, frames=body.frames + 1,
        presence=seen.presence, weights=seen.weights, missed=0,
        gap_ns=state.stamp_ns - body.seen_ns,
    )  # fmt: skip
