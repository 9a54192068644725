"""Shared memory that killed processes left behind, removed before a program makes its own.

Fast DDS gives each participant a segment in /dev/shm (17 MB with config/fastdds.xml) and a file
beside it that it keeps locked while it lives. Who is killed removes neither, and when nobody else
is left to notice, nothing ever does: a robot whose processes are killed again and again loses its
memory. A segment whose lock is free belongs to nobody; `fastdds shm clean` goes by the same rule.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path

_FOLDER = Path("/dev/shm")
_LOCK = re.compile(r"fastrtps_[0-9a-f]{16}_el")
#: Younger ones are left alone: their process may be about to lock them.
_OLDER_S = 2.0


def clear(folder: Path = _FOLDER) -> int:
    """Remove segments that no living process owns; how many. Those of other users stay."""
    found = 0
    for lock in sorted(folder.glob("fastrtps_*_el")) if folder.is_dir() else ():
        try:
            young = time.time() - lock.stat().st_mtime < _OLDER_S
            if _LOCK.fullmatch(lock.name) and not young:
                found += _removed(lock)
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def _removed(lock: Path) -> bool:
    """Whether a segment was nobody's, and is gone now with its lock."""
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.with_name(lock.name.removesuffix("_el")).unlink(missing_ok=True)
        lock.unlink()
    except BlockingIOError:  # its owner lives
        return False
    finally:
        os.close(descriptor)
    return True
