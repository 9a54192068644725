"""Atheros (Atheros CSI Tool, `.dat`): 56 tones at 20 MHz, 114 at 40 MHz, up to 3 antennas.

A record is its length (16 bits), a head of 25 bytes, the channel in pairs of 10 bits (imaginary,
real; streams run fastest, then antennas, then tones) and the payload. The byte order is that of the
machine that wrote it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from pta_ros.captures.packet import CsiArray, CsiPacket, Losses, signed
from pta_ros.sensors.tones import layout

NAME = "atheros"
_HEAD = "QHHBBBBBBBBBBBH"
_SIZE = 25
_TONES = {56: 20, 114: 40}  # and the channel's width in MHz


def detect(head: bytes) -> bool:
    """Whether a file begins like one of these."""
    return _order(head) is not None


def _order(head: bytes) -> str | None:
    """The byte order, "<" or ">", in which the first record makes sense; None: in neither."""
    for order in "<>":
        if len(head) < 2 + _SIZE:
            continue
        fields = struct.unpack(order + _HEAD, head[2 : 2 + _SIZE])
        (length,) = struct.unpack(order + "H", head[:2])
        if length == _SIZE + fields[1] + fields[14] and 2400 <= fields[2] <= 7200:
            return order
    return None


def channel_bytes(tones: int, links: int) -> int:
    """Bytes of the packed channel of so many links."""
    return (tones * links * 20 + 7) // 8


def read(data: memoryview, losses: Losses) -> Iterator[CsiPacket]:
    """The packets of a file; records that cannot be used are counted."""
    order = _order(bytes(data[: 2 + _SIZE])) or "<"
    at = 0
    while at + 2 <= len(data):
        (length,) = struct.unpack(order + "H", data[at : at + 2])
        record = data[at + 2 : at + 2 + length]
        if length < 1 or len(record) < length:
            losses.add(f"the file ends within a record, or is damaged at byte {at}")
            return
        at += 2 + length
        if len(record) < _SIZE:
            losses.add("a record without a head")
            continue
        if (packet := _packet(record, order, losses)) is not None:
            yield packet
    if at < len(data):
        losses.add("the file ends within a record")


def _packet(record: memoryview, order: str, losses: Losses) -> CsiPacket | None:
    """One record's packet; None for one without a channel, which is counted when it is damaged."""
    head = struct.unpack(order + _HEAD, record[:_SIZE])
    micros, size, mhz, error = head[:4]
    count, receivers, streams = head[7], head[8], head[9]
    if size == 0 or error:
        losses.add("a packet without channel state" if size == 0 else "a packet received in error")
        return None
    fits = count in _TONES and 1 <= receivers <= 3 and 1 <= streams <= 3
    if not fits or not channel_bytes(count, receivers * streams) <= size <= len(record) - _SIZE:
        losses.add("a record whose sizes contradict each other")
        return None
    csi = unpack(record[_SIZE : _SIZE + size], count, receivers, streams)
    width = _TONES[count]  # a 20 MHz packet in a channel of 40 MHz has 56 tones: what was measured
    tones = layout(count, width)
    assert tones is not None
    return CsiPacket(micros * 1000, csi, tones, mhz * 1e6, width * 1e6)


def unpack(channel: memoryview, count: int, receivers: int, streams: int) -> CsiArray:
    """The channel as complex64 (streams, receivers, tones): whole numbers of -512 to 511."""
    size = channel_bytes(count, receivers * streams)
    padded = np.zeros(size + 2, np.int32)
    padded[:size] = np.frombuffer(channel, np.uint8)[:size]
    bits = np.arange(count * receivers * streams * 2) * 10
    at = bits >> 3
    words = padded[at] | (padded[at + 1] << 8)
    pairs = signed((words >> (bits & 7)) & 0x3FF, 10).reshape(count, receivers, streams, 2)
    csi = np.empty(pairs.shape[:3], np.complex64)
    csi.real, csi.imag = pairs[..., 1], pairs[..., 0]
    return np.ascontiguousarray(csi.transpose(2, 1, 0))
