"""Where the readings of a fusion node's own sensor nodes go: to its worker, and to its health."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pta_ros.errors import DecodeError
from pta_ros.frames import Frame
from pta_ros.nodes.watch import Watch
from pta_ros.nodes.worker import Worker


class Readings:
    """The Sink of a fusion node; without a `worker` readings are dropped."""

    def __init__(self, watch: Watch, worker: Callable[[], Worker | None]) -> None:
        self._watch, self._worker = watch, worker

    def push(self, frame: Frame, _msg: Any) -> None:
        """A good reading."""
        if (worker := self._worker()) is not None:
            worker.push(frame)

    def reject(self, modality: str, error: DecodeError, _msg: Any, now_ns: int) -> None:
        """A message that cannot be used."""
        if (worker := self._worker()) is not None:
            worker.reject(modality, error, now_ns)

    def note(self, modality: str, text: str) -> None:
        """A standing remark on a stream's connection."""
        self._watch.note(modality, text)

    def remark(self, modality: str, text: str) -> None:
        """What is to be known of a stream that is read."""
        self._watch.health.remarks[modality] = text

    def lost(self, modality: str, total: int) -> None:
        """Messages that the middleware lost."""
        self._watch.health.counts.middleware[modality] = total
