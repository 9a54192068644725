"""The bounds that the comparison is held to, judged on the table; what is missing is not kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pta_ros.evaluation.compare import paper as table_paper
from pta_ros.evaluation.compare.effects import (
    contamination_of,
    corruption_of,
    larger_name,
    percent_of,
    worst,
)
from pta_ros.evaluation.compare.table import COMPARED, PLAIN, TIE_MM, TITLES, Table
from pta_ros.metrics.bound import Bound, at_least, at_most

SEEDS = 3
CONTAMINATION_PERCENT = 1.0
CORRUPTION_PERCENT = 2.0
GATE, PTA, XFI = "pta_gate", "pta", "xfi"


@dataclass(frozen=True)
class Verdict:
    """A bound and where it is missed, or where the worst case lies; "" when nothing is to say."""

    bound: Bound
    where: str


def judge(table: Table) -> list[Verdict]:
    """Every bound of the comparison, in the order in which it is told."""
    return [
        Verdict(at_least("Seeds of every compared system", _seeds(table), SEEDS), ""),
        _best(table, GATE, tuple(COMPARED), "all compared systems", len(table.subsets)),
        _best(table, PTA, table_paper.COUNTED, "those the paper counts", table_paper.BEST_COUNT),
        _contamination(table),
        *_corruption(table),
        *(_pa_mpjpe(table, system) for system in (PTA, GATE)),
        _refined(table),
    ]


def _seeds(table: Table) -> int:
    """The fewest seeds of any compared system in any subset."""
    cells = (table.cell(system, subset) for system in COMPARED for subset in table.subsets)
    return min(len(cell.seeds) if cell else 0 for cell in cells)


def _count(
    table: Table, name: str, limit: int, outcomes: dict[str, bool | None], unit: str = "subsets"
) -> Verdict:
    """How many subsets come out well; None stands for one that could not be judged."""
    lost = [subset for subset, good in outcomes.items() if good is False]
    unknown = [subset for subset, good in outcomes.items() if good is None]
    judged = len(unknown) < len(outcomes)
    value = sum(good is True for good in outcomes.values()) if judged else None
    parts = [f"not in {_listed(lost)}"] if lost else []
    parts += [f"not measured in {_listed(unknown)}"] if unknown and judged else []
    return Verdict(at_least(name, value, limit, f"of {len(outcomes)} {unit}"), "; ".join(parts))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.replace("+", " + ") for name in names)


def _best(table: Table, system: str, among: tuple[str, ...], whose: str, limit: int) -> Verdict:
    outcomes: dict[str, bool | None] = {}
    for subset in table.subsets:
        complete = all(table.mean(other, subset) is not None for other in among)
        won = system in table.best("mpjpe_mm", subset, among)
        outcomes[subset] = won if complete else None
    return _count(table, f"{TITLES[system]}: best MPJPE among {whose}", limit, outcomes)


def _contamination(table: Table) -> Verdict:
    found = worst(contamination_of(table, GATE))
    name = f"{TITLES[GATE]}: worst contamination"
    bound = at_most(name, percent_of(found), CONTAMINATION_PERCENT, "%")
    if found is None:
        return Verdict(bound, "")
    path = (found.subset, larger_name(found, table.modalities))
    return Verdict(bound, " to ".join(name.replace("+", " + ") for name in path))


def _corruption(table: Table) -> list[Verdict]:
    verdicts = []
    effects = corruption_of(table, GATE)
    for corruption in table.corruptions or ["corrupted modality"]:
        found = worst(e for e in effects if e.what == corruption)
        name = f"{TITLES[GATE]}: {corruption.replace('_', ' ')}, worse than dropping it"
        bound = at_most(name, percent_of(found), CORRUPTION_PERCENT, "%")
        verdicts.append(Verdict(bound, _listed([found.subset]) if found else ""))
    return verdicts


def _pa_mpjpe(table: Table, system: str) -> Verdict:
    outcomes = {
        subset: _not_above(
            table.mean(system, subset, "pa_mpjpe_mm"), table.mean(XFI, subset, "pa_mpjpe_mm")
        )
        for subset in table.subsets
    }
    name = f"{TITLES[system]}: PA-MPJPE not worse than {TITLES[XFI]}"
    return _count(table, name, len(outcomes), outcomes)


def _not_above(value: float | None, limit: float | None) -> bool | None:
    return None if value is None or limit is None else value <= limit + TIE_MM


def _refined(table: Table) -> Verdict:
    outcomes: dict[str, bool | None] = {}
    for subset in table.modalities:
        refined, plain = table.mean(PTA, subset), table.mean(PLAIN, subset)
        outcomes[subset] = None if refined is None or plain is None else refined < plain
    name = f"{TITLES[PTA]}: refined features better than plain"
    return _count(table, name, len(outcomes), outcomes, "single modalities")
