"""What a comparison is held to, judged on its table, and what the table lacks.

What was not measured is missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pta_ros.evaluation.compare import paper
from pta_ros.evaluation.compare.effects import contamination_of, corruption_of, rise_of, worst
from pta_ros.evaluation.compare.lead import not_behind
from pta_ros.evaluation.compare.table import PLAIN, Table
from pta_ros.metrics.bound import Bound, at_least, at_most
from pta_ros.metrics.evaluate import ACCURACY, MPJPE, PA_MPJPE
from pta_ros.metrics.subsets import listed, spaced
from pta_ros.training.make_pta import UNGATED

SEEDS = 3
CONTAMINATION_PERCENT = 1.0
CORRUPTION_PERCENT = 2.0
#: Most that an accuracy may lose by adding a sensor, or by a corrupted one beside dropping it.
CONTAMINATION_POINTS, CORRUPTION_POINTS = 0.5, 1.0
GATE, PTA, XFI, OWN = "pta_gate", "pta", "xfi", "base2"
#: What activities are measured on apart from each other: split -> its title.
SPLITS = {"test": "held-out repeats of known people", "unseen": "held-out people"}


def pose_bounds(table: Table) -> list[Bound]:
    """Every bound of the comparison of poses, in the order in which it is told.

    What the paper counts, and corrupted sensors, are of the paper's modalities alone.
    """
    papers = table.modalities == paper.MODALITIES
    counted = [_best(table, PTA, paper.COUNTED, "those the paper counts", paper.BEST_COUNT)]
    return [
        at_least("Seeds of every compared system", _seeds(table), SEEDS),
        _best(table, GATE, tuple(table.compared), "all compared systems", len(table.subsets)),
        *(not_behind(table, GATE, metric) for metric in (MPJPE, PA_MPJPE)),
        *(counted if papers else []),
        _contamination(
            table, GATE, f"{table.titles[GATE]}: worst contamination", CONTAMINATION_PERCENT
        ),
        *(_corruption(table) if papers else []),
        _alone(table),
        *(_pa_mpjpe(table, system) for system in (PTA, GATE)),
        _refined(table),
    ]


def activity_bounds(tables: Mapping[str, Table]) -> list[Bound]:
    """Ours best everywhere, and what sensors may cost, on each split (name -> table)."""
    found = []
    for split, table in tables.items():
        wins = _wins(table, GATE, tuple(table.compared))
        where, ours = SPLITS[split], table.titles[GATE]
        behind = not_behind(table, GATE, ACCURACY)
        used = worst(corruption_of(table, GATE))
        of = f"{used.what} in {spaced(used.subset)}".replace("_", " ") if used else ""
        found += [
            _count(f"{ours}: best, {where}", len(wins), wins),
            replace(behind, name=f"{behind.name}, {where}"),
            _contamination(
                table, GATE, f"{ours}: adding a sensor costs, {where}", CONTAMINATION_POINTS
            ),
            at_most(
                f"{ours}: corrupted sensor, worse than dropping it, {where}", rise_of(used),
                CORRUPTION_POINTS, "points", of,
            ),
        ]  # fmt: skip
    return found


def _seeds(table: Table) -> int:
    """The fewest seeds of any compared system in any subset."""
    cells = (table.cell(system, subset) for system in table.compared for subset in table.subsets)
    return min(len(cell.seeds) if cell else 0 for cell in cells)


def _count(name: str, limit: int, outcomes: dict[str, bool | None], unit: str = "subsets") -> Bound:
    """How many subsets come out well; None stands for one that could not be judged."""
    lost = [subset for subset, good in outcomes.items() if good is False]
    unknown = [subset for subset, good in outcomes.items() if good is None]
    judged = len(unknown) < len(outcomes)
    value = sum(good is True for good in outcomes.values()) if judged else None
    parts = [f"not in {listed(lost)}"] if lost else []
    parts += [f"not measured in {listed(unknown)}"] if unknown and judged else []
    return at_least(name, value, limit, f"of {len(outcomes)} {unit}", "; ".join(parts))


def _best(table: Table, system: str, among: tuple[str, ...], whose: str, limit: int) -> Bound:
    name = f"{table.titles[system]}: best {table.metric.title} among {whose}"
    return _count(name, limit, _wins(table, system, among))


def _wins(table: Table, system: str, among: tuple[str, ...]) -> dict[str, bool | None]:
    """Whether the system is the best in each subset; None where one of them was not measured."""
    return {
        subset: system in table.best(subset, among=among)
        if all(table.mean(other, subset) is not None for other in among)
        else None
        for subset in table.subsets
    }


def _contamination(table: Table, system: str, name: str, limit: float) -> Bound:
    found = worst(contamination_of(table, system))
    where = f"{spaced(found.subset)} to {spaced(found.larger)}" if found else ""
    return at_most(name, rise_of(found), limit, table.metric.rise_unit, where)


def _corruption(table: Table) -> list[Bound]:
    bounds = []
    effects = corruption_of(table, GATE)
    for corruption in table.corruptions or ["corrupted modality"]:
        found = worst(e for e in effects if e.what == corruption)
        name = f"{table.titles[GATE]}: {corruption.replace('_', ' ')}, worse than dropping it"
        where = spaced(found.subset) if found else ""
        bounds.append(at_most(name, rise_of(found), CORRUPTION_PERCENT, "%", where))
    return bounds


def _alone(table: Table) -> Bound:
    """Each modality alone against the model that it was pre-trained as; Base.2 of one is that."""
    outcomes: dict[str, bool | None] = {}
    for subset in table.modalities:
        own, other = table.mean(GATE, subset), table.mean(OWN, subset)
        outcomes[subset] = None if own is None or other is None else own < other
    name = f"{table.titles[GATE]}: better than the modality's own pre-trained model"
    return _count(name, len(outcomes), outcomes, "single modalities")


def _pa_mpjpe(table: Table, system: str) -> Bound:
    outcomes: dict[str, bool | None] = {}
    for subset in table.subsets:
        own, other = (table.mean(s, subset, PA_MPJPE) for s in (system, XFI))
        outcomes[subset] = None if own is None or other is None else own <= other + PA_MPJPE.tie
    name = f"{table.titles[system]}: PA-MPJPE not worse than {table.titles[XFI]}"
    return _count(name, len(outcomes), outcomes)


def _refined(table: Table) -> Bound:
    outcomes: dict[str, bool | None] = {}
    for subset in table.modalities:
        refined, plain = table.mean(PTA, subset), table.mean(PLAIN, subset)
        outcomes[subset] = None if refined is None or plain is None else refined < plain
    name = f"{table.titles[PTA]}: refined features better than plain"
    return _count(name, len(outcomes), outcomes, "single modalities")


def gaps(table: Table, samples: int) -> list[str]:
    """What was not run, or not on all `samples`, a sentence each; empty when it is complete."""
    run = [s for s in table.titles if any(system == s for system, _, _ in table.cells)]
    asked = [s for s in table.titles if s != UNGATED or table.corruptions]
    found = [f"{table.titles[s]}: not run." for s in asked if s not in run]
    corrupted = {system for system, _, kind in table.cells if kind is not None}
    clean = [table.titles[s] for s in run if s in table.compared and s not in corrupted]
    if clean and table.corruptions:
        found.append(f"Corrupted modalities: not run for {', '.join(clean)}.")
    for system in run:
        kinds = [None, *(table.corruptions if system in corrupted else [])]
        lacks = ((seed, _lacking(table, system, seed, kinds)) for seed in table.seeds)
        found += [f"{table.titles[system]}: seed {n} {text}." for n, text in lacks if text]
    counts = {r.count for cell in table.cells.values() for r in cell.records}
    if counts != {samples}:
        span = f"{min(counts)} to {max(counts)} of {samples}"
        found.append(f"Not all figures are over the same samples: {span}.")
    return found


def _lacking(table: Table, system: str, seed: int, kinds: list[str | None]) -> str:
    """What one system lacks of one seed; "" when it lacks nothing."""
    lacking, complete = {}, {kind: _expected(table, kind) for kind in kinds}
    for kind, names in complete.items():
        cells = {name: table.cell(system, name, kind) for name in names}
        lacking[kind] = [n for n, cell in cells.items() if not cell or seed not in cell.seeds]
    if lacking == complete:
        return "was not run"
    parts = []
    for kind, names in lacking.items():
        if names and kind is None:
            parts.append(f"clean {listed(names)}")
        elif names and kind is not None:
            parts.append(kind if names == complete[kind] else f"{kind} in {listed(names)}")
    return f"lacks {'; '.join(parts)}" if parts else ""


def _expected(table: Table, kind: str | None) -> list[str]:
    """Subsets in which a corruption is measured; all of them for clean samples."""
    if kind is None:
        return table.subsets
    corrupted = kind.split("/")[0]
    return [s for s in table.subsets if corrupted in s.split("+") and s != corrupted]
