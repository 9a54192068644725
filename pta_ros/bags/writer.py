"""Writing rosbag2 recordings, without ROS."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError

from pta_ros.bags.types import known_types, qos_profile
from pta_ros.errors import DatasetError

STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}

#: Ways to compress, all with zstd: nothing, the file's chunks (mcap only), files, single messages.
COMPRESSIONS = {
    "": CompressionMode.NONE,
    "zstd": CompressionMode.STORAGE,
    "file": CompressionMode.FILE,
    "message": CompressionMode.MESSAGE,
}

#: What the storages raise where the disk is full or gone.
_FULL = (OSError, sqlite3.Error)
#: Version of the recording's metadata that rosbag2 of ROS 2 Iron and newer reads.
_VERSION: Literal[9] = 9
#: For definitions that are not ours to hash.
_NO_HASH = "RIHS01_" + "0" * 64


class BagWriter:
    """A new recording in the folder `path`; a context manager, complete once it is left.

    `storage` is one of STORAGES, `compression` one of COMPRESSIONS. With `whole` an error or an
    interrupt leaves nothing of it. Raises DatasetError, also where the disk is full.
    """

    def __init__(
        self, path: Path, storage: str = "mcap", compression: str = "", whole: bool = False
    ) -> None:
        if storage not in STORAGES or compression not in COMPRESSIONS:
            given = f"storage {storage!r} and compression {compression!r}"
            raise DatasetError(f"{given}; expected {list(STORAGES)} and {list(COMPRESSIONS)}")
        if storage != "mcap" and compression == "zstd":
            raise DatasetError("compression 'zstd' is for mcap; use 'file' or 'message'")
        self.path, self._whole = path, whole
        self._storage = STORAGES[storage]
        self._compression = COMPRESSIONS[compression]
        self._topics: dict[str, Connection] = {}

    def __enter__(self) -> BagWriter:
        try:
            self._writer = Writer(self.path, version=_VERSION, storage_plugin=self._storage)
            self._writer.set_compression(self._compression, CompressionFormat.ZSTD)
            self._writer.open()
        except (WriterError, OSError) as error:
            raise DatasetError(f"{self.path}: cannot write a bag there: {error}") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        try:
            # The error that is under way says more than that the rest cannot be written either.
            with self._told(), suppress(*(_FULL if kind else ())):
                self._writer.__exit__(kind, *error)
        except DatasetError as failed:
            kind = type(failed)
            raise
        finally:
            if kind and self._whole:
                rmtree(self.path, ignore_errors=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the system refuses while the bag is written, as an error of one line."""
        try:
            yield
        except _FULL as error:
            reason = getattr(error, "strerror", None) or error
            expected = "expected a place to write with room for the bag"
            raise DatasetError(f"{self.path}: {reason}; {expected}") from error

    def topic(
        self,
        name: str,
        type_name: str,
        *,
        reliable: bool = True,
        latched: bool = False,
        definition: str | None = None,
    ) -> None:
        """Add a topic with its publisher's QoS; `write` adds those that were not added.

        `definition` is the message's text (.msg) where it is not the known one.
        """
        if name in self._topics:
            raise DatasetError(f"{self.path}: topic {name} is added twice")
        store = known_types()
        if definition is None and type_name not in store.types:
            raise DatasetError(f"{name}: no definition of {type_name}; expected a known message")
        self._topics[name] = self._writer.add_connection(
            name,
            type_name,
            typestore=store,
            msgdef=definition,
            rihs01=None if definition is None else _NO_HASH,
            offered_qos_profiles=[qos_profile(reliable, latched)],
        )

    def write(self, topic: str, time_ns: int, msg: Any) -> None:
        """Write a message made by `message`, as received at `time_ns`."""
        type_name = msg.__msgtype__
        self.write_raw(topic, type_name, time_ns, known_types().serialize_cdr(msg, type_name))

    def write_raw(self, topic: str, type_name: str, time_ns: int, data: bytes | memoryview) -> None:
        """Write serialized bytes as they are."""
        if topic not in self._topics:
            self.topic(topic, type_name)
        if (had := self._topics[topic].msgtype) != type_name:
            raise DatasetError(f"{topic}: {type_name} on a topic of {had}")
        with self._told():
            self._writer.write(self._topics[topic], time_ns, data)
