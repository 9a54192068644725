"""The middleware's shared memory: which segments a process holds, and what the dead left behind.

Fast DDS makes files in /dev/shm; a process that is killed cannot remove its own.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import psutil

_FOLDER, _PREFIX = Path("/dev/shm"), "fastrtps_"


class Left(NamedTuple):
    """Segments that nobody holds any more: how many, and what they take (MB, 10^6 bytes)."""

    segments: int
    size_mb: float


def held(pid: int) -> set[str]:
    """Names of the segments that a process has mapped; none where that cannot be read."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    place = f"{_FOLDER}/{_PREFIX}"
    lines = (line.partition(place) for line in maps.splitlines())
    return {_PREFIX + rest.split()[0] for _, found, rest in lines if found}


def left(names: Collection[str]) -> Left:
    """Of these segments, those that are still there and that no process has mapped."""
    there = {name: size for name in names if (size := _size(name)) is not None}
    if there:
        living = set().union(*(held(pid) for pid in psutil.pids()))
        there = {name: size for name, size in there.items() if name not in living}
    return Left(len(there), sum(there.values()) / 1e6)


def _size(name: str) -> int | None:
    try:
        return (_FOLDER / name).stat().st_size
    except OSError:
        return None
