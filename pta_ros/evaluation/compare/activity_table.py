"""Accuracy of the compared systems over all subsets of the sensors, gathered over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from pta_ros.errors import ConfigError
from pta_ros.evaluation.compare import activity_paper as paper
from pta_ros.evaluation.compare.text import bold, grid, spaced
from pta_ros.metrics.bound import Bound, at_least, at_most
from pta_ros.metrics.subsets import subset_name, subsets

#: The compared systems, in the order of every table, and their titles.
TITLES: dict[str, str] = {
    "mutual": "Base. (mutual learning)",
    "xfi": "X-Fi fusion",
    "pta_no_diffusion": "PTA without diffusion",
    "pta_no_meta": "PTA without meta weights",
    "pta": "PTA",
}
#: What is measured apart from each other.
SPLITS = {"test": "held-out repeats of known people", "unseen": "held-out people"}
#: Most that adding a sensor may cost, percentage points.
CONTAMINATION_POINTS = 0.5


@dataclass(frozen=True)
class AccuracyRecord:
    """Accuracy (percent) of one trained system on one subset of the sensors and one split."""

    system: str
    seed: int
    split: str
    subset: str
    samples: int
    accuracy: float


@dataclass(frozen=True)
class AccuracyTable:
    """Means and standard deviations over the seeds: (system, split, subset) -> percent."""

    modalities: tuple[str, ...]
    means: dict[tuple[str, str, str], float]
    deviations: dict[tuple[str, str, str], float]

    @property
    def subsets(self) -> list[str]:
        """Names of all subsets, single sensors first."""
        return [subset_name(s) for s in subsets(self.modalities)]

    @property
    def systems(self) -> list[str]:
        """The systems that were measured, in the order of the tables."""
        return [s for s in TITLES if any(s == key[0] for key in self.means)]

    @property
    def splits(self) -> list[str]:
        """The splits that were measured."""
        return [s for s in SPLITS if any(s == key[1] for key in self.means)]

    def best(self, split: str, subset: str) -> set[str]:
        """Systems with the highest mean."""
        found = {s: self.means[s, split, subset] for s in self.systems}
        return {s for s, mean in found.items() if mean >= max(found.values()) - 1e-9}

    def worst_addition(self, system: str, split: str) -> tuple[float, str]:
        """The most points that adding a sensor costs (negative: it always gains), and where."""
        costs = []
        for smaller in subsets(self.modalities):
            for larger in subsets(self.modalities):
                if len(larger) == len(smaller) + 1 and set(smaller) < set(larger):
                    names = subset_name(smaller), subset_name(larger)
                    before, after = (self.means[system, split, name] for name in names)
                    costs.append((before - after, " to ".join(spaced(n) for n in names)))
        return max(costs)


def tabulate(records: Sequence[AccuracyRecord], modalities: tuple[str, ...]) -> AccuracyTable:
    """Gather the records; raises ConfigError when a cell lacks what another one has."""
    cells: dict[tuple[str, str, str], list[float]] = {}
    for record in records:
        cells.setdefault((record.system, record.split, record.subset), []).append(record.accuracy)
    means = {key: fmean(values) for key, values in cells.items()}
    table = AccuracyTable(modalities, means, {key: pstdev(v) for key, v in cells.items()})
    for system in table.systems:
        for split in table.splits:
            missing = [n for n in table.subsets if (system, split, n) not in cells]
            if missing:
                raise ConfigError(f"{system}, {split}: no samples with {missing}; cannot compare")
    return table


def bounds(table: AccuracyTable) -> list[tuple[Bound, str]]:
    """PTA best everywhere, and adding a sensor never costs much; each with where it is missed."""
    found = []
    for split in table.splits:
        lost = [n for n in table.subsets if "pta" not in table.best(split, n)]
        count, unit = len(table.subsets) - len(lost), f"of {len(table.subsets)} subsets"
        best = at_least(f"PTA best, {SPLITS[split]}", count, len(table.subsets), unit)
        found.append((best, f"not in {', '.join(map(spaced, lost))}" if lost else ""))
        points, where = table.worst_addition("pta", split)
        name = f"PTA, adding a sensor costs, {SPLITS[split]}"
        found.append((at_most(name, round(points, 2), CONTAMINATION_POINTS, "points"), where))
    return found


def page(table: AccuracyTable, context: Iterable[tuple[str, str]], synthetic: bool) -> str:
    """The comparison as Markdown."""
    kind = "synthetic data" if synthetic else "recorded data"
    parts = [
        "# Activity recognition compared",
        f"**Measured on {kind}.** Accuracy in percent, "
        "mean ± standard deviation over the seeds; bold: the best mean of a row.",
    ]
    parts.append(grid(["made with", ""], [list(row) for row in context]))
    verdicts = [
        [b.name, f"{b.sense} {b.limit:g} {b.unit}", f"{b.value:g}", where or "–",
         "kept" if b.ok else "**not kept**"]
        for b, where in bounds(table)
    ]  # fmt: skip
    parts += ["## Bounds", grid(["bound", "limit", "measured", "where", ""], verdicts)]
    for split in table.splits:
        parts += [f"## {SPLITS[split].capitalize()}", _accuracies(table, split)]
    if table.modalities == paper.MODALITIES:
        parts += ["## The paper's own numbers, on recordings of XRF55", _papers()]
    return "\n\n".join(parts) + "\n"


def _accuracies(table: AccuracyTable, split: str) -> str:
    rows = []
    for name in table.subsets:
        best = table.best(split, name)
        cells = {s: _cell(table, (s, split, name)) for s in table.systems}
        rows.append([spaced(name), *(bold(text, s in best) for s, text in cells.items())])
    wins = [str(sum(s in table.best(split, n) for n in table.subsets)) for s in table.systems]
    header = ["subset", *(TITLES[s] for s in table.systems)]
    return grid(header, [*rows, ["*best count*", *wins]])


def _cell(table: AccuracyTable, key: tuple[str, str, str]) -> str:
    return f"{table.means[key]:.1f} ± {table.deviations[key]:.1f}"


def _papers() -> str:
    rows = [
        [spaced(name), *(f"{values[number]:g}" for values in paper.ACCURACY.values())]
        for number, name in enumerate(paper.SUBSETS)
    ]
    return grid(["subset", *(TITLES[system] for system in paper.ACCURACY)], rows)
