"""Records of several fusion systems on the same test frames, gathered over the seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from pta_ros.errors import ConfigError
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.skeleton import NUM_JOINTS

#: The compared systems, in the order of every table, and their titles.
COMPARED: dict[str, str] = {
    "base1": "Base.1 (concatenate + MLP)",
    "base2": "Base.2 (mean of predictions)",
    "xfi": "X-Fi fusion",
    "pta_no_diffusion": "PTA without diffusion",
    "pta_no_meta": "PTA without meta weights",
    "pta": "PTA",
    "pta_gate": "PTA + mixers + gate (ours)",
}
#: Not compared: the same weights as `pta`, evaluated with unrefined student features, and ours
#: before it has its gate.
PLAIN, UNGATED = "pta_plain", "pta_ungated"
TITLES = {**COMPARED, PLAIN: "PTA, plain features", UNGATED: "PTA + mixers, no gate"}

#: Means this close are equal: they differ in floating point, not in skill.
TIE_MM = 0.001

Metric = Literal["mpjpe_mm", "pa_mpjpe_mm", "coverage_1std", "coverage_2std"]


@dataclass(frozen=True)
class Record:
    """Errors of one trained system on one subset, averaged over `frames` frames; millimetres.

    `corruption` is "modality/kind", None for clean frames. `per_joint_mm` follows
    `skeleton.JOINT_NAMES`. `coverage_1std`, `coverage_2std`: shares of coordinates within one and
    two predicted deviations.
    """

    system: str
    seed: int
    subset: str
    corruption: str | None
    frames: int
    mpjpe_mm: float
    pa_mpjpe_mm: float
    per_joint_mm: tuple[float, ...]
    coverage_1std: float
    coverage_2std: float


@dataclass(frozen=True)
class Data:
    """What was measured on; `preset` and `seed` are `make_mmfi`'s, None for recorded data."""

    synthetic: bool
    preset: str | None
    seed: int | None

    @property
    def kind(self) -> str:
        """Said wherever a figure is shown."""
        return "synthetic data" if self.synthetic else "recorded data"


@dataclass(frozen=True)
class Machine:
    """Class of the machine: number of cores, kind of CPU, version of torch."""

    cores: int
    cpu: str
    torch: str


@dataclass(frozen=True)
class Context:
    """Where records come from.

    `seeds` are those of training, all that were asked for; `wall_s` is the whole command's time;
    `mean_pose_mm` is the error of always answering the training set's mean pose; `histories` holds
    PTA's weights over training: seed -> modality -> weight after each epoch; `training` says in
    words how long and how wide the systems were trained.
    """

    command: str
    data: Data
    machine: Machine
    wall_s: float
    seeds: tuple[int, ...]
    subjects: tuple[str, ...]
    frames: int
    mean_pose_mm: float
    histories: dict[int, dict[str, list[float]]]
    training: str = ""


@dataclass(frozen=True)
class Cell:
    """One system on one subset, clean or corrupted: one record per seed, in order of seeds."""

    records: tuple[Record, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were run."""
        return tuple(r.seed for r in self.records)

    def mean(self, metric: Metric) -> float:
        """Mean over the seeds."""
        return fmean(getattr(r, metric) for r in self.records)

    def deviation(self, metric: Metric) -> float | None:
        """Sample standard deviation over the seeds; None for a single seed."""
        values = [getattr(r, metric) for r in self.records]
        return stdev(values) if len(values) > 1 else None

    def per_joint_mm(self) -> list[float]:
        """Error of every joint, mean over the seeds."""
        return [fmean(joint) for joint in zip(*(r.per_joint_mm for r in self.records), strict=True)]


@dataclass(frozen=True)
class Table:
    """All cells: (system, subset, corruption) -> Cell."""

    seeds: tuple[int, ...]
    modalities: tuple[str, ...]
    cells: dict[tuple[str, str, str | None], Cell]

    @property
    def subsets(self) -> list[str]:
        """Names of all subsets, single modalities first."""
        return [subset_name(s) for s in subsets(self.modalities)]

    @property
    def corruptions(self) -> list[str]:
        """Every "modality/kind" that was measured, by modality."""
        seen = dict.fromkeys(c for _, _, c in self.cells if c is not None)
        return sorted(seen, key=lambda c: self.modalities.index(c.split("/")[0]))

    def cell(self, system: str, subset: str, corruption: str | None = None) -> Cell | None:
        """The cell, over whatever seeds it has; None when it was never measured."""
        return self.cells.get((system, subset, corruption))

    def mean(
        self,
        system: str,
        subset: str,
        metric: Metric = "mpjpe_mm",
        corruption: str | None = None,
    ) -> float | None:
        """Mean over all seeds; None when one is missing, so that only equal seeds are compared."""
        cell = self.cell(system, subset, corruption)
        return cell.mean(metric) if cell and cell.seeds == self.seeds else None

    def best(self, metric: Metric, subset: str, among: Iterable[str] = COMPARED) -> set[str]:
        """Systems with the lowest mean over all seeds, ties included."""
        found = {s: self.mean(s, subset, metric) for s in among}
        known = {s: mean for s, mean in found.items() if mean is not None}
        return {s for s, mean in known.items() if mean <= min(known.values()) + TIE_MM}


def tabulate(records: Sequence[Record], context: Context) -> Table:
    """Check the records and gather them; raises ConfigError for what cannot stand in the table."""
    if not records:
        raise ConfigError("no records; expected at least one system on one subset")
    largest = max(records, key=lambda r: r.subset.count("+")).subset
    modalities = tuple(largest.split("+"))
    names = {subset_name(s) for s in subsets(modalities)}
    found: dict[tuple[str, str, str | None], dict[int, Record]] = defaultdict(dict)
    for record in records:
        _check(record, names, context.seeds)
        of_seeds = found[record.system, record.subset, record.corruption]
        if record.seed in of_seeds:
            raise ConfigError(f"{_name(record)}: given twice; expected one record per seed")
        of_seeds[record.seed] = record
    cells = {
        key: Cell(tuple(of_seeds[seed] for seed in sorted(of_seeds)))
        for key, of_seeds in found.items()
    }
    return Table(tuple(sorted(context.seeds)), modalities, cells)


def _name(record: Record) -> str:
    spoilt = f" with {record.corruption}" if record.corruption else ""
    return f"record of {record.system}, seed {record.seed}, {record.subset}{spoilt}"


def _check(record: Record, names: set[str], seeds: tuple[int, ...]) -> None:
    values = (record.mpjpe_mm, record.pa_mpjpe_mm, record.coverage_1std, record.coverage_2std)
    spoilt = record.corruption.split("/")[0] if record.corruption else None
    faults = {
        f"unknown system; expected one of {', '.join(TITLES)}": record.system not in TITLES,
        f"unknown subset; expected one of {', '.join(sorted(names))}": record.subset not in names,
        f"its seed is not among the context's {seeds}": record.seed not in seeds,
        "the corrupted modality is not in the subset": (
            spoilt is not None and spoilt not in record.subset.split("+")
        ),
        f"{len(record.per_joint_mm)} joints; expected {NUM_JOINTS}": (
            len(record.per_joint_mm) != NUM_JOINTS
        ),
        f"a value that is not finite, {values}; evaluate it again": not all(
            math.isfinite(v) for v in (*values, *record.per_joint_mm)
        ),
    }
    for fault, found in faults.items():
        if found:
            raise ConfigError(f"{_name(record)}: {fault}")
