"""Other work on all processors at equal priority: one process for each, that does nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pta_ros.demo.processes import Child

_WORK = "while True: pass"


class Busy:
    """Keeps `count` processors busy while its `with` block runs."""

    def __init__(self, count: int, folder: Path) -> None:
        self._count, self._folder = count, folder
        self.children: list[Child] = []

    def __enter__(self) -> Busy:
        log = self._folder / "busy.txt"
        command = [sys.executable, "-c", _WORK]
        for number in range(self._count):
            self.children.append(Child.start(f"busy {number}", command, os.environ, log))
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            child.process.kill()
            child.process.wait()
