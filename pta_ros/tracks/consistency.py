"""Which modality contradicts the tracks, so that it is left out while it does.

    tracks = {m: tracker.at(stamps_ns[m]) for m in alone}
    trusted = consistency.judge(stamp_ns, alone, tracks)

before the frames are fused: `alone` is what each modality says by itself, and the tracks are those
at its frame's own stamp, predicted from what came before, so that a sensor that jumps is caught
before it moves them. A frame is judged once: given again it would look frozen.

- A modality that is off (far from where it usually has the people, rough, late) while another one
  is not, is left out. When all are off alike, the people moved: nobody is. When all are off, each
  in its own way, the one that is least so stays. The last one is never left out.
- One that repeats its pose to the bit is frozen, whatever the people do.
- It comes back when it agrees for a while, with a track as sure as when it left: one that is
  displaced would fit a track that only a poor sensor holds. There it counts that it jumps back by
  what it had jumped. After `forgive_s` plain agreement does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pta_ros.clock import NS, to_ns
from pta_ros.errors import ConfigError
from pta_ros.frames import Person, Track
from pta_ros.settings import Group, param
from pta_ros.tracks.comparison import Comparison, Gap
from pta_ros.tracks.filter import Array

#: A modality is rough if its steps are so many times the calmest one's.
_ALONE = 3.0


@dataclass(frozen=True)
class ConsistencyConfig(Group):
    """When a modality contradicts; squares as in comparison.Gap, 1 being usual."""

    pose: float = param(2.4, "square of its joints' differences", low=1.0, high=100.0)
    shift: float = param(2.0, "square of their mean", low=1.0, high=100.0)
    step: float = param(5.0, "square of their change in a frame", low=1.0, high=100.0)
    lag_s: float = param(0.12, "its motion is so late or early", unit="s", low=0.01, high=5.0)
    calm: float = param(
        0.5, "of these, below which one that was displaced agrees", low=0.1, high=1.0
    )
    agree_s: float = param(
        0.5, "it must agree so long; nobody known for less counts", unit="s", low=0.0, high=60.0
    )
    forgive_s: float = param(
        10.0, "then agreement with an unsure track will do", unit="s", low=0.1, high=1e3
    )


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
    lag_s: float
    track_m: float
    jump: Array
    calm_ns: int | None = None  # since when it agrees
    returned: bool = False  # it jumped back

    def text(self, now_ns: int) -> str:
        told = {
            "contradicts": f"contradicts the track by {self.off_m:.2f} m",
            "rough": f"trembles about the track by {self.off_m:.2f} m",
            "late": f"is {abs(self.lag_s):.2f} s {'late' if self.lag_s > 0 else 'early'}",
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
        self._out: dict[str, _Out] = {}
        self._last: dict[str, Gap] = {}
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
        gaps = {}
        for name, people in alone.items():
            settled = [track for track in tracks[name] if track.age_s >= self.config.agree_s]
            gap = self._with[name].gap(stamp_ns, people, settled, self._most_m(name))
            if gap is not None:
                gaps[name] = gap
        for name in [n for n in gaps if n in self._out]:
            if self._agrees(self._out[name], gaps[name], self._last.get(name)):
                del self._out[name]
        self._blame({n: gap for n, gap in gaps.items() if n not in self._out})
        for name, gap in gaps.items():
            if name not in self._out:
                self._with[name].learn(gap)
            elif self._out[name].kind != "late":
                self._with[name].forget_lag()
        self._last.update(gaps)
        trusted = frozenset(alone) - self._out.keys()
        return trusted or frozenset(alone)

    def verdicts(self) -> dict[str, Verdict]:
        """How every modality stands after the last frame."""
        return {
            m: Verdict(False, self._out[m].text(self._now_ns)) if m in self._out else Verdict(True)
            for m in self.modalities
        }

    def _most_m(self, name: str) -> float:
        """How unsure the tracks may count: as when the modality left, if it was displaced."""
        out = self._out.get(name)
        if out is None or out.kind != "contradicts" or out.returned:
            return np.inf
        forgiven = self._now_ns - out.since_ns > to_ns(self.config.forgive_s)
        return np.inf if forgiven else 1.5 * out.track_m

    def _kind(self, gap: Gap, share: float = 1.0) -> str:
        """How a modality is off, "" if it is not; limits are times `share`."""
        config = self.config
        if gap.same:
            return "frozen"
        if gap.pose > share * config.pose or gap.shift > share * config.shift:
            return "contradicts"
        if gap.step > config.step:
            return "rough"
        return "late" if abs(gap.lag_s) > share * config.lag_s else ""

    def _blame(self, gaps: Mapping[str, Gap]) -> None:
        """Leave out who is off, unless all are in the same way."""
        kinds = {name: self._kind(gap) for name, gap in gaps.items()}
        steps = sorted(gap.step for gap in gaps.values())
        for name, kind in kinds.items():  # when all step, it is the track that did
            if kind == "rough" and gaps[name].step < _ALONE * steps[0]:
                kinds[name] = ""
        frozen = [name for name, kind in kinds.items() if kind == "frozen"]
        off = [name for name, kind in kinds.items() if kind and kind != "frozen"]
        if len(frozen) + len(off) == len(gaps) and off:
            off = [] if self._together([gaps[n] for n in off]) else self._but_least(off, gaps)
        blamed = frozen + off
        if len(blamed) == len(gaps):
            return  # the last one
        for name in blamed:
            gap = gaps[name]
            before = self._last[name].change if name in self._last else np.zeros_like(gap.change)
            self._out[name] = _Out(
                kinds[name], self._now_ns, gap.off_m, gap.lag_s, gap.track_m, gap.change - before
            )

    def _together(self, gaps: Sequence[Gap]) -> bool:
        """Whether all moved away from the tracks in the same way."""
        changes = np.stack([gap.change for gap in gaps])
        middle = changes.mean(axis=0)
        return bool(np.square(changes - middle).mean() < 0.25 * np.square(changes).mean())

    def _but_least(self, off: Sequence[str], gaps: Mapping[str, Gap]) -> list[str]:
        """All but the one that is least off."""
        least = min(off, key=lambda name: max(gaps[name].pose, gaps[name].shift))
        return [name for name in off if name != least]

    def _agrees(self, out: _Out, gap: Gap, last: Gap | None) -> bool:
        """Whether a modality that was left out may come back; remembers how it stands."""
        out.off_m = gap.off_m
        if out.kind == "late" and not np.isnan(gap.lag_s):
            out.lag_s = gap.lag_s
        if last is not None and out.kind == "contradicts":
            left = np.square(gap.change - last.change + out.jump).mean()
            if left < 0.25 * np.square(out.jump).mean():
                out.returned = True
        displaced = out.kind == "contradicts" and not out.returned
        kind = self._kind(gap, self.config.calm if displaced else 1.0)
        if kind:
            out.calm_ns = None
            return False
        if out.calm_ns is None:
            out.calm_ns = self._now_ns
        wait_s = 0.4 * self.config.agree_s if out.returned else self.config.agree_s
        return self._now_ns - out.calm_ns >= to_ns(wait_s)
