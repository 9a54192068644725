"""One file of a recording: rosbags reads it, and what rosbags gives up on is salvaged."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import ConnectionExtRosbag2
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from pta_ros.bags.files import EXPECTED, MCAP_MAGIC, SQLITE_MAGIC
from pta_ros.bags.mcap_file import McapRemains
from pta_ros.bags.records import Channel, Damage, Raw, Source, Topic
from pta_ros.bags.types import definition_of, first_qos, parsed_qos
from pta_ros.errors import DatasetError

#: What SQLite and what it gives may raise where a database is damaged.
_REFUSALS = (apsw.Error, UnicodeDecodeError, KeyError)
#: Columns of what is kept of a database's rows.
_ID, _TOPIC, _TIME = range(3)
_ROWS = (
    "SELECT id, topic_id, timestamp FROM messages "
    "WHERE typeof(topic_id) = 'integer' AND typeof(timestamp) = 'integer' ORDER BY id"
)


class Complete(Source):
    """A file that rosbags opens. Its errors may be any, wherever a damage leads it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._reader = McapReader(path) if _is_mcap(path) else Sqlite3Reader(path)
        self._reader.open()
        if isinstance(self._reader, McapReader):  # which would pass over what the index lacks
            chunks = self._reader.chunks
            if not chunks or not all(chunk.channel_count for chunk in chunks):
                self._reader.close()
                raise ValueError("its index does not lead to every message")
        about = self._reader.metadata
        self.count = about.message_count
        if self.count:
            self.begin_ns, self.end_ns = about.start_time, about.end_time - 1
        for each in self._reader.connections:
            assert isinstance(each.ext, ConnectionExtRosbag2)
            qos = first_qos(each.ext.offered_qos_profiles)
            topic = Topic(each.topic, each.msgtype, each.msgcount, *qos)
            self.channels.append(Channel(topic, each.ext.serialization_format, each.msgdef))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time."""
        wanted = [each for each in self._reader.connections if each.topic in topics]
        for each, time_ns, data in self._reader.messages(wanted, start_ns or None):
            yield Raw(each.topic, each.msgtype, time_ns, data)


class _WholePages(apsw.VFSFile):
    """A database's file without the page that it is cut in, which SQLite would fill with zeros."""

    def xFileSize(self) -> int:
        """Bytes up to the end of the last whole page."""
        size, page = super().xFileSize(), int.from_bytes(self.xRead(2, 16), "big")
        return size - size % {0: 4096, 1: 65536}.get(page, page)


class _WholePagesOnly(apsw.VFS):
    """Opens files as _WholePages."""

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file."""
        return _WholePages("", name, flags)


_WHOLE_PAGES = "pta_ros_whole_pages"
_registered = _WholePagesOnly(_WHOLE_PAGES, "")  # SQLite knows it by its name while it lives


class Db3Remains(Source):
    """The rows of a damaged database, in the order of recording, until SQLite refuses to go on.

    `reason` is why it is thought to be damaged. Raises DatasetError when SQLite refuses at once.
    """

    def __init__(self, path: Path, reason: str = "") -> None:
        super().__init__()
        self._hint = f"`sqlite3 {path.name} .recover` may save more"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        address = f"{path.resolve().as_uri()}?immutable=1"  # nothing is written beside it
        self._database = apsw.Connection(address, flags, _WHOLE_PAGES)
        try:
            self._database.execute("PRAGMA writable_schema = ON")  # else SQLite reads no cut file
            entries = {row["id"]: row for row in self._table("topics", "name", "type")}
        except _REFUSALS as error:
            self.close()
            expected = f"expected a whole database; {self._hint}"
            raise DatasetError(f"SQLite refuses to read it ({error}); {expected}") from error
        self._topics = {key: (row["name"], row["type"]) for key, row in entries.items()}
        why = self._scan() or reason
        self.count = len(self._rows)
        if self.count:
            self.begin_ns, self.end_ns = (int(self._rows[place, _TIME]) for place in (0, -1))
        self.channels = self._channels(entries)
        if why:
            told = f"SQLite refuses to go on ({why}); {self._hint}"
            self.note(Damage(self.end_ns, "ends early", told))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time.

        Messages that are not complete are left out and told in `damages`.
        """
        lost: list[int] = []
        for number, key, time_ns in self._rows[np.searchsorted(self._rows[:, _TIME], start_ns) :]:
            topic, kind = self._topics[int(key)]
            if topic not in topics:
                continue
            if (data := self._data(int(number))) is None:
                lost.append(int(time_ns))
            else:
                yield Raw(topic, kind, int(time_ns), data)
        if lost:
            why = f"{len(lost)} messages cannot be read and are left out; {self._hint}"
            self.note(Damage(lost[0], "is damaged", why))

    def _table(self, name: str, *texts: str) -> list[dict[str, Any]]:
        """A table's rows by column, those whose columns `texts` are text."""
        cursor = self._database.execute(f"SELECT * FROM {name}")
        rows = [dict(zip((c[0] for c in cursor.getdescription()), r, strict=True)) for r in cursor]
        return [row for row in rows if all(isinstance(row[text], str) for text in texts)]

    def _scan(self) -> str:
        """Find the rows whose topic is known; returns SQLite's refusal, or nothing."""
        kept, refusal = array("q"), ""  # plain numbers, as there may be millions
        try:
            for row in self._database.execute(_ROWS):
                kept.extend(row)
        except _REFUSALS as error:
            refusal = str(error)
        rows = np.frombuffer(kept, np.int64).reshape(-1, 3)
        rows = rows[np.isin(rows[:, _TOPIC], list(self._topics))]
        while len(rows) and self._data(int(rows[-1, _ID])) is None:
            rows, refusal = rows[:-1], refusal or "the last rows are cut off"
        self._rows: NDArray[np.int64] = rows[np.argsort(rows[:, _TIME], kind="stable")]
        return refusal

    def _channels(self, entries: dict[int, dict[str, Any]]) -> list[Channel]:
        """The topics of these rows; old recorders kept neither their QoS nor definitions."""
        counts, known = Counter(self._rows[:, _TOPIC].tolist()), {}
        try:
            for row in self._table("message_definitions", "encoding", "encoded_message_definition"):
                known[row["topic_type"]] = (row["encoding"], row["encoded_message_definition"])
        except _REFUSALS:
            pass  # the known definitions take their place
        found = []
        for key, row in entries.items():
            qos = first_qos(parsed_qos(row.get("offered_qos_profiles", "")))
            topic = Topic(row["name"], row["type"], counts[key], *qos)
            definition = definition_of(*known.get(topic.type, ("", "")))
            found.append(Channel(topic, row.get("serialization_format", "cdr"), definition))
        return found

    def _data(self, number: int) -> bytes | None:
        """A message's bytes; None when a part of them is missing."""
        try:
            found = self._database.execute("SELECT data FROM messages WHERE id = ?", (number,)).get
        except _REFUSALS:
            return None
        return found if isinstance(found, bytes) else None


class Part:
    """The file at `path`, unpacked, of the name `name` in its recording.

    `problem` says what could not be unpacked. Raises DatasetError when it is no recording at all.
    """

    def __init__(self, path: Path, name: str, problem: str = "") -> None:
        self.name, self._path, self._problem = name, path, problem
        self._opened: list[Source] = []
        try:
            self._opened.append(Complete(path))
        except Exception as error:  # a damaged file takes rosbags anywhere
            self._salvage(error)

    @property
    def source(self) -> Source:
        """Where the messages come from."""
        return self._opened[-1]

    def close(self) -> None:
        """Close the file."""
        for source in self._opened:
            source.close()

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order, as many as can be had."""
        last_ns, same = start_ns, 0
        try:
            for raw in self.source.messages(topics, start_ns):
                same = same + 1 if raw.time_ns == last_ns else 1
                last_ns = raw.time_ns
                yield raw
            return
        except Exception as error:  # as above
            if not isinstance(self.source, Complete):
                raise
            rest = self._salvage(error).messages(topics, last_ns)
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

    def _salvage(self, error: Exception) -> Source:
        """Read the file without its index from now on, as rosbags failed with `error`."""
        reason, mcap = " ".join(str(error).split()), _is_mcap(self._path)
        self._opened.append(McapRemains(self._path) if mcap else Db3Remains(self._path, reason))
        return self.source


def _is_mcap(path: Path) -> bool:
    """True for MCAP, False for SQLite; DatasetError for a file of another kind."""
    with path.open("rb") as file:
        magic = file.read(len(MCAP_MAGIC))
    if magic in (MCAP_MAGIC, SQLITE_MAGIC[: len(MCAP_MAGIC)]):
        return magic == MCAP_MAGIC
    what = f"begins with {magic!r}" if magic else "nothing to read in it"
    raise DatasetError(f"{what}; {EXPECTED}")
