"""One run at a time to a folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pta_ros.errors import ConfigError


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a folder for this run: made where it is missing, then gone if nothing came into it, with
    those above it that were made for it.

    Raises ConfigError at once when it cannot be written or another run keeps it.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        told = f"{folder}: {error.strerror}; expected a folder for results that can be written"
        raise ConfigError(told) from error
    try:
        _lock(handle, folder)
        try:
            yield
        finally:
            for one in made:
                if not any(one.iterdir()):
                    one.rmdir()
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(f"{folder}: another run writes there; choose another folder") from error
    except OSError:
        return  # a file system without locks
