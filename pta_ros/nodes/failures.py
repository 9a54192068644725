"""Estimates that failed: what to show of them, and whether going on makes sense."""

from __future__ import annotations

import traceback

from pta_ros.errors import PtaError
from pta_ros.nodes.base import Throttle

_FATAL_IN_A_ROW = 3


class Failures:
    """Counts failed estimates and tells corrupt data from a defect; used by two threads."""

    def __init__(self) -> None:
        self.count = 0
        self.last = ""
        #: Shown as ERROR until the next success.
        self.failing = False
        #: So many in a row, not explained by data, that going on makes no sense.
        self.fatal = False
        self._in_a_row = 0
        self._throttle = Throttle()

    def remember(self, error: Exception | str) -> None:
        """Show this as the last error."""
        typed = isinstance(error, Exception) and not isinstance(error, PtaError)
        self.failing = True  # first: who reads the text knows that it holds
        self.last = f"{type(error).__name__}: {error}" if typed else str(error)

    def add(self, error: Exception) -> str:
        """Note one failed estimate; gives the text to log, empty soon after one like it."""
        self.count += 1
        self.remember(error)
        self._in_a_row += 1
        from_data = isinstance(error, PtaError)
        self.fatal = not from_data and self._in_a_row >= _FATAL_IN_A_ROW
        detail = self.last if from_data else "".join(traceback.format_exception(error))
        return self._throttle.due(type(error).__name__, f"no estimate: {detail}")

    def clear(self) -> None:
        """After a success; the last error stays readable."""
        self.failing, self.fatal, self._in_a_row = False, False, 0
