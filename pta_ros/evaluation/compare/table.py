"""Records of several fusion systems on the same test samples, gathered over the seeds.

Poses and activities share one table: a `Metric` says what of a record is compared, and how.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from pta_ros.errors import ConfigError
from pta_ros.evaluation.compare.records import PoseRecord, Record
from pta_ros.metrics.evaluate import ACCURACY, MPJPE, Metric
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.skeleton import NUM_JOINTS
from pta_ros.training.make_pta import UNGATED
from pta_ros.training.systems import BY_TASK

#: Compared with nothing but PTA: its weights, evaluated with unrefined student features.
PLAIN = "pta_plain"
#: Titles of the compared systems by task, and of all that can stand in a table.
COMPARED: dict[str, dict[str, str]] = {
    task: {s.name: s.title for s in systems.values() if s.compared}
    for task, systems in BY_TASK.items()
}
TITLES: dict[str, dict[str, str]] = {
    task: {**titles, UNGATED: BY_TASK[task][UNGATED].title} for task, titles in COMPARED.items()
}
TITLES["pose"][PLAIN] = "PTA, plain features"


@dataclass(frozen=True)
class Cell:
    """One system on one subset, clean or corrupted: one record per seed, in order of seeds."""

    records: tuple[Any, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were run."""
        return tuple(r.seed for r in self.records)

    def values(self, metric: Metric) -> list[float]:
        """The metric of every seed."""
        return [getattr(record, metric.key) for record in self.records]

    def mean(self, metric: Metric) -> float:
        """Mean over the seeds."""
        return fmean(self.values(metric))

    def per_joint_mm(self) -> list[float]:
        """Error of every joint, mean over the seeds."""
        return [fmean(joint) for joint in zip(*(r.per_joint_mm for r in self.records), strict=True)]


@dataclass(frozen=True)
class Table:
    """All cells, (system, subset, corruption) -> Cell, of one task."""

    task: str
    seeds: tuple[int, ...]
    modalities: tuple[str, ...]
    cells: dict[tuple[str, str, str | None], Cell]

    @property
    def metric(self) -> Metric:
        """What systems are compared by where nothing else is asked for."""
        return ACCURACY if self.task == "activity" else MPJPE

    @property
    def compared(self) -> dict[str, str]:
        """Names and titles of the compared systems, in the order of every table."""
        return COMPARED[self.task]

    @property
    def titles(self) -> dict[str, str]:
        """Those, and of all others that can be in the table."""
        return TITLES[self.task]

    @property
    def subsets(self) -> list[str]:
        """Names of all subsets, single modalities first."""
        return [subset_name(s) for s in subsets(self.modalities)]

    @property
    def corruptions(self) -> list[str]:
        """Every "modality/kind" that was measured, by modality."""
        seen = dict.fromkeys(c for _, _, c in self.cells if c is not None)
        return sorted(seen, key=lambda c: self.modalities.index(c.split("/")[0]))

    @property
    def people(self) -> set[str]:
        """Everybody whom any record tells of by name."""
        return {p for cell in self.cells.values() for r in cell.records for p in r.people}

    def cell(self, system: str, subset: str, corruption: str | None = None) -> Cell | None:
        """The cell, over whatever seeds it has; None when it was never measured."""
        return self.cells.get((system, subset, corruption))

    def mean(
        self, system: str, subset: str, metric: Metric | None = None, corruption: str | None = None
    ) -> float | None:
        """Mean over all seeds; None when one is missing, so that only equal seeds are compared."""
        cell = self.cell(system, subset, corruption)
        return cell.mean(metric or self.metric) if cell and cell.seeds == self.seeds else None

    def best(
        self, subset: str, metric: Metric | None = None, among: Iterable[str] | None = None
    ) -> set[str]:
        """Systems with the best mean over all seeds, ties included."""
        metric = metric or self.metric
        sign = -1 if metric.higher_is_better else 1
        means = {s: self.mean(s, subset, metric) for s in among or self.compared}
        cost = {s: sign * mean for s, mean in means.items() if mean is not None}
        return {s for s, value in cost.items() if value <= min(cost.values()) + metric.tie}


def tabulate(records: Sequence[Record], seeds: Sequence[int]) -> Table:
    """Check the records of one task (activities: of one split) and gather them.

    Raises ConfigError for what cannot stand in the table.
    """
    if not records:
        raise ConfigError("no records; expected at least one system on one subset")
    largest = max(records, key=lambda r: r.subset.count("+")).subset
    modalities, task = tuple(largest.split("+")), records[0].TASK
    names = {subset_name(s) for s in subsets(modalities)}
    found: dict[tuple[str, str, str | None], dict[int, Record]] = defaultdict(dict)
    for record in records:
        of_seeds = found[record.system, record.subset, record.corruption]
        for problem, is_so in _problems(record, names, seeds).items():
            if is_so:
                raise ConfigError(f"{_name(record)}: {problem}")
        if record.seed in of_seeds:
            raise ConfigError(f"{_name(record)}: given twice; expected one record per seed")
        of_seeds[record.seed] = record
    cells = {
        key: Cell(tuple(of_seeds[seed] for seed in sorted(of_seeds)))
        for key, of_seeds in found.items()
    }
    return Table(task, tuple(sorted(seeds)), modalities, cells)


def _name(record: Record) -> str:
    corrupted = f" with {record.corruption}" if record.corruption else ""
    return f"record of {record.system}, seed {record.seed}, {record.subset}{corrupted}"


def _problems(record: Record, names: set[str], seeds: Sequence[int]) -> dict[str, bool]:
    """Every reason not to have the record in the table -> whether it applies."""
    titles, corruption = TITLES[record.TASK], record.corruption
    joints = record.per_joint_mm if isinstance(record, PoseRecord) else (0.0,) * NUM_JOINTS
    values = [v for v in vars(record).values() if isinstance(v, float)]
    values += [v for person in record.people.values() for v in person.values()]
    return {
        f"unknown system; expected one of {', '.join(titles)}": record.system not in titles,
        f"unknown subset; expected one of {', '.join(sorted(names))}": record.subset not in names,
        f"its seed is not among the context's {tuple(seeds)}": record.seed not in seeds,
        "the corrupted modality is not in the subset": (
            corruption is not None and corruption.split("/")[0] not in record.subset.split("+")
        ),
        f"{len(joints)} joints; expected {NUM_JOINTS}": len(joints) != NUM_JOINTS,
        f"a value that is not finite, {values}; evaluate it again": not all(
            math.isfinite(value) for value in (*values, *joints)
        ),
    }
