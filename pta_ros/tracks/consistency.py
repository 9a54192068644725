"""Which modality contradicts the others and the tracks, so that it is left out while it does.

    tracks = {m: tracker.at(stamps_ns[m]) for m in alone}
    trusted = consistency.judge(stamp_ns, alone, tracks)

before the frames are fused: `alone` is what each modality says by itself, and the tracks are those
at its frame's own stamp, predicted from what came before, so that a sensor that jumps is caught
before it moves them. A frame is judged once: given again it would look frozen.

- One that jumps farther than people do, while another one does not, is left out at once: a poor
  witness will do for that. When all jump alike, the people did: nobody is left out.
- Of two that are about as good and differ, the one that jumped when it began is left out, or the
  one that is late: a sensor cannot be early. Without such a sign nobody is: see pairs.py.
- One that repeats its pose to the bit is frozen, whatever the people do.
- A sensor much poorer than the best is only left out when it is frozen: it weighs little, and
  what it says is no proof against a better one.
- It comes back when it jumps back by what it had jumped, or agrees for a while with another one
  that is about as good; one that was late must move meanwhile. With a poor one alone that cannot
  be told: there it comes back after `forgive_s`. Whoever is trusted while the one left out is
  ahead of it is late itself, and they change places, unless that one jumped farther than people do:
  what a broken sensor shows may look ahead by chance. The last one is never left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from pta_ros.clock import NS, to_ns
from pta_ros.errors import ConfigError
from pta_ros.frames import Person, Track
from pta_ros.settings import Group, param
from pta_ros.tracks.comparison import Comparison, Look, Looks, over_people
from pta_ros.tracks.filter import Array
from pta_ros.tracks.pairs import ENOUGH, Pair, PairConfig

#: Two jumps, or one there and one back, are the same if no more than this share of it is left.
_ALIKE = 0.25
#: Who comes back must agree so much better than the lag and the distance that were blamed, and so
#: soon after it jumped back or is no longer frozen; one that was late must move by this share.
_CALM_LAG, _CALM, _SOON, _MOVES = 0.6, 0.5, 0.4, 1.0 / 3.0


@dataclass(frozen=True)
class ConsistencyConfig(Group):
    """When a modality contradicts; squares, 1 being what its usual deviations promise."""

    jump: float = param(
        1.1, "people make no jump of so many metres times its deviations", low=0.1, high=1e3
    )
    sharp: float = param(
        2.5, "a modality with so many times the best one's deviation is poor", low=1.0, high=100.0
    )
    agree_s: float = param(
        0.5, "it must agree so long; nobody known for less counts", unit="s", low=0.0, high=60.0
    )
    forgive_s: float = param(
        10.0, "then it is trusted again beside a poor one", unit="s", low=0.1, high=1e3
    )
    pair: PairConfig = field(default_factory=PairConfig)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a modality is `trusted`, and if not, why: "contradicts the track by 0.31 m since
    12.4 s"."""

    trusted: bool
    reason: str = ""


@dataclass(slots=True, eq=False)
class _Out:
    """Why and since when a modality is left out; `jump` (17, 3) is what it came with, metres."""

    kind: str
    since_ns: int
    off_m: float
    jump: Array
    calm_ns: int | None = None  # since when it agrees, and how much it moved since
    motion: float = 0.0
    returned: bool = False  # it jumped back

    def text(self, now_ns: int) -> str:
        apart = f"contradicts the track by {self.off_m:.2f} m"
        told = {
            "contradicts": apart,
            "jumped": apart,
            "late": f"is late, {self.off_m:.2f} m off the track",
            "frozen": "repeats the same pose",
        }[self.kind]
        return f"{told} since {max(0.0, (now_ns - self.since_ns) / NS):.1f} s"


class Consistency:
    """Judges the `modalities` of one pipeline. Not thread-safe."""

    def __init__(self, modalities: Sequence[str], config: ConsistencyConfig | None = None) -> None:
        self.config = config or ConsistencyConfig()
        self.modalities = tuple(modalities)
        self.reset()

    def reset(self) -> None:
        """Start over, all trusted."""
        self._with = {m: Comparison() for m in self.modalities}
        self._pairs = {p: Pair(self.config.pair) for p in combinations(self.modalities, 2)}
        self._out: dict[str, _Out] = {}
        self._now_ns = 0

    def judge(
        self,
        stamp_ns: int,
        alone: Mapping[str, Sequence[Person]],
        tracks: Mapping[str, Sequence[Track]],
    ) -> frozenset[str]:
        """Which of the modalities in `alone` may be used; `tracks` of each modality's moment."""
        unknown = [m for m in alone if m not in self._with]
        if unknown:
            raise ConfigError(f"modalities {unknown} are unknown; expected {self.modalities}")
        self._now_ns = stamp_ns
        looks: dict[str, Looks] = {}
        for name in (m for m in self.modalities if m in alone):
            settled = [track for track in tracks[name] if track.age_s >= self.config.agree_s]
            seen = self._with[name].looks(stamp_ns, alone[name], settled)
            if seen:
                looks[name] = seen
        self._consider(looks)
        trusted = frozenset(alone) - self._out.keys()
        return trusted or frozenset(alone)

    def verdicts(self) -> dict[str, Verdict]:
        """How every modality stands after the last frame."""
        return {
            m: Verdict(False, self._out[m].text(self._now_ns)) if m in self._out else Verdict(True)
            for m in self.modalities
        }

    def _consider(self, looks: Mapping[str, Looks]) -> None:
        """Who comes back, and who is left out from now on."""
        sizes = {m: over_people(_deviation, seen) for m, seen in looks.items()}
        best = min(sizes.values(), default=0.0)
        sharp = [m for m in looks if sizes[m] <= self.config.sharp * best]
        for a, b in combinations(looks, 2):
            self._pairs[a, b].update(self._now_ns, self._with[a].since_s, looks[a], looks[b])
        for name in [m for m in looks if m in self._out]:
            out, others = self._out[name], [m for m in sharp if m != name and m not in self._out]
            near = [m for m in others if sizes[m] <= self.config.sharp * sizes[name]]
            other = min(near, key=lambda m: sizes[m], default=None)
            if self._agrees(name, out, looks[name], other):
                del self._out[name]
        blamed = {m: k for m in looks if m not in self._out if (k := self._alone(m, looks, sharp))}
        self._compare([m for m in sharp if m not in blamed], blamed)
        if blamed and not [m for m in looks if m not in self._out and m not in blamed]:
            del blamed[min(blamed, key=lambda m: over_people(_far, looks[m]))]  # the last one
        for name, kind in blamed.items():
            off_m = over_people(lambda look: look.off_m, looks[name])
            self._out[name] = _Out(kind, self._now_ns, off_m, _jump(looks[name]))
        for name in [m for m in looks if m not in self._out]:
            self._with[name].learn()

    def _alone(self, name: str, looks: Mapping[str, Looks], sharp: Sequence[str]) -> str:
        """What is wrong with a modality by itself, while others are not; empty: nothing."""
        own = looks[name]
        if _same(own):
            return "frozen"
        if name not in sharp or over_people(_far, own) <= self.config.jump:
            return ""
        witnesses = [m for m in looks if m != name and not _same(looks[m])]
        alike = [over_people(_left, own, looks[m]) < _ALIKE for m in witnesses]
        return "jumped" if witnesses and not any(alike) else ""

    def _compare(self, sharp: Sequence[str], blamed: dict[str, str]) -> None:
        """Add who is to blame of every two that are about as good; who is behind one that was left
        out changes places with it."""
        for names in combinations(sharp, 2):
            pair, out = self._pairs[names], [m for m in names if m in self._out]
            if any(m in blamed for m in names):
                continue
            if not out and (guilt := pair.guilty()):
                blamed[names[guilt.which]] = "late" if guilt.late else "contradicts"
            elif len(out) == 1 and self._out[out[0]].kind in ("contradicts", "late"):
                late = pair.overturned() if self._out[out[0]].kind == "late" else pair.late()
                if late is not None and names[late] != out[0]:
                    blamed[names[late]] = "late"
                    del self._out[out[0]]

    def _agrees(self, name: str, out: _Out, own: Looks, other: str | None) -> bool:
        """Whether a modality that was left out may come back; remembers how it stands."""
        out.off_m = over_people(lambda look: look.off_m, own)
        if out.kind in ("contradicts", "jumped"):
            left = np.square(_jump(own) + out.jump).mean()
            out.returned |= bool(left < _ALIKE * np.square(out.jump).mean())
        if out.kind == "frozen":
            calm = not _same(own)
        elif other is None:
            calm = out.returned or self._now_ns - out.since_ns > to_ns(self.config.forgive_s)
        else:
            calm = self._near(name, out, other)
        if not calm:
            out.calm_ns, out.motion = None, 0.0
            return False
        out.motion += over_people(_motion, own)
        if out.calm_ns is None:
            out.calm_ns = self._now_ns
        soon = out.returned or out.kind == "frozen"
        wait_s = (_SOON if soon else 1.0) * self.config.agree_s
        moves = out.kind != "late" or other is None or out.motion > _MOVES * ENOUGH
        forgiven = self._now_ns - out.since_ns > to_ns(self.config.forgive_s)
        return self._now_ns - out.calm_ns >= to_ns(wait_s) and (moves or forgiven)

    def _near(self, name: str, out: _Out, other: str) -> bool:
        """Whether it is where another one is, and when."""
        a, b = sorted((name, other), key=self.modalities.index)
        pair, config = self._pairs[a, b], self.config.pair
        late = pair.motion > ENOUGH and abs(pair.lag_s) > _CALM_LAG * config.lag_s
        return pair.apart < (1.0 if out.returned else _CALM) * config.apart and not late


def _deviation(look: Look) -> float:
    return look.deviation_m


def _far(look: Look) -> float:
    return look.far


def _left(own: Look, other: Look) -> float:
    """The share of a jump that another one did not make."""
    left = own.jump - other.jump
    return float(np.vdot(left, left)) / own.jump_square if own.jump_square > 0.0 else 0.0


def _motion(look: Look) -> float:
    """How much the person moves, in squares of deviations per second."""
    return float((look.motion.joints / (2.0 * look.variance)).sum())


def _jump(looks: Looks) -> Array:
    """The median person's (17, 3)."""
    return np.asarray(np.median([look.jump for look in looks.values()], axis=0))


def _same(looks: Looks) -> bool:
    return all(look.same for look in looks.values())
