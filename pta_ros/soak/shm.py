"""The middleware's shared memory: which segments a process holds, and what the dead left behind.

Fast DDS gives each participant a file in /dev/shm, which one that is killed cannot remove. Ports
(`fastrtps_port...`, 50 kB each) are not counted: they stay by design and are used again.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import psutil

_FOLDER = Path("/dev/shm")
_SEGMENT = re.compile(rf"{_FOLDER}/(fastrtps_[0-9a-f]{{16}})\b")


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
    return set(_SEGMENT.findall(maps))


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
