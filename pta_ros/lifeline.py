"""Children that do not outlive their parent, however it ends."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> Callable[[], object] | None:
    """For Popen's `preexec_fn`: SIGTERM to the child when its parent is gone (Linux, else None)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # here: little is safe to do between fork and exec
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
