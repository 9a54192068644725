"""The comparison's tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pta_ros.evaluation.compare.bounds import GATE, PTA, Verdict
from pta_ros.evaluation.compare.effects import (
    Effect,
    contamination_of,
    corruption_of,
    larger_name,
    worst,
)
from pta_ros.evaluation.compare.table import COMPARED, PLAIN, TITLES, UNGATED, Cell, Metric, Table
from pta_ros.metrics.bound import Bound

NOTHING = "–"


def grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spaced(subset: str) -> str:
    """`depth + lidar`, which a narrow column can wrap."""
    return subset.replace("+", " + ")


def listed(values: Iterable[object]) -> str:
    """Values with commas."""
    return ", ".join(str(v) for v in values)


def cell_text(cell: Cell | None, metric: Metric, seeds: tuple[int, ...]) -> str:
    """Mean ± deviation; names the seeds when they are not all of `seeds`."""
    if cell is None:
        return NOTHING
    deviation = cell.deviation(metric)
    text = f"{cell.mean(metric):.1f} ± {NOTHING if deviation is None else f'{deviation:.1f}'}"
    if cell.seeds == seeds:
        return text
    return f"{text} (seed{'s' if len(cell.seeds) > 1 else ''} {listed(cell.seeds)} only)"


def error_table(table: Table, metric: Metric) -> str:
    """Subsets by compared systems, the best of each row in bold, and how often each is best."""
    rows = []
    for subset in table.subsets:
        best = table.best(metric, subset)
        cells = {s: cell_text(table.cell(s, subset), metric, table.seeds) for s in COMPARED}
        rows.append([spaced(subset), *(bold(text, s in best) for s, text in cells.items())])
    counts = [
        str(sum(s in table.best(metric, subset) for subset in table.subsets)) for s in COMPARED
    ]
    return grid(["subset", *COMPARED.values()], [*rows, ["*best count*", *counts]])


def bold(text: str, marked: bool) -> str:
    """Mark a text."""
    return f"**{text}**" if marked else text


def percent_text(effect: Effect | None) -> str:
    """Signed percent; never -0.0."""
    percent = effect.percent if effect else None
    return NOTHING if percent is None else f"{round(percent, 1) + 0.0:+.1f} %"


def contamination_table(columns: dict[str, list[Effect]], modalities: tuple[str, ...]) -> str:
    """One row per subset and added modality; columns: title -> effects, the worst in bold."""
    marked = {title: worst(effects) for title, effects in columns.items()}
    rows = []
    for parts in zip(*columns.values(), strict=True):
        first = parts[0]
        row = [spaced(first.subset), spaced(larger_name(first, modalities))]
        for title, effect in zip(columns, parts, strict=True):
            row.append(bold(percent_text(effect), effect is marked[title]))
        rows.append(row)
    return grid(["from", "to", *columns], rows)


def worst_cases_table(table: Table) -> str:
    """Worst contamination and worst corruption of every compared system."""
    rows = []
    for system, title in COMPARED.items():
        added = worst(contamination_of(table, system))
        spoilt = worst(corruption_of(table, system))
        path = NOTHING if added is None else f"{spaced(added.subset)}, {added.what} added"
        where = NOTHING if spoilt is None else f"{spoilt.what} in {spaced(spoilt.subset)}"
        rows.append([title, percent_text(added), path, percent_text(spoilt), where])
    header = ["system", "worst contamination", "where", "worst with a corrupted modality", "where"]
    return grid(header, rows)


def corruption_table(table: Table) -> str:
    """Corrupted modality by subset: ours without and with its gate, the worst in bold."""
    shown = {system: corruption_of(table, system) for system in (UNGATED, GATE)}
    marked = {system: worst(effects) for system, effects in shown.items()}
    rows = []
    for pair in zip(*shown.values(), strict=True):
        row = [pair[0].what.replace("_", " "), spaced(pair[0].subset)]
        for system, effect in zip(shown, pair, strict=True):
            row += [_mm(effect.without_mm), _mm(effect.with_mm)]
            row.append(bold(percent_text(effect), effect is marked[system]))
        rows.append(row)
    parts = [
        part
        for system in shown
        for part in (f"{TITLES[system]}: dropped, mm", "corrupted, mm", "difference")
    ]
    return grid(["corrupted", "subset", *parts], rows)


def _mm(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def plain_table(table: Table) -> str:
    """PTA with refined and with plain student features, MPJPE, the better in bold."""
    rows = []
    for subset in table.subsets:
        better = table.best("mpjpe_mm", subset, (PTA, PLAIN))
        cells = {s: table.cell(s, subset) for s in (PTA, PLAIN)}
        texts = {s: cell_text(c, "mpjpe_mm", table.seeds) for s, c in cells.items()}
        rows.append([spaced(subset), *(bold(text, s in better) for s, text in texts.items())])
    return grid(["subset", "refined", "plain"], rows)


def coverage_table(table: Table) -> str:
    """Shares of coordinates within one and two predicted deviations, in %."""

    def share(system: str, subset: str) -> str:
        one = table.mean(system, subset, "coverage_1std")
        two = table.mean(system, subset, "coverage_2std")
        return NOTHING if one is None or two is None else f"{100 * one:.0f} / {100 * two:.0f}"

    rows = ([spaced(name), *(share(system, name) for system in COMPARED)] for name in table.subsets)
    return grid(["subset", *COMPARED.values()], rows)


def bounds_table(verdicts: Iterable[Verdict]) -> str:
    """Every bound: measured beside its limit, kept or not."""
    rows = []
    for verdict in verdicts:
        bound = verdict.bound
        kept = "kept" if bound.ok else "**not kept**"
        limit = f"{bound.sense} {_with_unit(bound.limit, bound)}"
        measured = (
            "not measured" if bound.value is None else _with_unit(bound.value, bound, exact=True)
        )
        rows.append([bound.name, limit, measured, verdict.where or NOTHING, kept])
    return grid(["bound", "limit", "measured", "where", ""], rows)


def _with_unit(value: float, bound: Bound, exact: bool = False) -> str:
    text = f"{value:.2f}" if exact and bound.unit == "%" else f"{value:g}"
    return f"{text} {bound.unit}".strip()
