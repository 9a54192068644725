"""What the comparison lacks, in sentences: systems, seeds, subsets and frames that were not run."""

from __future__ import annotations

from pta_ros.evaluation.compare.table import COMPARED, TITLES, Context, Table
from pta_ros.evaluation.compare.text import listed, spaced


def gaps(table: Table, context: Context) -> list[str]:
    """One sentence per gap; empty when nothing is missing."""
    run = [s for s in TITLES if any(system == s for system, _, _ in table.cells)]
    found = [f"{TITLES[s]}: not run." for s in TITLES if s not in run]
    spoilt = {s for s, _, kind in table.cells if kind is not None}
    clean = [TITLES[s] for s in run if s in COMPARED and s not in spoilt]
    if clean and table.corruptions:
        found.append(f"Corrupted modalities: not run for {listed(clean)}.")
    for system in run:
        kinds: list[str | None] = [None]
        if system in spoilt:
            kinds += table.corruptions
        found += [
            f"{TITLES[system]}: {text}."
            for seed in table.seeds
            if (text := _of_seed(table, system, seed, kinds))
        ]
    return [*found, *_frames(table, context)]


def _of_seed(table: Table, system: str, seed: int, kinds: list[str | None]) -> str:
    """What one system lacks of one seed; "" when it lacks nothing."""
    wanted = {kind: _subsets(table, kind) for kind in kinds}
    lacking = {
        kind: [s for s in names if not _has(table, system, seed, s, kind)]
        for kind, names in wanted.items()
    }
    if lacking == wanted:
        return f"seed {seed} was not run"
    parts = []
    for kind, names in lacking.items():
        where = listed(spaced(name) for name in names)
        if names and kind is None:
            parts.append(f"clean {where}")
        elif names:
            parts.append(f"{kind}" if names == wanted[kind] else f"{kind} in {where}")
    return f"seed {seed} lacks {'; '.join(parts)}" if parts else ""


def _subsets(table: Table, kind: str | None) -> list[str]:
    """Subsets in which a corruption is measured; all of them for clean frames."""
    if kind is None:
        return table.subsets
    spoilt = kind.split("/")[0]
    return [s for s in table.subsets if spoilt in s.split("+") and s != spoilt]


def _has(table: Table, system: str, seed: int, subset: str, kind: str | None) -> bool:
    cell = table.cell(system, subset, kind)
    return cell is not None and seed in cell.seeds


def _frames(table: Table, context: Context) -> list[str]:
    counts = {r.frames for cell in table.cells.values() for r in cell.records}
    if counts == {context.frames}:
        return []
    return [
        f"Not all errors are over the same frames: {min(counts)} to {max(counts)} "
        f"of {context.frames}."
    ]
