"""The tables of docs/memory.md, of what docs/memory.py wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from memory_lessons import Choice
from memory_scenes import SUBSETS

from pta_ros.bench.film import NAMES
from pta_ros.bench.over_time import RATES
from pta_ros.bench.tracks import bench_cost
from pta_ros.tensors import load_tensors, read_note

#: (scene, system -> figure): one judged person.
Judged = dict[str, dict[str, dict[str, float]]]
#: From everybody who was judged and a system's name to a figure.
Measure = Callable[[Sequence[Judged], str], float]
ALL = " + ".join(NAMES)


def read(out: Path, numbers: Sequence[int]) -> list[Judged]:
    """What was judged of some people."""
    return [json.loads((out / f"judged/{n}.json").read_text()) for n in numbers]


def systems(judged: Sequence[Judged]) -> dict[str, list[str]]:
    """Names of systems, and those of their seeds."""
    out: dict[str, list[str]] = {}
    for name in judged[0][ALL]:
        head, *rest = name.split(" + ")
        out.setdefault(" + ".join([head.rstrip("0123456789"), *rest]), []).append(name)
    return out


def mean(scene: str, figure: str = "mean_mm") -> Measure:
    """The mean over people of a figure of a scene."""
    return lambda judged, name: float(np.mean([one[scene][name][figure] for one in judged]))


def most(scene: str, figure: str) -> Measure:
    """The largest."""
    return lambda judged, name: max(one[scene][name][figure] for one in judged)


def over(above: Measure, below: Measure, base: str = "") -> Measure:
    """A ratio, of the same system or of `base`."""
    return lambda judged, name: above(judged, name) / below(judged, base or name)


def worst_of(*measures: Measure) -> Measure:
    """The largest of several."""
    return lambda judged, name: max(measure(judged, name) for measure in measures)


def step(scene: str) -> Measure:
    """The largest step over the largest true one."""
    return over(most(scene, "step_mm"), most(scene, "true_step_mm"))


def against_all(scenes: Sequence[str], figure: Callable[[str, str], Measure], what: str) -> Measure:
    """The worst ratio of some scenes to the one with nothing wrong."""
    return worst_of(*(over(figure(scene, what), figure(ALL, what)) for scene in scenes))


def _rates() -> Measure:
    pairs = [
        (f"{r} Hz", " + ".join(m for m, hz in zip(NAMES, r, strict=True) if hz)) for r in RATES
    ]
    return worst_of(*(over(mean(scene), mean(same)) for scene, same in pairs))


_LATE = [f"{m} late" for m in NAMES]
#: What, the issue's limit, how it is measured, its digits; for everybody, or for those of TEST.
MEANS = [
    (name if name != ALL else "all", "0.9 x" if name == "csi" else "1 x", mean(name), 1)
    for name in map(" + ".join, SUBSETS)
]
_TREMBLE = mean("still", "jitter_mm")
FOR_ALL = [
    ("CSI alone, x single frames", "0.9", over(mean("csi"), mean("csi"), "single"), 2),
    ("trembling at rest, x single frames", "0.4", over(_TREMBLE, _TREMBLE, "single"), 2),
    ("error at rest, mm", "", mean("still"), 1),
    ("largest step, x the largest true one", "", step(ALL), 2),
    ("within 1 σ, %", "60 to 76", mean(ALL, "within1"), 0),
    ("within 2 σ, %", "88", mean(ALL, "within2"), 0),
    ("within 1 σ with CSI alone, %", "", mean("csi", "within1"), 0),
    ("5 % lost: worst, x without", "1.5", against_all(["5 % lost"], most, "worst_mm"), 2),
    ("5 % lost: mean, x without", "1.05", against_all(["5 % lost"], mean, "mean_mm"), 2),
]  # fmt: skip
FOR_TEST = [
    ("raised arm: estimates until half way, most", "1", most("hand", "lag"), 0),
    ("every tenth frame 30 ms late: worst", "1.5", against_all(_LATE, most, "worst_mm"), 2),
    ("every tenth frame 30 ms late: mean", "1.05", against_all(_LATE, mean, "mean_mm"), 2),
    ("other rates: mean, x 10 Hz each, worst", "1.1", _rates(), 2),
    ("other rates: largest step, worst", "1.5", worst_of(*(step(f"{r} Hz") for r in RATES)), 2),
]


def table(
    title: str, judged: Sequence[Judged], rows: Sequence[tuple[str, str, Measure, int]]
) -> str:
    """A table of all systems: means over seeds, and in brackets the lowest and highest of them."""
    names = systems(judged)
    lines = ["| ".join([f"| {title} ", "limit ", *(f"{n} " for n in names)]) + "|"]
    lines.append("|---" * (2 + len(names)) + "|")
    for what, limit, measure, digits in rows:
        cells = [_cell([measure(judged, s) for s in seeds], digits) for seeds in names.values()]
        lines.append(f"| {what} | {limit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: list[float], digits: int) -> str:
    middle, low, high = (f"{v:.{digits}f}" for v in (np.mean(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def chosen(out: Path, seeds: dict[str, Any], choice: Choice, judged: Sequence[Judged]) -> str:
    """What came of it on the people on whom heads and filter were chosen, and what they cost."""
    single, filtered = choice.errors_mm(None), choice.filter_mm()
    ratio, cost = np.mean([filtered[n] / single[n] for n in single]), bench_cost().in_order_ms
    lines = [
        "| on people 41 to 46 | seed | mean of seven subsets, x single frames | parameters "
        "| training, CPU s | per estimate, ms |",
        "|---|---|---|---|---|---|",
        f"| filter | | {ratio:.3f} | | | {cost:.1f} |",
    ]
    for kind, numbers in seeds.items():
        for seed in numbers:
            path = out / f"{kind}{seed}.safetensors"
            note, size = read_note(path), sum(t.numel() for t in load_tensors(path).values())
            best, ms = min(json.loads(note["scores"])), mean(ALL, "cpu_ms")(judged, f"{kind}{seed}")
            told = f"{best:.3f} | {size:,} | {note['cpu_s']} | {ms:.1f}"
            lines.append(f"| {kind} | {seed} | {told} |")
    return "\n".join(lines)
