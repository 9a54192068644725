"""Intel 5300 (Linux 802.11n CSI Tool, `.dat`): 30 tones, up to 3 antennas and 3 streams.

A record is its length (16 bits, big-endian), a code, and the notification of the driver: a head of
20 bytes and, packed without alignment, 3 bits and 8-bit pairs for each tone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from pta_ros.captures.packet import Clock32, CsiArray, CsiPacket, Losses
from pta_ros.sensors.tones import layout

NAME = "intel"
TONES = 30
_BEAMFORMING = 0xBB
_HEAD = struct.Struct("<IHHBBBBBbBBHH")
_HT40 = 0x800  # bit of the rate: a channel of 40 MHz
_CODES = (0xBB, 0xC1)


def detect(head: bytes) -> bool:
    """Whether a file begins like one of these: a record of known code and fitting length."""
    return (
        len(head) > 22
        and head[2] in _CODES
        and (head[2] != _BEAMFORMING or _fits(head[3:23], int.from_bytes(head[:2], "big")))
    )


def _fits(head: bytes, length: int) -> bool:
    """Whether the sizes in a head agree with the record's length."""
    _, _, _, receivers, streams, *_, count, _ = _HEAD.unpack(head)
    sizes = 1 <= receivers <= 3 and 1 <= streams <= 3
    return sizes and count == payload_bytes(receivers * streams) and length == 21 + count


def payload_bytes(links: int) -> int:
    """Bytes of the packed channel of so many links."""
    return (TONES * (links * 16 + 3) + 7) // 8


def read(data: memoryview, losses: Losses) -> Iterator[CsiPacket]:
    """The packets of a file; records that cannot be used are counted."""
    at, clock = 0, Clock32()
    while at + 3 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        record = data[at + 2 : at + 2 + length]
        if length < 1 or len(record) < length:
            losses.add(f"the file ends within a record, or is damaged at byte {at}")
            return
        at += 2 + length
        if record[0] != _BEAMFORMING:
            continue
        if length < 21 or not _fits(bytes(record[1:21]), length):
            losses.add("a record whose sizes contradict each other")
            continue
        yield _packet(record, clock)
    if at < len(data):
        losses.add("the file ends within a record")


def _packet(record: memoryview, clock: Clock32) -> CsiPacket:
    head = _HEAD.unpack(record[1:21])
    micros, receivers, streams, select, rate = head[0], head[3], head[4], head[10], head[12]
    csi = unpack(record[21:], receivers, streams)
    if receivers == 3:  # chains permuted: the bits say which antenna fed which chain
        order = [select & 3, (select >> 2) & 3, (select >> 4) & 3]
        if sorted(order) == [0, 1, 2]:
            permuted = np.empty_like(csi)
            permuted[:, order] = csi
            csi = permuted
    mhz = 40 if rate & _HT40 else 20
    tones = layout(TONES, mhz)
    assert tones is not None
    return CsiPacket(clock.ns(micros), csi, tones, bandwidth_hz=mhz * 1e6)


def unpack(payload: memoryview, receivers: int, streams: int) -> CsiArray:
    """The channel as complex64 (streams, receivers, tones): whole numbers of -128 to 127."""
    links = receivers * streams
    bits = 3 + np.arange(TONES)[:, None] * (3 + 16 * links) + np.arange(2 * links) * 8
    padded = np.zeros(payload_bytes(links) + 2, np.uint16)
    padded[: len(padded) - 2] = np.frombuffer(payload, np.uint8)[: len(padded) - 2]
    words = padded[bits >> 3] | (padded[(bits >> 3) + 1] << 8)
    values = ((words >> (bits & 7)) & 0xFF).astype(np.uint8).view(np.int8).astype(np.float32)
    csi = values.view(np.complex64).reshape(TONES, receivers, streams)
    return np.ascontiguousarray(csi.transpose(2, 1, 0))
