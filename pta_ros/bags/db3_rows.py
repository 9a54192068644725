"""Rows of an SQLite file, read from its pages. See https://sqlite.org/fileformat2.html."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

#: Where a row's content does not fit its page, the rest lies in overflow pages.
_LEAF = 0x0D
_LEAF_HEAD = 8
_FILE_HEAD = 100
_PAGES_AT_ONCE = 256
_POINTER = struct.Struct(">I")
#: Bytes of the integers by serial type; 8 and 9 are the constants 0 and 1.
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}

Value = int | float | str | bytes | None


class Cell(NamedTuple):
    """One row as it lies on its page: its number, its length, and the local part with the rest."""

    rowid: int
    length: int
    offset: int
    local: int


@dataclass(frozen=True)
class Pages:
    """The pages of the database in `file`: `size` bytes each, of which `usable` hold content."""

    file: BinaryIO
    size: int
    usable: int
    claimed: int
    present: int

    @classmethod
    def of(cls, file: BinaryIO) -> Pages:
        """Read the file's head; ValueError when it is none of SQLite's."""
        file.seek(0, 2)
        length = file.tell()
        file.seek(0)
        head = file.read(_FILE_HEAD)
        if len(head) < _FILE_HEAD:
            raise ValueError(f"{len(head)} bytes")
        size = int.from_bytes(head[16:18], "big")
        size = 65536 if size == 1 else size
        if size < 512 or size & (size - 1):
            raise ValueError(f"pages of {size} bytes")
        claimed = int.from_bytes(head[28:32], "big") * size
        return cls(file, size, size - head[20], claimed, length)

    def cells(self) -> Iterator[tuple[Cell, bytes]]:
        """Every row of every table, with the part of it that lies on its page."""
        for number, page in self._leaves():
            start = _FILE_HEAD if number == 0 else 0
            (count,) = struct.unpack_from(">H", page, start + 3)
            first = start + _LEAF_HEAD
            count = min(count, (len(page) - first) // 2)
            for (pointer,) in struct.iter_unpack(">H", page[first : first + 2 * count]):
                cell = self._cell(page, pointer, number * self.size)
                if cell is not None:
                    begin = cell.offset - number * self.size
                    yield cell, page[begin : begin + cell.local]

    def content(self, cell: Cell) -> bytes | None:
        """A whole row's content; None when a part of it is missing."""
        self.file.seek(cell.offset)
        found = bytearray(self.file.read(cell.local))
        if cell.length == cell.local:
            return bytes(found) if len(found) == cell.length else None
        (page,) = _POINTER.unpack(self.file.read(_POINTER.size).ljust(_POINTER.size, b"\0"))
        while len(found) < cell.length and page > 0:
            self.file.seek((page - 1) * self.size)
            data = self.file.read(self.usable)
            if len(data) < _POINTER.size:
                return None  # beyond the cut
            (page,) = _POINTER.unpack_from(data)
            found += data[_POINTER.size :]
        return bytes(found[: cell.length]) if len(found) >= cell.length else None

    def _leaves(self) -> Iterator[tuple[int, bytes]]:
        """The pages, from 0, that hold rows. An overflow page begins with a page number instead,
        whose first byte would be as large only in a file of hundreds of gigabytes."""
        number = 0
        while True:
            self.file.seek(number * self.size)
            data = self.file.read(self.size * _PAGES_AT_ONCE)
            if not data:
                return
            data += bytes(-len(data) % self.size)  # a cut page has its first rows at its end
            for begin in range(0, len(data), self.size):
                kind = data[begin + (_FILE_HEAD if number == 0 else 0)]
                if kind == _LEAF:
                    yield number, data[begin : begin + self.size]
                number += 1

    def _cell(self, page: bytes, pointer: int, offset: int) -> Cell | None:
        """One row's place; None when the pointer leads nowhere."""
        try:
            length, position = varint(page, pointer)
            rowid, position = varint(page, position)
        except IndexError:
            return None
        local = self._local(length)
        if position + local > min(len(page), self.present - offset):
            return None
        return Cell(rowid, length, offset + position, local)

    def _local(self, length: int) -> int:
        """How much of a row of this length lies on its page."""
        most = self.usable - 35
        if length <= most:
            return length
        least = (self.usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (self.usable - 4)
        return local if local <= most else least


def varint(data: bytes, position: int) -> tuple[int, int]:
    """SQLite's number of one to nine bytes, and where it ends; IndexError at the data's end."""
    value = 0
    for i in range(8):
        byte = data[position + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + i + 1
    return value << 8 | data[position + 8], position + 9


def kinds(content: bytes) -> tuple[list[int], int]:
    """The serial types of a row's columns and where their values begin; none when malformed."""
    try:
        end, position = varint(content, 0)
        found = []
        while position < end:
            kind, position = varint(content, position)
            found.append(kind)
    except IndexError:
        return [], 0
    return found, end


def width(kind: int) -> int:
    """Bytes of a value of this serial type."""
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == 7 else _INTEGERS.get(kind, 0)


def values(content: bytes, most: int = 16) -> list[Value]:
    """A row's first `most` values; fewer when it is cut."""
    found: list[Value] = []
    types, position = kinds(content)
    for kind in types[:most]:
        size = width(kind)
        if position + size > len(content):
            break
        found.append(_value(kind, content[position : position + size]))
        position += size
    return found


def _value(kind: int, data: bytes) -> Value:
    if kind in _INTEGERS:
        return int.from_bytes(data, "big", signed=True)
    if kind in (8, 9):
        return kind - 8
    if kind == 7:
        return float(struct.unpack(">d", data)[0])
    if kind < 12:
        return None
    return data if kind % 2 == 0 else data.decode("utf-8", "replace")
