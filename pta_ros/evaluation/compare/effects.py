"""What adding a modality, or using a corrupted one, does to a system's figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pta_ros.evaluation.compare.table import Table
from pta_ros.metrics.evaluate import Metric
from pta_ros.metrics.subsets import subset_name, subsets


@dataclass(frozen=True)
class Effect:
    """A metric's means over all seeds without and with something; None where a seed is missing.

    Contamination: `what` is the modality added to the clean `subset`, and `larger` the subset that
    has it. Corruption: `what` is the "modality/kind" corrupted within `subset` (and `larger`), and
    *without* means that this modality is dropped.
    """

    metric: Metric
    subset: str
    what: str
    larger: str
    before: float | None
    after: float | None

    @property
    def rise(self) -> float | None:
        """How much worse it becomes, in the metric's `rise_unit`; negative when it helps."""
        if self.before is None or self.after is None:
            return None
        return self.metric.rise(self.before, self.after)


def contamination(
    metric: Metric, means: Mapping[str, float | None], modalities: tuple[str, ...]
) -> list[Effect]:
    """One system's mean on S with m against that on S, for every subset S and m outside it."""
    effects = []
    for subset in subsets(modalities)[:-1]:
        for added in (m for m in modalities if m not in subset):
            name = subset_name(subset)
            larger = subset_name(m for m in modalities if m in subset or m == added)
            effects.append(Effect(metric, name, added, larger, means.get(name), means.get(larger)))
    return effects


def contamination_of(table: Table, system: str) -> list[Effect]:
    """Contamination of a measured system, on its means over the seeds."""
    means = {subset: table.mean(system, subset) for subset in table.subsets}
    return contamination(table.metric, means, table.modalities)


def corruption_of(table: Table, system: str) -> list[Effect]:
    """A corrupted modality against doing without it.

    Every corruption that was measured on any system, in every subset that holds the modality and
    another one.
    """
    effects = []
    for corruption in table.corruptions:
        corrupted = corruption.split("/")[0]
        for subset in subsets(table.modalities):
            rest = tuple(m for m in subset if m != corrupted)
            if corrupted in subset and rest:
                name = subset_name(subset)
                dropped = table.mean(system, subset_name(rest))
                used = table.mean(system, name, corruption=corruption)
                effects.append(Effect(table.metric, name, corruption, name, dropped, used))
    return effects


def worst(effects: Iterable[Effect]) -> Effect | None:
    """The effect that does most harm; None when one of them is unknown or there is none."""
    known: list[tuple[float, Effect]] = []
    for effect in effects:
        if effect.rise is None:
            return None
        known.append((effect.rise, effect))
    return max(known, key=lambda pair: pair[0])[1] if known else None


def rise_of(effect: Effect | None) -> float | None:
    """The rise of what `worst` found."""
    return effect.rise if effect else None
