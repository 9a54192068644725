"""What can be read of a rosbag2 database that SQLite refuses: its pages, to wherever it is cut.

SQLite finds rows from the top of a tree down, and the top moves towards the file's end as a
recording grows. So a database that was cut has nearly all its messages and no way to them.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat

from pta_ros.bags.db3_rows import Cell, Pages, kinds, values
from pta_ros.bags.qos import offered, parsed
from pta_ros.bags.records import Channel, Damage, Raw, Topic
from pta_ros.errors import DatasetError

_FORMATS = {"ros2msg": MessageDefinitionFormat.MSG, "ros2idl": MessageDefinitionFormat.IDL}
_NO_DEFINITION = MessageDefinition(MessageDefinitionFormat.NONE, "")

#: What is kept per message: time, topic's number, and its row's place.
_TIME, _TOPIC, _CELL, _KEPT = 0, 1, 2, 6


class _Entry(NamedTuple):
    topic: str
    type: str
    encoding: str
    qos: str


class Db3Remains:
    """The readable part of the database at `path`: its channels, times and messages."""

    def __init__(self, path: Path) -> None:
        self.damages: list[Damage] = []
        self._file = path.open("rb")
        self._topics: dict[int, _Entry] = {}
        self._definitions: dict[str, MessageDefinition] = {}
        try:
            self._pages = Pages.of(self._file)
        except ValueError as error:
            self._file.close()
            raise DatasetError(f"{error}; expected an SQLite database") from error
        self._found = self._scan()
        gaps = self._gaps()
        if self._pages.present < self._pages.claimed:
            why = f"{self._pages.present} of {self._pages.claimed} bytes are there{gaps}"
            self.damages.append(Damage(self.end_ns, "ends early", why))
        elif gaps:
            self.damages.append(Damage(self.begin_ns, "is damaged", gaps.removeprefix(", ")))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def count(self) -> int:
        """Number of messages."""
        return len(self._found)

    @property
    def begin_ns(self) -> int:
        """Time of the first message; 0 when there is none."""
        return int(self._found[0, _TIME]) if len(self._found) else 0

    @property
    def end_ns(self) -> int:
        """Time of the last message; 0 when there is none."""
        return int(self._found[-1, _TIME]) if len(self._found) else 0

    @property
    def channels(self) -> list[Channel]:
        """The file's topics."""
        counts = Counter(self._found[:, _TOPIC].tolist())
        return [
            Channel(
                Topic(entry.topic, entry.type, counts[key], *offered(parsed(entry.qos))),
                entry.encoding,
                self._definitions.get(entry.type, _NO_DEFINITION),
            )
            for key, entry in sorted(self._topics.items())
        ]

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time.

        Messages that are not complete are left out and told in `damages`.
        """
        wanted = {key: entry for key, entry in self._topics.items() if entry.topic in topics}
        incomplete: list[int] = []
        for row in self._found[np.searchsorted(self._found[:, _TIME], start_ns) :]:
            time_ns, key = int(row[_TIME]), int(row[_TOPIC])
            if key not in wanted:
                continue
            data = self._data(row)
            if data is None:
                incomplete.append(time_ns)
            else:
                yield Raw(wanted[key].topic, wanted[key].type, time_ns, data)
        if incomplete:
            why = f"{len(incomplete)} messages are incomplete and left out"
            damage = Damage(incomplete[0], "is damaged", why)
            self.damages += [damage] if damage not in self.damages else []

    def _scan(self) -> NDArray[np.int64]:
        """Walk over the rows: (messages, _KEPT) in order of time, without a cut one at the end."""
        kept = array("q")  # plain numbers, as there may be millions
        for cell, head in self._pages.cells():
            self._take(cell, head, kept)
        found = np.frombuffer(kept, np.int64).reshape(-1, _KEPT)
        known = np.isin(found[:, _TOPIC], list(self._topics))
        found = found[known]
        _, first = np.unique(found[:, _CELL], return_index=True)  # a row that moved may be twice
        found = found[first]
        found = found[np.argsort(found[:, _TIME], kind="stable")]
        while len(found) and self._data(found[-1]) is None:
            found = found[:-1]
        return found

    def _gaps(self) -> str:
        """In words, how many rows are missing before the last one; they are numbered from 1."""
        missing = int(self._found[:, _CELL].max(initial=0)) - len(self._found)
        return f", {missing} messages before that are missing" if missing > 0 else ""

    def _take(self, cell: Cell, head: bytes, kept: array[int]) -> None:
        """Note a row of the tables that matter, told apart by their columns."""
        columns, _ = kinds(head)
        if len(columns) < 4 or columns[0] != 0 or cell.rowid < 0:
            return
        if _is_number(columns[1]) and _is_number(columns[2]) and _is_blob(columns[3]):
            found = values(head, 3)
            if len(columns) == 4 and len(found) == 3:
                kept.extend((found[2], found[1], *cell))  # type: ignore[arg-type]  # numbers
        elif all(_is_text(column) for column in columns[1:4]):
            self._take_text(cell)

    def _take_text(self, cell: Cell) -> None:
        """Note a row of `topics` or `message_definitions`."""
        content = self._pages.content(cell)
        found = values(content or b"")
        if len(found) < 4:
            return
        _, first, second, third, *more = found
        if not (isinstance(first, str) and isinstance(second, str) and isinstance(third, str)):
            return
        if second in _FORMATS:
            self._definitions.setdefault(first, MessageDefinition(_FORMATS[second], third))
        elif first.startswith("/"):
            qos = more[0] if more and isinstance(more[0], str) else ""
            self._topics.setdefault(cell.rowid, _Entry(first, second, third, qos))

    def _data(self, row: NDArray[np.int64]) -> bytes | None:
        """A message's bytes; None when a part of them is missing."""
        content = self._pages.content(Cell(*row[_CELL:].tolist()))
        found = values(content, 4) if content is not None else []
        return found[3] if len(found) == 4 and isinstance(found[3], bytes) else None


def _is_number(kind: int) -> bool:
    return kind in (1, 2, 3, 4, 5, 6, 8, 9)


def _is_blob(kind: int) -> bool:
    return kind >= 12 and kind % 2 == 0


def _is_text(kind: int) -> bool:
    return kind >= 12 and kind % 2 == 1
