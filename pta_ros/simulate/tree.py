"""Synthetic trees on disk: a marker of what they were made with, and many processes that write.

A part of a tree is written beside its place and renamed when complete, so that an interrupted run
leaves nothing half; what is already there is kept when it was written with the same settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from pta_ros.datasets.clips import MARKER
from pta_ros.datasets.parts import PARTIAL, write_parts
from pta_ros.errors import DatasetError


class Plan(Protocol):
    """What a tree holds; a dataclass, whose fields are noted in the marker."""

    def settings(self) -> dict[str, object]:
        """What every part of one tree has in common."""

    def parts(self) -> Iterator[tuple[int, ...]]:
        """Every part that is written by itself."""

    def write(self, root: Path, part: tuple[int, ...]) -> bool:
        """Write one part; False when it is there already."""


def prepare(root: Path, plan: Plan) -> None:
    """Make or reopen the tree and write its marker.

    DatasetError when the folder holds anything that is not a synthetic tree of the same settings.
    """
    marker = root / MARKER
    settings = {"synthetic": True, **plan.settings()}
    if marker.is_file():
        runs = _runs_of(marker, settings)
    elif root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DatasetError(f"{root}: not empty and not a synthetic tree; choose another folder")
    else:
        runs = []
    root.mkdir(parents=True, exist_ok=True)
    run = _plain(asdict(plan))  # type: ignore[call-overload]
    runs = runs if run in runs else [*runs, run]
    partial = root / f"{PARTIAL}{MARKER}"
    partial.write_text(json.dumps({**settings, "runs": runs}, indent=1) + "\n")
    partial.replace(marker)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _runs_of(marker: Path, settings: dict[str, object]) -> list[dict[str, object]]:
    """The runs that filled the tree so far; DatasetError when it was made with other settings."""
    try:
        found = json.loads(marker.read_text())
        runs = [dict(run) for run in found["runs"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{marker}: unreadable ({error!r}); remove the folder") from error
    different = [name for name, value in settings.items() if found.get(name) != value]
    if different:
        told = ", ".join(f"{n} {found.get(n)!r} (now {settings[n]!r})" for n in different)
        raise DatasetError(f"{marker.parent}: was written with {told}; choose another folder")
    return runs


def write_tree(root: Path, plan: Plan, jobs: int = 1) -> Iterator[bool]:
    """Prepare the tree and write every part on `jobs` processes; yields once per part done.

    The value says whether the part was written (False: it was there already).
    """
    prepare(root, plan)
    return write_parts(root, plan, plan.parts(), jobs)
