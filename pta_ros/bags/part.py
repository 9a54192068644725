"""One file of a recording: rosbags reads it, and what rosbags gives up on is salvaged."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from rosbags.interfaces import Connection, ConnectionExtRosbag2
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from pta_ros.bags.db3 import Db3Remains
from pta_ros.bags.files import EXPECTED, MCAP_MAGIC, SQLITE_MAGIC
from pta_ros.bags.mcap_file import McapRemains
from pta_ros.bags.qos import offered
from pta_ros.bags.records import Channel, Damage, Raw, Topic
from pta_ros.errors import DatasetError

_MAGIC_BYTES = len(MCAP_MAGIC)
_READERS: dict[bytes, type[McapReader | Sqlite3Reader]] = {
    MCAP_MAGIC: McapReader,
    SQLITE_MAGIC[:_MAGIC_BYTES]: Sqlite3Reader,
}


class Source(Protocol):
    """A file's topics, times and messages. `damages` is complete when all messages are read."""

    damages: list[Damage]

    @property
    def channels(self) -> list[Channel]:
        """The file's topics."""

    @property
    def count(self) -> int:
        """Number of messages; at least one where there is one."""

    @property
    def begin_ns(self) -> int:
        """Time of the first message; 0 when there is none."""

    @property
    def end_ns(self) -> int:
        """Time of the last message; 0 when there is none."""

    def close(self) -> None:
        """Close the file."""

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time."""


class Complete:
    """A file that rosbags opens. Its errors may be any, wherever a damage leads it."""

    def __init__(self, path: Path) -> None:
        self.damages: list[Damage] = []
        self._reader = _READERS[_magic(path)](path)
        self._reader.open()
        if not _is_indexed(self._reader):
            self._reader.close()
            raise ValueError("its index does not lead to every message")
        about = self._reader.metadata
        self.count = about.message_count
        self.begin_ns = about.start_time if self.count else 0
        self.end_ns = about.end_time - 1 if self.count else 0
        self.channels = [_channel(each) for each in self._reader.connections]

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time."""
        wanted = [each for each in self._reader.connections if each.topic in topics]
        for each, time_ns, data in self._reader.messages(wanted, start_ns or None):
            yield Raw(each.topic, each.msgtype, time_ns, data)


class Part:
    """The file at `path`, unpacked, of the name `name` in its recording.

    `problem` says what could not be unpacked. Raises DatasetError when it is no recording at all.
    """

    def __init__(self, path: Path, name: str, problem: str = "") -> None:
        self.path = path
        self.name = name
        self._problem = problem
        self._salvaged: Source | None = None
        self._complete: Complete | None = None
        try:
            self._complete = Complete(path)
        except Exception as error:  # a damaged file takes rosbags anywhere
            self._salvage(error, None)

    @property
    def source(self) -> Source:
        """Where the messages come from."""
        source = self._salvaged or self._complete
        assert source is not None, "one of the two was opened"
        return source

    def close(self) -> None:
        """Close the file."""
        for source in (self._salvaged, self._complete):
            if source is not None:
                source.close()

    def messages(self, topics: Collection[str]) -> Iterator[Raw]:
        """The messages of these topics in order of time, as many as can be had."""
        if self._complete is None or self._salvaged is not None:
            yield from self.source.messages(topics)
            return
        last_ns, same = 0, 0
        reader = self._complete.messages(topics)
        while True:
            try:
                raw = next(reader, None)
            except Exception as error:  # as above
                rest = self._salvage(error, last_ns).messages(topics, last_ns)
                break
            if raw is None:
                return
            same = same + 1 if raw.time_ns == last_ns else 1
            last_ns = raw.time_ns
            yield raw
        for raw in rest:
            if raw.time_ns == last_ns and same > 0:
                same -= 1  # delivered before
            else:
                yield raw

    def losses(self, begin_ns: int) -> list[str]:
        """What could not be read, in words; seconds are counted from `begin_ns`."""
        told = [f"{self.name}: {self._problem}"] if self._problem else []
        for damage in self.source.damages:
            seconds = max(damage.time_ns - begin_ns, 0) / 1e9
            told.append(f"{self.name} {damage.what} after {seconds:.1f} s: {damage.why}")
        return told

    def _salvage(self, error: Exception, time_ns: int | None) -> Source:
        """Read the file without its index from now on; `error` came at `time_ns`."""
        source = salvaged(self.path)
        if isinstance(source, Db3Remains) and not source.damages:
            # Its rows are found without SQLite, but nothing says whether they are all.
            at_ns = source.begin_ns if time_ns is None else time_ns
            why = f"{' '.join(str(error).split())}; its rows are read without SQLite, maybe not all"
            source.damages.append(Damage(at_ns, "is damaged", why))
        self._salvaged = source
        return source


def salvaged(path: Path) -> Source:
    """What is readable of a file without its index; DatasetError when it is of another kind."""
    magic = _magic(path)
    if magic == MCAP_MAGIC:
        return McapRemains(path)
    if magic == SQLITE_MAGIC[:_MAGIC_BYTES]:
        return Db3Remains(path)
    what = f"begins with {magic!r}" if magic else "nothing to read in it"
    raise DatasetError(f"{what}; {EXPECTED}")


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAGIC_BYTES)


def _is_indexed(reader: McapReader | Sqlite3Reader) -> bool:
    """False for an MCAP file with a chunk that rosbags would pass over or read out of order."""
    if not isinstance(reader, McapReader):
        return True
    return bool(reader.chunks) and all(chunk.channel_count for chunk in reader.chunks)


def _channel(connection: Connection) -> Channel:
    extra = connection.ext
    assert isinstance(extra, ConnectionExtRosbag2)
    qos = offered(extra.offered_qos_profiles)
    topic = Topic(connection.topic, connection.msgtype, connection.msgcount, *qos)
    return Channel(topic, extra.serialization_format, connection.msgdef)
