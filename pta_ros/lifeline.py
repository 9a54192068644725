"""Children that do not outlive their parent, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import wait

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> Callable[[], object] | None:
    """For Popen's `preexec_fn`: SIGTERM to the child when its parent is gone (Linux, else None)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # here: little is safe to do between fork and exec
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def follow_parent() -> None:
    """In a process of multiprocessing: leave Ctrl-C to the parent, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
