"""What can be read of an MCAP file without its index, to wherever it is cut or damaged.

rosbags reads complete files; this reads the others, by walking over the records.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pta_ros.bags.files import MCAP_MAGIC
from pta_ros.bags.mcap_records import (
    Block,
    Op,
    chunk_of,
    indexed,
    message_of,
    records,
    unpacked,
)
from pta_ros.bags.mcap_topics import McapTopics
from pta_ros.bags.order import in_order
from pta_ros.bags.records import Channel, Damage, Raw

_HEAD = struct.Struct("<BQ")
_STAMP = struct.Struct("<HIQ")
#: Messages outside chunks are taken together up to this many bytes.
_RUN_BYTES = 1 << 20


class McapRemains:
    """The readable part of the MCAP file at `path`: its channels, times and messages."""

    def __init__(self, path: Path) -> None:
        self.damages: list[Damage] = []
        self._file: BinaryIO = path.open("rb")
        self._size = path.stat().st_size
        self._blocks: list[Block] = []
        self._topics = McapTopics()
        self._counts: Counter[int] = Counter()
        why = self._scan()
        self._find_topics()
        if why:
            self.damages.append(Damage(self.end_ns, "ends early", why))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def count(self) -> int:
        """Number of messages, as far as the file tells without reading them all."""
        return sum(self._counts.values()) or len(self._blocks)

    @property
    def begin_ns(self) -> int:
        """Time of the first message; 0 when there is none."""
        return min((block.start_ns for block in self._blocks), default=0)

    @property
    def end_ns(self) -> int:
        """Time of the last message; 0 when there is none."""
        return max((block.end_ns for block in self._blocks), default=0)

    @property
    def channels(self) -> list[Channel]:
        """The file's topics."""
        return self._topics.channels(self._counts)

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time.

        Those of the same time come in the order of the file. A chunk that cannot be read is left
        out and added to `damages`.
        """
        wanted = self._topics.wanted(topics)
        return in_order(
            (block.start_ns, partial(self._read, block, wanted, start_ns))
            for block in self._blocks
            if block.end_ns >= start_ns and (not block.ids or block.ids & wanted.keys())
        )

    def _read(
        self, block: Block, wanted: dict[int, tuple[str, str]], start_ns: int
    ) -> Iterator[Raw]:
        """A block's messages in order of time."""
        found = []
        for op, content in self._records(block, tell=True):
            if op == Op.MESSAGE and (message := message_of(content)):
                key, time_ns, data = message
                if key in wanted and time_ns >= start_ns:
                    found.append(Raw(*wanted[key], time_ns, bytes(data)))
        return iter(sorted(found, key=lambda raw: raw.time_ns))

    def _records(self, block: Block, tell: bool = False) -> Iterator[tuple[int, memoryview]]:
        """A block's records up to where they end or are damaged; with `tell` that is noted."""
        self._file.seek(block.offset)
        data, why = unpacked(block, self._file.read(block.size))
        end = yield from records(data)
        if not why and end < len(data):
            why = "a record is longer than its chunk"
        if why and tell and not block.cut:
            seconds = (block.end_ns - block.start_ns) / 1e9
            why += f"; up to {seconds:.1f} s of messages are left out"
            damage = Damage(block.start_ns, "is damaged", why)
            self.damages += [damage] if damage not in self.damages else []

    def _scan(self) -> str:
        """Walk over the file's records; returns why that ended before the footer, or nothing."""
        position = len(MCAP_MAGIC)
        if self._at(0, position) != MCAP_MAGIC:
            return "it does not begin as an MCAP file"
        while True:
            head = self._at(position, _HEAD.size)
            if len(head) < _HEAD.size:
                return "cut within a record" if head else "it has no footer"
            op, length = _HEAD.unpack(head)
            begin = position + _HEAD.size
            if op == Op.FOOTER:
                return ""
            if op == Op.NONE:
                return f"no records from byte {position} of {self._size} on"
            if op == Op.CHUNK:
                self._add_chunk(begin, length)
            if begin + length > self._size:
                return "cut within a chunk" if op == Op.CHUNK else "cut within a record"
            self._note(op, begin, length)
            position = begin + length

    def _note(self, op: int, begin: int, length: int) -> None:
        """Take what matters of a complete record that is no chunk."""
        if op == Op.MESSAGE:
            self._add_message(begin, length)
        elif op == Op.INDEX and self._blocks:
            key, count = indexed(self._at(begin, 6))
            self._blocks[-1].ids.add(key)
            self._counts[key] += count
        elif op in (Op.SCHEMA, Op.CHANNEL):
            self._topics.add(op, memoryview(self._at(begin, length)))

    def _add_chunk(self, begin: int, length: int) -> None:
        """Note a chunk; of one that is cut, only what messages there are."""
        block = chunk_of(self._at(begin, min(length, 64)), begin, length)
        if block is None:
            return
        if begin + length > self._size:
            block.cut = True
            block.size = min(block.size, self._size - block.offset)
        if block.cut or block.start_ns > block.end_ns:
            self._narrow(block)
        if block.start_ns <= block.end_ns:
            self._blocks.append(block)

    def _narrow(self, block: Block) -> None:
        """Set a block's times and topics by the messages that it has, not by what it claims."""
        times = []
        for op, content in self._records(block):
            if op in (Op.SCHEMA, Op.CHANNEL):
                self._topics.add(op, content)
            elif op == Op.MESSAGE and (message := message_of(content)):
                times.append(message[1])
                self._counts[message[0]] += block.cut  # others have an index behind them
        block.start_ns, block.end_ns = min(times, default=1), max(times, default=0)

    def _add_message(self, begin: int, length: int) -> None:
        """Add a message outside chunks to the run before it, or begin a run."""
        if length < _STAMP.size:
            return
        key, _, time_ns = _STAMP.unpack(self._at(begin, _STAMP.size))
        self._counts[key] += 1
        start, end = begin - _HEAD.size, begin + length
        run = self._blocks[-1] if self._blocks else None
        if run is None or run.chunk or run.offset + run.size != start or run.size > _RUN_BYTES:
            run = Block(time_ns, time_ns, start, 0, 0, "", 0, chunk=False)
            self._blocks.append(run)
        run.start_ns, run.end_ns = min(run.start_ns, time_ns), max(run.end_ns, time_ns)
        run.size = run.raw_size = end - run.offset
        run.ids.add(key)

    def _find_topics(self) -> None:
        """Read the channels that only chunks describe, in as few chunks as the index allows."""
        for block in self._blocks:
            if block.chunk and not (block.ids and block.ids <= self._topics.ids):
                for op, content in self._records(block):
                    if op in (Op.SCHEMA, Op.CHANNEL):
                        self._topics.add(op, content)

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)
