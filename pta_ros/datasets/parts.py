"""Trees written in parts by many processes, each part complete or not there.

A part is written beside its place and renamed when complete, so that an interrupted run leaves
nothing half; a second run adds what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeVar

import cv2

from pta_ros.lifeline import follow_parent

PARTIAL = ".partial-"

Part = TypeVar("Part", contravariant=True)


class Writer(Protocol[Part]):
    """What writes the parts of a tree."""

    def write(self, root: Path, part: Part) -> bool:
        """Write one part; False when it is there already."""


def write_parts(
    root: Path, writer: Writer[Part], parts: Iterable[Part], jobs: int = 1
) -> Iterator[bool]:
    """Write every part on `jobs` processes; yields once per part done.

    The value says whether the part was written (False: it was there already).
    """
    if jobs <= 1:
        for part in parts:
            yield writer.write(root, part)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_start_worker)
    try:
        tasks = [pool.submit(writer.write, root, part) for part in parts]
        for task in as_completed(tasks):
            yield task.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """One thread each; leave Ctrl-C to the parent, and never outlive it."""
    cv2.setNumThreads(1)
    follow_parent()
