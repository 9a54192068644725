"""All non-empty subsets of the modalities, and their names for programs and for people."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations


def subsets(modalities: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Single modalities first, then pairs, and so on, each in the order given."""
    return [s for size in range(1, len(modalities) + 1) for s in combinations(modalities, size)]


def subset_name(subset: Iterable[str]) -> str:
    """`depth+lidar` for ("depth", "lidar")."""
    return "+".join(subset)


def spaced(name: str) -> str:
    """`depth + lidar` for `depth+lidar`: a narrow column can wrap it."""
    return name.replace("+", " + ")


def listed(values: Iterable[object]) -> str:
    """Values with commas; names of subsets are spaced."""
    return ", ".join(spaced(str(value)) for value in values)
