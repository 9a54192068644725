"""Following people over time, on a model's own estimates: what late, lost, slow and broken sensors
cost, held to bounds.

Synthetic people who are in no data set, seen by the sensors of film.py through the node's own
pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from pta_ros.bench import film
from pta_ros.bench.film import NAMES, T0, Break, Film, Take
from pta_ros.bench.tracks import Followed
from pta_ros.clock import NS
from pta_ros.fusion.engine import Engine
from pta_ros.metrics.bound import Bound, at_least, at_most

SECONDS = 12.0
_SETTLED_S = 1.5  # the first estimates are nobody's figures
_FROM_S, _TO_S = 5.0, 10.0  # faults
_SILENT_S = (4.0, 6.0, 8.0, 10.0)  # and silences, of 0.4 s
#: Rates of depth, LiDAR and CSI, Hz.
RATES = ((5, 0, 100), (5, 20, 100), (10, 0, 100), (30, 10, 10), (3, 10, 50))

Takes = Mapping[str, Take]


@dataclass
class Stage:
    """A model, and the people it is tried on: what came of each scene, by name."""

    engine: Engine
    numbers: Sequence[int]
    told: dict[str, list[Followed]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._films = [Film(number) for number in self.numbers]
        self._still = [Film(number, still_s=3.0) for number in self.numbers]

    def play(
        self,
        name: str,
        takes: Takes,
        follow: bool = True,
        still: bool = False,
        judged: bool = False,
    ) -> list[Followed]:
        """What was published of each person in a scene; played once.

        `judged`: sensors that contradict are left out.
        """
        if name not in self.told:
            films = self._still if still else self._films
            self.told[name] = [self._one(film, takes, follow, judged) for film in films]
        return self.told[name]

    def _one(self, person: Film, takes: Takes, follow: bool, judged: bool) -> Followed:
        pipeline = self.engine.pipeline()
        pipeline.follow(follow)
        assert pipeline.follower is not None
        pipeline.follower.consistency = judged
        assert self.engine.estimator is not None
        self.engine.estimator.alone = judged and follow
        given = film.arrivals(person, takes, self.engine.streams, SECONDS)
        found = [e for e in film.play(pipeline, given, SECONDS) if len(e.joints_m)]
        stamps = np.array([(e.stamp_ns - T0) / NS for e in found])
        joints, deviations = (
            np.array([getattr(e, name) for e in found], np.float64)
            for name in ("joints_m", "std_m")
        )
        whole = Followed(stamps, joints, deviations, person.joints(stamps))
        return whole.between(_SETTLED_S, SECONDS)


def subset(names: Sequence[str], **given: Take) -> dict[str, Take]:
    """The takes of a scene: these sensors at 10 Hz, some as `given`."""
    return {name: given.get(name, Take()) for name in names}


def mean_mm(runs: Sequence[Followed]) -> float:
    """Mean error of all estimates."""
    return 1e3 * float(np.concatenate([run.errors_m for run in runs]).mean())


def worst_mm(runs: Sequence[Followed]) -> float:
    """The worst estimate's error."""
    return 1e3 * max(float(run.errors_m.max()) for run in runs)


def step_ratio(runs: Sequence[Followed]) -> float:
    """The largest step between estimates over the largest true one."""
    steps = [run.largest_step_m() for run in runs]
    return max(told for told, _ in steps) / max(true for _, true in steps)


def late_and_lost(stage: Stage) -> Iterator[Bound]:
    """Frames that come late or never."""
    clean = stage.play("all", subset(NAMES))
    scenes = {f"{m} late": subset(NAMES, **{m: Take(late_every=10, late_s=0.03)}) for m in NAMES}
    scenes["5 % lost"] = subset(NAMES, **{m: Take(lost=0.05) for m in NAMES})
    for name, takes in scenes.items():
        runs = stage.play(name, takes)
        yield at_most(f"{name}, worst", worst_mm(runs) / worst_mm(clean), 1.5, "x")
        yield at_most(f"{name}, mean", mean_mm(runs) / mean_mm(clean), 1.05, "x")


def rates(stage: Stage) -> Iterator[Bound]:
    """Sensors of different rates."""
    for numbers in RATES:
        own = dict(zip(NAMES, map(float, numbers), strict=True))
        there = [name for name in NAMES if own[name]]
        runs = stage.play(f"{numbers} Hz", {m: Take(rate_hz=own[m]) for m in there})
        same = stage.play(" + ".join(there), subset(there))
        yield at_most(f"{numbers} Hz, step", step_ratio(runs), 1.5, "x")
        yield at_most(f"{numbers} Hz, mean", mean_mm(runs) / mean_mm(same), 1.1, "x")


def faults(modality: str) -> dict[str, Take]:
    """What may happen to one sensor for five seconds."""

    def broken(fault: Break) -> Take:
        return Take(from_s=_FROM_S, to_s=_TO_S, fault=fault)

    out = {
        "0.3 s old": Take(from_s=_FROM_S, to_s=_TO_S, shift_s=0.3),
        "frozen": Take(from_s=_FROM_S, to_s=_TO_S, shift_s=-1.0),
        "mirrored": broken(film.mirrored(modality)),
        "noisy": broken(film.noisy(modality)),
    }
    if modality != "csi":
        out["displaced"] = broken(film.displaced(modality, 0.3))
        out["rotated"] = broken(film.rotated(modality, 10.0))
    return out


def broken(stage: Stage) -> Iterator[Bound]:
    """A broken sensor beside others, against doing without it, while it is broken.

    First what judging the sensors costs where nothing is broken.
    """
    sound = stage.play("all, judged", subset(NAMES), judged=True)
    cost = mean_mm(sound) / mean_mm(stage.play("all", subset(NAMES)))
    yield at_most("nothing broken, judged", cost, 1.02, "x")
    for modality in NAMES:
        others = [name for name in NAMES if name != modality]
        for kept in (*combinations(others, 1), tuple(others)):
            names = [name for name in NAMES if name == modality or name in kept]
            for fault, take in faults(modality).items():
                name = f"{modality} {fault} beside {' + '.join(kept)}"
                with_it = stage.play(name, subset(names, **{modality: take}), judged=True)
                without = stage.play(
                    f"no {modality} in {names}",
                    subset(names, **{modality: replace(take, fault=None, shift_s=0, silent=True)}),
                )
                parts = [
                    mean_mm([run.between(_FROM_S, _TO_S) for run in runs])
                    for runs in (with_it, without)
                ]
                yield at_most(name, parts[0] / parts[1], 1.02, "x")


def silence(stage: Stage) -> Iterator[Bound]:
    """All sensors silent for 0.4 s, again and again: the last estimate before they are back."""
    ends: list[float] = []
    held: list[float] = []
    for start in _SILENT_S:
        silent = Take(from_s=start + 0.05, to_s=start + 0.45, silent=True)
        for run in stage.play(f"silent at {start:g} s", dict.fromkeys(NAMES, silent)):
            last = run.between(start + 0.25, start + 0.45)
            if len(last.stamp_s):
                ends.append(1e3 * float(last.errors_m[-1]))
                held.append(last.within(2.0))
    yield at_most("silence of 0.4 s, error at its end", float(np.mean(ends or [np.inf])), 150, "mm")
    yield at_least("silence of 0.4 s, within 2 sigma", 100 * float(np.mean(held or [0])), 90, "%")


def subsets(stage: Stage) -> Iterator[Bound]:
    """Every subset against the same frames one by one."""
    for size in (1, 2, 3):
        for names in combinations(NAMES, size):
            title = " + ".join(names) if size < len(NAMES) else "all"
            runs = stage.play(title, subset(names))
            alone = stage.play(f"{title}, one by one", subset(names), follow=False)
            limit = 0.9 if names == ("csi",) else 1.0
            yield at_most(f"{title}, mean", mean_mm(runs) / mean_mm(alone), limit, "x")
    runs = stage.play("all", subset(NAMES))
    for sigmas, low, high in ((1.0, 60, 76), (2.0, 88, 100)):
        within = 100 * float(np.mean([run.within(sigmas) for run in runs]))
        yield at_least(f"all, within {sigmas:g} sigma", within, low, "%")
        yield at_most(f"all, within {sigmas:g} sigma", within, high, "%")


def rest(stage: Stage) -> Iterator[Bound]:
    """How much the joints of somebody who stands still tremble."""
    runs = stage.play("still", subset(NAMES), still=True)
    alone = stage.play("still, one by one", subset(NAMES), follow=False, still=True)
    ratio = float(np.mean([r.jitter_m() for r in runs]) / np.mean([r.jitter_m() for r in alone]))
    yield at_most("at rest, trembling", ratio, 0.4, "x")


PARTS: dict[str, Callable[[Stage], Iterator[Bound]]] = {
    "subsets": subsets,
    "late": late_and_lost,
    "rates": rates,
    "rest": rest,
    "silence": silence,
    "broken": broken,
}
