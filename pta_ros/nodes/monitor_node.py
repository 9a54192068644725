"""Records what the fusion says (JSON lines) and shows it live in the terminal.

It only listens: `skeleton`, `people`, `activity`, their truth and `/diagnostics`. Every record
has the time of receipt on the system clock, so that delays are measured outside the process judged.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("monitor_node")

import json
import time
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TextIO

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from pta_msgs.msg import Activity, People, Skeleton

from pta_ros.clock import stamp_ns
from pta_ros.errors import ConfigError
from pta_ros.nodes import records
from pta_ros.nodes.base import ProgramNode
from pta_ros.nodes.status_view import Scoreboard, StatusView
from pta_ros.settings import START, param

_DEPTH = 100  # a recorder must not lose what it is there to record
_KEPT_TRUTHS = 50
_REFRESH_S = 0.25


@dataclass(frozen=True)
class MonitorParams:
    """The node's parameters."""

    record: str = param("", "file for one JSON line per message; empty records none", change=START)
    view: bool = param(True, "show the state in the terminal", change=START)
    notes: str = param("", "file whose new lines are shown, too; empty shows none", change=START)


def _opened(path: str, mode: str, purpose: str) -> TextIO:
    """The file, or an empty one in memory for no path."""
    try:
        return Path(path).open(mode, encoding="utf-8") if path else StringIO()
    except OSError as error:
        raise ConfigError(f"cannot {purpose} {path}: {error.strerror}") from error


def _keep(truths: dict, stamp: int, truth: object) -> None:
    """Remember a truth by its stamp, and forget the oldest ones."""
    truths[stamp] = truth
    while len(truths) > _KEPT_TRUTHS:
        del truths[next(iter(truths))]


class MonitorNode(ProgramNode):
    """Listens, records, shows."""

    def __init__(self) -> None:
        super().__init__("monitor_node", MonitorParams)
        params = self.params
        self._file = _opened(params.record, "w", "write the record")
        self._board = Scoreboard(began_ns=time.time_ns())
        self._view = StatusView(self._board) if params.view else None
        self._notes = _opened(params.notes, "r", "read the notes")
        self._truths: dict[int, list] = {}
        self._true_activities: dict[int, int] = {}
        self._true_people: dict[int, list] = {}
        self.create_subscription(Skeleton, "skeleton", self._on_skeleton, _DEPTH)
        self.create_subscription(Activity, "activity", self._on_activity, _DEPTH)
        self.create_subscription(Skeleton, "ground_truth", self._on_truth, _DEPTH)
        self.create_subscription(People, "people", self._on_people, _DEPTH)
        self.create_subscription(People, "truth/people", self._on_true_people, _DEPTH)
        truth = "ground_truth_activity"
        self.create_subscription(Activity, truth, self._on_true_activity, _DEPTH)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, _DEPTH)
        if self._view:
            self.create_timer(_REFRESH_S, self._refresh)

    def _refresh(self) -> None:
        for line in self._notes:
            self._view.note(line.rstrip())
        self._view.refresh(time.time_ns())

    def _write(self, record: dict) -> None:
        if self.params.record:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def _on_skeleton(self, msg: Skeleton) -> None:
        record = records.skeleton_record(msg, time.time_ns())
        self._write(record)
        self._board.skeleton(record, self._error_mm(record))

    def _on_people(self, msg: People) -> None:
        record = records.people_record(msg, time.time_ns())
        self._write(record)
        self._board.crowd(record, self._true_people.get(record["stamp_ns"]))

    def _on_true_people(self, msg: People) -> None:
        truth = [records.joints(person.skeleton) for person in msg.people]
        _keep(self._true_people, stamp_ns(msg.header.stamp), truth)

    def _on_activity(self, msg: Activity) -> None:
        record = records.activity_record(msg, time.time_ns())
        self._write(record)
        self._board.activity(record, self._true_activities.get(record["stamp_ns"]))

    def _error_mm(self, record: dict) -> float | None:
        truth = self._truths.get(record["stamp_ns"])
        if truth is None:
            return None
        return 1e3 * float(np.linalg.norm(np.subtract(record["joints"], truth), axis=1).mean())

    def _on_truth(self, msg: Skeleton) -> None:
        record = records.truth_record(msg, time.time_ns())
        _keep(self._truths, record["stamp_ns"], record["joints"])
        self._write(record)

    def _on_true_activity(self, msg: Activity) -> None:
        _keep(self._true_activities, stamp_ns(msg.header.stamp), int(msg.class_id))

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        record = records.diagnostics_record(msg, time.time_ns(), self.get_namespace())
        if record is not None:
            self._write(record)
            self._board.diagnostics(record)

    def close(self) -> None:
        """Close the record and leave the terminal as it was."""
        if self._view:
            self._view.close()
        self._notes.close()
        self._file.close()
