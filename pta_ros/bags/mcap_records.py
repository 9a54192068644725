"""MCAP's records: which there are, and what is in them. See https://mcap.dev/spec."""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from enum import IntEnum
from zlib import crc32

import lz4.frame  # type: ignore[import-untyped]
from backports import zstd  # both come with rosbags

#: What is decompressed at once, so that what precedes a damage is kept.
_PIECE = 1 << 16

_CHUNK = struct.Struct("<QQQII")
_MESSAGE = struct.Struct("<HIQQ")
_INDEX = struct.Struct("<HI")
_HEAD = struct.Struct("<BQ")
_SIZE = struct.Struct("<Q")
_INDEX_ENTRY = 16


class Op(IntEnum):
    """The kinds of record that are looked at."""

    NONE = 0x00
    FOOTER = 0x02
    SCHEMA = 0x03
    CHANNEL = 0x04
    MESSAGE = 0x05
    CHUNK = 0x06
    INDEX = 0x07


@dataclass(slots=True)
class Block:
    """Records that lie together: a chunk's, or a run of messages outside chunks.

    Bytes `offset` to `offset` + `size` of the file; `ids` are the channels it has messages of,
    empty when not known. `cut` when the file ends within it.
    """

    start_ns: int
    end_ns: int
    offset: int
    size: int
    raw_size: int
    compression: str
    crc: int
    chunk: bool = True
    cut: bool = False
    ids: set[int] = field(default_factory=set)


def chunk_of(head: bytes, begin: int, length: int) -> Block | None:
    """The chunk whose content begins with `head` at byte `begin`; None where too little is left."""
    if len(head) < _CHUNK.size:
        return None
    start_ns, end_ns, raw_size, crc, name = _CHUNK.unpack_from(head)
    inner = _CHUNK.size + name + _SIZE.size
    if len(head) < inner:
        return None
    compression = head[_CHUNK.size : _CHUNK.size + name].decode("ascii", "replace")
    (size,) = _SIZE.unpack_from(head, inner - _SIZE.size)
    size = min(size, max(length - inner, 0))
    return Block(start_ns, end_ns, begin + inner, size, raw_size, compression, crc)


def unpacked(block: Block, data: bytes) -> tuple[bytes, str]:
    """A block's records, and in words why they cannot be trusted or are not all there."""
    if block.compression == "":
        raw, why = data, ""
    elif block.compression in ("zstd", "lz4"):
        raw, why = _decompressed(block, data)
    else:
        return b"", f"a chunk's compression is {block.compression!r}; expected zstd or lz4"
    if not why and len(raw) != block.raw_size:
        why = f"a chunk has {len(raw)} of {block.raw_size} bytes"
    if not why and block.crc and crc32(raw) != block.crc:
        return b"", "a chunk does not match its checksum"
    return raw, why


def records(data: bytes) -> Generator[tuple[int, memoryview], None, int]:
    """Every complete record's kind and content; returns where the last one ends."""
    view, position = memoryview(data), 0
    while position + _HEAD.size <= len(data):
        op, length = _HEAD.unpack_from(data, position)
        begin = position + _HEAD.size
        if begin + length > len(data) or op == Op.NONE:
            break
        yield op, view[begin : begin + length]
        position = begin + length
    return position


def message_of(content: memoryview) -> tuple[int, int, memoryview] | None:
    """A message's channel, time of receipt and data; None for too short a record."""
    if len(content) < _MESSAGE.size:
        return None
    key, _, time_ns, _ = _MESSAGE.unpack_from(content)
    return key, time_ns, content[_MESSAGE.size :]


def indexed(head: bytes) -> tuple[int, int]:
    """A message index's channel and number of messages."""
    if len(head) < _INDEX.size:
        return 0, 0
    key, size = _INDEX.unpack(head)
    return key, size // _INDEX_ENTRY


def text_at(content: memoryview, position: int) -> tuple[str, int]:
    """The string at a position, and where it ends; ValueError when it is not all there."""
    if position + 4 > len(content):
        raise ValueError("no string there")
    (length,) = struct.unpack_from("<I", content, position)
    end = position + 4 + length
    if end > len(content):
        raise ValueError("a string is longer than its record")
    return bytes(content[position + 4 : end]).decode("utf-8"), end


def _decompressed(block: Block, data: bytes) -> tuple[bytes, str]:
    """What a compressed chunk gives, at most as much as it claims."""
    zstandard = block.compression == "zstd"
    unpacker = zstd.ZstdDecompressor() if zstandard else lz4.frame.LZ4FrameDecompressor()
    raw = bytearray()
    for begin in range(0, len(data), _PIECE):
        try:
            raw += unpacker.decompress(data[begin : begin + _PIECE])
        except (zstd.ZstdError, RuntimeError, EOFError) as error:  # lz4 raises RuntimeError
            return bytes(raw), f"a chunk cannot be decompressed ({error})"
        if unpacker.eof or len(raw) > block.raw_size:
            break
    return bytes(raw), ""
