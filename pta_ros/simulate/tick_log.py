"""The simulated session's own account, one JSON line per tick: what was sent, and the truth."""

from __future__ import annotations

import json
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
        joints_m: NDArray[np.floating],
        render_ms: float,
        late_ms: float,
        activity: int = -1,
    ) -> None:
        """Record one tick; `phase` is None for the ticks before the script begins.

        `activity` is the class of the window that ends at the tick, -1 for none or more than one.
        """
        faults = {m: phase.fault(m).value for m in phase.modalities} if phase else {}
        self._write(
            {
                "type": "tick",
                "index": index,
                "stamp_ns": stamp_ns,
                "phase": phase.name if phase else None,
                "faults": faults,
                "joints": np.round(np.asarray(joints_m, dtype=float), 5).tolist(),
                "render_ms": round(render_ms, 2),
                "late_ms": round(late_ms, 2),
                "activity": activity,
            }
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()
