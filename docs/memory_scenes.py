"""What the systems of docs/memory.py are judged in, and their figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from memory_heads import Memory, Watcher
from memory_lessons import SETTLED_S
from numpy.typing import NDArray

from pta_ros.bench import film
from pta_ros.bench.film import NAMES, T0, Film, Take
from pta_ros.bench.over_time import RATES, SECONDS, subset
from pta_ros.bench.tracks import Followed
from pta_ros.clock import NS
from pta_ros.frames import Estimate
from pta_ros.fusion.engine import Engine

SUBSETS = [s for size in (1, 2, 3) for s in combinations(NAMES, size)]
_RAISED_S = 6.05


class Raised(Film):
    """Somebody who stands still and whose right arm is 60 degrees farther up from one frame on."""

    def __init__(self, number: int) -> None:
        super().__init__(number, still_s=3.0)

    def joints(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """The truth; elbow and wrist turn about the shoulder, in the camera's plane."""
        joints = super().joints(time_s)
        c, s = np.cos(np.pi / 3), np.sin(np.pi / 3)
        turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        arm = joints[:, 14:15] + (joints[:, 15:17] - joints[:, 14:15]) @ turn
        raised = (time_s > _RAISED_S)[:, None, None]
        joints[:, 15:17] = np.where(raised, arm, joints[:, 15:17])
        return joints


def scenes(number: int, everything: bool) -> Iterator[tuple[str, Film, dict[str, Take]]]:
    """What a person is judged in; without `everything` neither late frames nor other rates."""
    person = Film(number)
    for names in SUBSETS:
        yield " + ".join(names), person, subset(names)
    yield "5 % lost", person, subset(NAMES, **{m: Take(lost=0.05) for m in NAMES})
    yield "still", Film(number, still_s=3.0), subset(NAMES)
    if not everything:
        return
    yield "hand", Raised(number), subset(NAMES)
    for m in NAMES:
        yield f"{m} late", person, subset(NAMES, **{m: Take(late_every=10, late_s=0.03)})
    for rates in RATES:
        takes = {m: Take(rate_hz=hz) for m, hz in zip(NAMES, rates, strict=True) if hz}
        yield f"{rates} Hz", person, takes


def figures_of(
    engine: Engine,
    watcher: Watcher,
    heads: dict[str, Memory | None],
    name: str,
    person: Film,
    takes: dict[str, Take],
) -> dict[str, dict[str, float]]:
    """The figures of each system in one scene; the filter is "filter", or behind a head's name."""
    watcher.forget()
    given, out = film.arrivals(person, takes, engine.streams, SECONDS), {}
    for head, memory in heads.items():
        for follow in (False, True)[: 1 if head.startswith("plain") else 2]:
            watcher.begin(memory)
            pipeline = engine.pipeline()
            pipeline.follow(follow)
            found = film.play(pipeline, given, SECONDS)
            run = followed(person, [e for e in found if len(e.joints_m)])
            told = figures(run) | ({"lag": lag(run)} if name == "hand" else {})
            if memory is not None:
                told["cpu_ms"] = float(np.median(watcher.cpu_ms))
            title = " + ".join([head] * bool(head) + ["filter"] * follow) or "single"
            out[title] = told
    return out


def followed(person: Film, found: Sequence[Estimate]) -> Followed:
    """What was published of a person."""
    stamps = np.array([(e.stamp_ns - T0) / NS for e in found])
    joints, deviations = (
        np.array([getattr(e, name) for e in found], np.float64) for name in ("joints_m", "std_m")
    )
    run = Followed(stamps, joints, deviations, person.joints(stamps))
    return run.between(SETTLED_S, SECONDS)


def figures(run: Followed) -> dict[str, float]:
    """Of one scene."""
    step, true = run.largest_step_m()
    return {
        "mean_mm": 1e3 * float(run.errors_m.mean()),
        "worst_mm": 1e3 * float(run.errors_m.max()),
        "within1": 100 * run.within(1.0),
        "within2": 100 * run.within(2.0),
        "jitter_mm": 1e3 * run.jitter_m(),
        "step_mm": 1e3 * step,
        "true_step_mm": 1e3 * true,
    }


def lag(run: Followed) -> float:
    """After how many estimates a raised wrist is half way up; 0: in the first one that shows it."""
    wrist, later = run.joints[:, 16], run.stamp_s > _RAISED_S
    before, after = wrist[~later].mean(axis=0), wrist[later][-20:].mean(axis=0)
    way = (wrist[later] - before) @ (after - before) / np.square(after - before).sum()
    return float(np.argmax(way > 0.5))
