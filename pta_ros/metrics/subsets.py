"""All non-empty subsets of the modalities, and their short names."""

from __future__ import annotations

from itertools import combinations


def subsets(modalities: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Single modalities first, then pairs, and so on, each in the order given."""
    return [s for size in range(1, len(modalities) + 1) for s in combinations(modalities, size)]


def subset_name(subset: tuple[str, ...]) -> str:
    """`depth+lidar` for ("depth", "lidar")."""
    return "+".join(subset)
