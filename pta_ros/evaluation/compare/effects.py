"""What adding a modality, or using a corrupted one, does to the error, in percent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pta_ros.evaluation.compare.table import Table
from pta_ros.metrics.subsets import subset_name, subsets


@dataclass(frozen=True)
class Effect:
    """MPJPE without and with something, mean over all seeds; None where a seed is missing.

    Contamination: `what` is the modality added to the clean `subset`. Corruption: `what` is the
    "modality/kind" corrupted within `subset`, and *without* means that this modality is dropped.
    """

    subset: str
    what: str
    without_mm: float | None
    with_mm: float | None

    @property
    def percent(self) -> float | None:
        """Rise of the error, in % of the error without; negative when it helps."""
        if self.without_mm is None or self.with_mm is None:
            return None
        return 100 * (self.with_mm - self.without_mm) / self.without_mm


def contamination(
    errors_mm: Mapping[str, float | None], modalities: tuple[str, ...]
) -> list[Effect]:
    """Error(S with m) against error(S), for every subset S and modality m outside it.

    `errors_mm` maps names of subsets to errors of one system.
    """
    effects = []
    for subset in subsets(modalities)[:-1]:
        for added in (m for m in modalities if m not in subset):
            larger = subset_name(tuple(m for m in modalities if m in subset or m == added))
            name = subset_name(subset)
            effects.append(Effect(name, added, errors_mm.get(name), errors_mm.get(larger)))
    return effects


def contamination_of(table: Table, system: str) -> list[Effect]:
    """Contamination of a measured system, on its means over the seeds."""
    errors_mm = {subset: table.mean(system, subset) for subset in table.subsets}
    return contamination(errors_mm, table.modalities)


def corruption_of(table: Table, system: str) -> list[Effect]:
    """Error with a corrupted modality against error without that modality.

    Every corruption that was measured on any system, in every subset that holds the modality and
    another one.
    """
    effects = []
    for corruption in table.corruptions:
        spoilt = corruption.split("/")[0]
        for subset in subsets(table.modalities):
            rest = tuple(m for m in subset if m != spoilt)
            if spoilt in subset and rest:
                name = subset_name(subset)
                dropped = table.mean(system, subset_name(rest))
                corrupted = table.mean(system, name, corruption=corruption)
                effects.append(Effect(name, corruption, dropped, corrupted))
    return effects


def worst(effects: Iterable[Effect]) -> Effect | None:
    """The effect that raises the error most; None when one of them is unknown or there is none."""
    known: list[tuple[float, Effect]] = []
    for effect in effects:
        if effect.percent is None:
            return None
        known.append((effect.percent, effect))
    return max(known, key=lambda pair: pair[0])[1] if known else None


def percent_of(effect: Effect | None) -> float | None:
    """Percent of what `worst` found."""
    return effect.percent if effect else None


def larger_name(effect: Effect, modalities: Sequence[str]) -> str:
    """Name of the subset that contamination's `effect` arrives at."""
    members = {*effect.subset.split("+"), effect.what}
    return subset_name(tuple(m for m in modalities if m in members))
