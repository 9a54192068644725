"""The simulated session's own account, one JSON line per tick: what was sent, and the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError
from pta_ros.simulate.script import Phase


class TickLog:
    """Writes one run; every line is flushed, so a killed run keeps what it had.

    Raises ConfigError when the file cannot be written."""

    def __init__(self, path: Path, session: dict[str, Any]) -> None:
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write the log {path}: {error.strerror}") from error
        self._write({"type": "session", **session})

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def tick(
        self,
        index: int,
        stamp_ns: int,
        phase: Phase | None,
        timing_ms: Mapping[str, float],
        truth: Mapping[str, Any],
    ) -> None:
        """Record one tick; `phase` is None for the ticks before the script begins.

        `timing_ms` are render_ms and late_ms. `truth` are JSON values: `joints` of one person,
        `people`, or `activity`, the class of the window that ends at the tick, -1 for none or more.
        """
        faults = {m: phase.fault(m).value for m in phase.modalities} if phase else {}
        self._write(
            {
                "type": "tick",
                "index": index,
                "stamp_ns": stamp_ns,
                "phase": phase.name if phase else None,
                "faults": faults,
                **{name: round(value, 2) for name, value in timing_ms.items()},
                **truth,
            }
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def rounded(joints_m: NDArray[np.floating]) -> list[Any]:
    """Joints in metres as lists, to a hundredth of a millimetre."""
    listed: list[Any] = np.round(np.asarray(joints_m, dtype=float), 5).tolist()
    return listed
