"""The comparison's tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pta_ros.evaluation.compare.effects import (
    Effect,
    contamination_of,
    corruption_of,
    worst,
)
from pta_ros.evaluation.compare.table import PLAIN, Cell, Table
from pta_ros.metrics.evaluate import COVERAGE, Metric
from pta_ros.metrics.markdown import NOTHING, bold, grid
from pta_ros.metrics.subsets import listed, spaced


def ranked_table(
    corner: str,
    titles: Mapping[str, str],
    texts: Mapping[str, Mapping[str, str]],
    best: Mapping[str, set[str]],
    counted: bool = True,
) -> str:
    """Subsets by systems, the best of each row in bold; `counted`: and how often each is best.

    `titles`: system -> title; `texts`: subset -> system -> text; `best`: subset -> systems.
    """
    rows = [
        [spaced(subset), *(bold(row[s], s in best[subset]) for s in titles)]
        for subset, row in texts.items()
    ]
    if counted:
        counts = (str(sum(s in winners for winners in best.values())) for s in titles)
        rows.append(["*best count*", *counts])
    return grid([corner, *titles.values()], rows)


def metric_table(
    table: Table, metric: Metric, titles: Mapping[str, str] | None = None, counted: bool = True
) -> str:
    """Mean ± deviation in every subset, of the systems of `titles` or of all that are compared."""
    titles = titles or table.compared
    texts = {
        subset: {s: cell_text(table.cell(s, subset), metric, table.seeds) for s in titles}
        for subset in table.subsets
    }
    best = {subset: table.best(subset, metric, titles) for subset in table.subsets}
    return ranked_table("subset", titles, texts, best, counted)


def cell_text(cell: Cell | None, metric: Metric, seeds: tuple[int, ...]) -> str:
    """Mean ± deviation; names the seeds when they are not all of `seeds`."""
    if cell is None:
        return NOTHING
    deviation = metric.deviation(cell.values(metric))
    text = f"{cell.mean(metric):.1f} ± {NOTHING if deviation is None else f'{deviation:.1f}'}"
    if cell.seeds == seeds:
        return text
    return f"{text} ({'seed' if len(cell.seeds) == 1 else 'seeds'} {listed(cell.seeds)} only)"


def rise_text(effect: Effect | None) -> str:
    """Signed, in the metric's `rise_unit`; never -0.0."""
    if effect is None or effect.rise is None:
        return NOTHING
    return f"{round(effect.rise, 1) + 0.0:+.1f} {effect.metric.rise_unit}"


def contamination_table(columns: Mapping[str, Sequence[Effect]]) -> str:
    """One row per subset and added modality; columns: title -> effects, the worst in bold."""
    marked = {title: worst(effects) for title, effects in columns.items()}
    rows = []
    for effects in zip(*columns.values(), strict=True):
        row = [spaced(effects[0].subset), spaced(effects[0].larger)]
        for title, effect in zip(columns, effects, strict=True):
            row.append(bold(rise_text(effect), effect is marked[title]))
        rows.append(row)
    return grid(["from", "to", *columns], rows)


def added_text(effect: Effect | None) -> str:
    """Which modality was added to what."""
    return NOTHING if effect is None else f"{spaced(effect.subset)}, {effect.what} added"


def worst_cases_table(table: Table) -> str:
    """Worst contamination and worst corruption of every compared system."""
    rows = []
    for system, title in table.compared.items():
        added, used = worst(contamination_of(table, system)), worst(corruption_of(table, system))
        where = NOTHING if used is None else f"{used.what} in {spaced(used.subset)}"
        rows.append([title, rise_text(added), added_text(added), rise_text(used), where])
    header = ["system", "worst contamination", "where", "worst with a corrupted modality", "where"]
    return grid(header, rows)


def corruption_table(table: Table, ours: Sequence[str]) -> str:
    """Corrupted modality by subset: ours without and with its gate, the worst in bold."""
    shown = {system: corruption_of(table, system) for system in ours}
    marked = {system: worst(effects) for system, effects in shown.items()}
    rows = []
    for effects in zip(*shown.values(), strict=True):
        row = [effects[0].what.replace("_", " "), spaced(effects[0].subset)]
        for system, effect in zip(shown, effects, strict=True):
            row += [_value(effect.before), _value(effect.after)]
            row.append(bold(rise_text(effect), effect is marked[system]))
        rows.append(row)
    header, unit = ["corrupted", "subset"], table.metric.unit
    for system in shown:
        header += [f"{table.titles[system]}: dropped, {unit}", f"corrupted, {unit}", "difference"]
    return grid(header, rows)


def worst_corruptions_table(table: Table) -> str:
    """Every compared system with each corrupted modality: its worst subset, against dropping it."""
    effects = {system: corruption_of(table, system) for system in table.compared}
    rows = []
    for kind in table.corruptions:
        found = [worst(e for e in every if e.what == kind) for every in effects.values()]
        cells = [rise_text(effect) for effect in found]
        rows.append([kind.replace("_", " "), *cells])
    return grid(["corrupted", *table.compared.values()], rows)


def _value(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def plain_table(table: Table, system: str) -> str:
    """A system with refined and with plain student features, MPJPE, the better in bold."""
    titles = {system: "refined", PLAIN: "plain"}
    return metric_table(table, table.metric, titles, counted=False)


def coverage_table(table: Table) -> str:
    """Shares of coordinates within one and two predicted deviations, in %."""

    def shares(system: str, subset: str) -> str:
        one, two = (table.mean(system, subset, metric) for metric in COVERAGE)
        return NOTHING if one is None or two is None else f"{100 * one:.0f} / {100 * two:.0f}"

    rows = (
        [spaced(name), *(shares(system, name) for system in table.compared)]
        for name in table.subsets
    )
    return grid(["subset", *table.compared.values()], rows)
