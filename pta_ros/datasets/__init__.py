"""Data sets as they lie on disk: which of them has which sensors, and the names of its classes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pta_ros.datasets import mmfi, xrf55
from pta_ros.datasets.clips import Tree


def open_tree(root: Path, modalities: Collection[str]) -> Tree:
    """The data set that has these modalities; raises DatasetError when it is not at `root`."""
    return xrf55.Xrf55Tree(root) if _of_xrf55(modalities) else mmfi.MmfiTree(root)


def class_names(modalities: Collection[str]) -> tuple[str, ...]:
    """Names of the activities of the data set that has these modalities, by class number."""
    return xrf55.ACTIVITIES if _of_xrf55(modalities) else mmfi.ACTIVITIES


def _of_xrf55(modalities: Collection[str]) -> bool:
    return set(modalities) <= set(xrf55.FOLDERS)
