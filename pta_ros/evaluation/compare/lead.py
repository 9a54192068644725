"""What one system is ahead of another by, with an interval over people; and where it is behind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pta_ros.errors import ConfigError
from pta_ros.evaluation.compare.table import Table
from pta_ros.metrics.bound import Bound, at_most
from pta_ros.metrics.evaluate import Metric
from pta_ros.metrics.markdown import NOTHING, bold, grid
from pta_ros.metrics.paired import COUNT, Difference, People, difference_of_people
from pta_ros.metrics.subsets import spaced


class Lead(NamedTuple):
    """A system minus its `rival` in one subset, in the metric's unit; None where unknown."""

    subset: str
    rival: str
    difference: Difference | None

    def ahead(self, metric: Metric) -> bool:
        """Whether the system is better beyond chance: the whole interval says so."""
        d = self.difference
        return d is not None and (d.low > 0 if metric.higher_is_better else d.high < 0)

    def behind(self, metric: Metric) -> bool:
        """Whether it is worse beyond chance, and by more than a tie."""
        d = self.difference
        if d is None:
            return False
        worse = -d.high if metric.higher_is_better else d.low
        return worse > metric.tie


def lead(table: Table, system: str, rival: str, subset: str, metric: Metric) -> Lead:
    """`system` against `rival`: means over all seeds of each person, people drawn at random.

    The difference is None where a seed or the people were not measured, or are less than two.
    """
    ours, theirs = (_people(table, name, subset, metric) for name in (system, rival))
    try:
        # The same draws for every pair: what is written of a table does not depend on its order.
        found = difference_of_people(ours, theirs, metric.key, np.random.default_rng(0))
    except ConfigError:
        return Lead(subset, rival, None)
    return Lead(subset, rival, found)


def best_rivals(table: Table, system: str, metric: Metric) -> list[Lead]:
    """`system` against the best of the other compared systems, in each subset that has one."""
    found = []
    for subset in table.subsets:
        best = table.best(subset, metric, [s for s in table.compared if s != system])
        found += [lead(table, system, rival, subset, metric) for rival in sorted(best)[:1]]
    return found


def not_behind(table: Table, system: str, metric: Metric) -> Bound:
    """That `system` is nowhere behind any compared system by more than the interval."""
    every = [
        lead(table, system, rival, subset, metric)
        for subset in table.subsets
        for rival in table.compared
        if rival != system
    ]
    lost = [x for x in every if x.behind(metric)]
    known = bool(every) and all(x.difference for x in every)
    where = ", ".join(f"{table.titles[x.rival]} in {spaced(x.subset)}" for x in lost)
    name = f"{table.titles[system]}: behind in {metric.title}, beyond chance"
    return at_most(name, len(lost) if known else None, 0, f"of {len(every)} comparisons", where)


def lead_table(table: Table, system: str, metric: Metric, over: str = "people") -> str:
    """A row for each subset: the best rival, and the difference with its interval `over` whom."""
    rows = []
    for found in best_rivals(table, system, metric):
        count = len(_people(table, system, found.subset, metric))
        cells = [NOTHING, NOTHING]
        if found.difference is not None:
            mean, low, high = (f"{x:+.1f}" for x in found.difference)
            cells = [bold(mean, found.ahead(metric)), f"{low} to {high}"]
        rows.append([spaced(found.subset), table.titles[found.rival], *cells, str(count)])
    titles = ["subset", "best rival", f"ours - rival, {metric.unit}", f"95 % over {over}", over]
    return grid(titles, rows)


def _people(table: Table, system: str, subset: str, metric: Metric) -> People:
    """Means of each person over all seeds; of nobody where a seed is missing or tells of none."""
    cell = table.cell(system, subset)
    if cell is None or cell.seeds != table.seeds:
        return {}
    each = [record.people for record in cell.records]
    return {
        name: {
            COUNT: first[COUNT],
            metric.key: float(np.mean([of[name][metric.key] for of in each])),
        }
        for name, first in each[0].items()
    }
