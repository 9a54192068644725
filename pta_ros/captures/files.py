"""Capture files by their content: the format found, the packets read without loading the file."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from pta_ros.captures import atheros, esp32, intel, nexmon, picoscenes
from pta_ros.captures.packet import CsiPacket, Losses
from pta_ros.errors import ConfigError, DatasetError, did_you_mean

#: Formats by name, in the order in which they are tried: those that are surest first.
FORMATS: dict[str, ModuleType] = {
    module.NAME: module for module in (picoscenes, nexmon, esp32, intel, atheros)
}
#: Formats whose time is the world's; others count from a card's start.
WORLD_TIME = ("nexmon",)
_HEAD = 4096
Reader = Callable[[memoryview, Losses], Iterator[CsiPacket]]


def find_format(path: Path, name: str = "auto") -> str:
    """The format of a file, by its first bytes unless one is named.

    Raises DatasetError for a file that cannot be read or is of none, ConfigError for another name.
    """
    if name != "auto" and name not in FORMATS:
        raise ConfigError(f"format {name!r}: {did_you_mean(name, FORMATS)}")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{path}: {reason}; expected a capture file") from error
    if not head:
        raise DatasetError(f"{path}: an empty file; expected a capture of {', '.join(FORMATS)}")
    if name != "auto":
        return name
    for known, module in FORMATS.items():
        if module.detect(head):
            return known
    raise DatasetError(
        f"{path}: begins with {head[:8].hex(' ')}, like none of {', '.join(FORMATS)}; "
        "name the format if it is one of these"
    )


def packets(path: Path, losses: Losses, name: str = "auto") -> Iterator[CsiPacket]:
    """The packets of a capture file, one by one; what cannot be used is counted in `losses`.

    Raises as `find_format` does.
    """
    module = FORMATS[find_format(path, name)]
    # Unmapped when its last view is gone: an interrupt may leave some behind for a while.
    reading = module.read(memoryview(_mapped(path)), losses)
    try:
        yield from reading
    finally:
        reading.close()


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}; expected a capture file on a disk") from error
