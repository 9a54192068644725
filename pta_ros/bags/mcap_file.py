"""What can be read of an MCAP file without its index, to wherever it is cut or damaged.

rosbags reads complete files, and the readers of the `mcap` library end before the chunk that is
cut. So this walks from record to record, leaves what is in them to that library, and takes a cut
chunk to pieces. See https://mcap.dev/spec.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from zlib import crc32

import lz4.frame  # type: ignore[import-untyped]
from backports import zstd
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel as McapChannel
from mcap.records import Chunk, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader

from pta_ros.bags.files import MCAP_MAGIC
from pta_ros.bags.records import Channel, Damage, Raw, Source, Topic, in_order
from pta_ros.bags.types import definition_of, first_qos, parsed_qos

_HEAD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_INDEX = struct.Struct("<HI")
_INDEX_ENTRY = 16
#: Enough of a chunk to tell its times.
_CHUNK_HEAD = 64
#: Messages outside chunks are read together up to this many bytes.
_RUN_BYTES = 1 << 20
#: What is decompressed at once, so that what precedes a damage is kept.
_PIECE = 1 << 16
_UNPACKERS = {"zstd": zstd.ZstdDecompressor, "lz4": lz4.frame.LZ4FrameDecompressor}


@dataclass(slots=True)
class Block:
    """Records that lie together: a chunk's, or a run of messages outside chunks.

    `size` bytes of the file from `offset` on; `ids` are the channels it has messages of, empty when
    not known. `cut` when the file ends within it.
    """

    start_ns: int
    end_ns: int
    offset: int
    size: int
    chunk: bool = True
    cut: bool = False
    ids: set[int] = field(default_factory=set)


class McapRemains(Source):
    """The readable part of the MCAP file at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._size = path.stat().st_size
        self._blocks: list[Block] = []
        self._schemas: dict[int, Schema] = {}
        self._entries: dict[int, McapChannel] = {}
        self._counts: Counter[int] = Counter()
        why = self._scan()
        for block in self._blocks:  # channels may be in chunks only, which the index tells
            if block.chunk and not (block.ids and block.ids <= self._entries.keys()):
                self._learn(block)
        self.channels = [self._channel(key) for key in sorted(self._entries)]
        self.count = sum(self._counts.values()) or len(self._blocks)
        self.begin_ns = min((block.start_ns for block in self._blocks), default=0)
        self.end_ns = max((block.end_ns for block in self._blocks), default=0)
        if why:
            self.note(Damage(self.end_ns, "ends early", why))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time.

        Those of the same time come in the order of the file. A chunk that cannot be read is left
        out and added to `damages`.
        """
        wanted = {key: entry for key, entry in self._entries.items() if entry.topic in topics}
        return in_order(
            (block.start_ns, partial(self._read, block, wanted, start_ns))
            for block in self._blocks
            if block.end_ns >= start_ns and (not block.ids or block.ids & wanted.keys())
        )

    def _read(self, block: Block, wanted: dict[int, McapChannel], start_ns: int) -> Iterator[Raw]:
        """A block's messages in order of time."""
        found = [
            Raw(entry.topic, self._schema(entry).name, record.log_time, record.data)
            for record in self._records(block, tell=True)
            if isinstance(record, Message) and record.log_time >= start_ns
            if (entry := wanted.get(record.channel_id))
        ]
        return iter(sorted(found, key=lambda raw: raw.time_ns))

    def _records(self, block: Block, tell: bool = False) -> Iterator[McapRecord]:
        """A block's records to where they end or are damaged; with `tell` a damage is noted."""
        data, why = self._at(block.offset, block.size), ""
        if block.chunk:
            data, why = unpacked(Chunk.read(ReadDataStream(BytesIO(data))))
        stream, end = BytesIO(data), 0
        reader = StreamReader(stream, skip_magic=True, emit_chunks=True)
        try:
            for record in reader.records:
                end = stream.tell()
                yield record
        except Exception:  # the data's end, or damage, which takes the library anywhere
            why = why or ("a record is longer than its chunk" if end < len(data) else "")
        if why and tell and not block.cut:
            seconds = (block.end_ns - block.start_ns) / 1e9
            why += f"; up to {seconds:.1f} s of messages are left out"
            self.note(Damage(block.start_ns, "is damaged", why))

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
            if op == Opcode.FOOTER:
                return ""
            if op == 0:
                return f"no records from byte {position} of {self._size} on"
            cut = begin + length > self._size
            if op == Opcode.CHUNK:
                self._add_chunk(Block(0, 0, begin, min(length, self._size - begin), cut=cut))
            if cut:
                return "cut within a chunk" if op == Opcode.CHUNK else "cut within a record"
            if op == Opcode.MESSAGE and length >= _MESSAGE.size:
                self._add_message(begin, length)
            elif op == Opcode.MESSAGE_INDEX and length >= _INDEX.size and self._blocks:
                key, size = _INDEX.unpack(self._at(begin, _INDEX.size))
                self._blocks[-1].ids.add(key)
                self._counts[key] += size // _INDEX_ENTRY
            elif op in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._learn(Block(0, 0, position, _HEAD.size + length, chunk=False))
            position = begin + length

    def _add_chunk(self, block: Block) -> None:
        """Add a chunk that has messages. Of one that is cut, those that are there count."""
        head = self._at(block.offset, min(block.size, _CHUNK_HEAD))
        try:
            chunk = Chunk.read(ReadDataStream(BytesIO(head)))
        except Exception:  # too little of it is left, or it is damaged
            return
        block.start_ns, block.end_ns = chunk.message_start_time, chunk.message_end_time
        if block.cut or block.start_ns > block.end_ns:
            found = self._learn(block)
            times = [message.log_time for message in found]
            block.start_ns, block.end_ns = min(times, default=1), max(times, default=0)
            if block.cut:  # others have an index behind them
                self._counts.update(message.channel_id for message in found)
        if block.start_ns <= block.end_ns:
            self._blocks.append(block)

    def _add_message(self, begin: int, length: int) -> None:
        """Add a message outside chunks to the run before it, or begin a run."""
        key, _, time_ns, _ = _MESSAGE.unpack(self._at(begin, _MESSAGE.size))
        self._counts[key] += 1
        start, end = begin - _HEAD.size, begin + length
        run = self._blocks[-1] if self._blocks else None
        if run is None or run.chunk or run.offset + run.size != start or run.size > _RUN_BYTES:
            run = Block(time_ns, time_ns, start, 0, chunk=False)
            self._blocks.append(run)
        run.start_ns, run.end_ns = min(run.start_ns, time_ns), max(run.end_ns, time_ns)
        run.size = end - run.offset
        run.ids.add(key)

    def _learn(self, block: Block) -> list[Message]:
        """Note a block's schemas and channels, the first of a number; returns its messages."""
        messages = []
        for record in self._records(block):
            if isinstance(record, Schema):
                self._schemas.setdefault(record.id, record)
            elif isinstance(record, McapChannel):
                self._entries.setdefault(record.id, record)
            elif isinstance(record, Message):
                messages.append(record)
        return messages

    def _channel(self, key: int) -> Channel:
        entry, schema = self._entries[key], self._schema(self._entries[key])
        qos = first_qos(parsed_qos(entry.metadata.get("offered_qos_profiles", "")))
        topic = Topic(entry.topic, schema.name, self._counts[key], *qos)
        text = schema.data.decode("utf-8", "replace")
        return Channel(topic, entry.message_encoding, definition_of(schema.encoding, text))

    def _schema(self, entry: McapChannel) -> Schema:
        return self._schemas.get(entry.schema_id, Schema(0, b"", "", ""))

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)


def unpacked(chunk: Chunk) -> tuple[bytes, str]:
    """A chunk's records up to a damage, and in words why they are not all there or not sound."""
    if chunk.compression and chunk.compression not in _UNPACKERS:
        return b"", f"a chunk's compression is {chunk.compression!r}; expected zstd or lz4"
    raw = b"".join(_decompressed(chunk)) if chunk.compression else chunk.data
    if len(raw) != chunk.uncompressed_size:
        return raw, f"a chunk has {len(raw)} of {chunk.uncompressed_size} bytes"
    if chunk.uncompressed_crc and crc32(raw) != chunk.uncompressed_crc:
        return b"", "a chunk does not match its checksum"
    return raw, ""


def _decompressed(chunk: Chunk) -> Iterator[bytes]:
    """What a compressed chunk gives up to a damage, little more than it claims."""
    unpacker, size = _UNPACKERS[chunk.compression](), 0
    for begin in range(0, len(chunk.data), _PIECE):
        try:
            piece = unpacker.decompress(chunk.data[begin : begin + _PIECE])
        except (zstd.ZstdError, RuntimeError, EOFError):  # lz4 raises RuntimeError
            return
        yield piece
        size += len(piece)
        if unpacker.eof or size > chunk.uncompressed_size:
            return
