"""Files of captured network packets (libpcap's form): UDP datagrams to one port, with times."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pta_ros.captures.packet import Losses

_MAGIC = 0xA1B2C3D4  # microseconds
_MAGIC_NS = 0xA1B23C4D
#: Bytes before the IP head, by the kind of link: Ethernet, raw IP (two numbers), Linux cooked.
_LINKS = {1: 14, 101: 0, 12: 0, 113: 16}


def is_pcap(head: bytes) -> bool:
    """Whether a file begins with libpcap's number, in either byte order."""
    return _order(head) is not None


def _order(head: bytes) -> tuple[str, int] | None:
    """Byte order, and nanoseconds of the stamps' smaller unit."""
    for order in "<>":
        if len(head) >= 4 and (magic := struct.unpack(order + "I", head[:4])[0]) in (
            _MAGIC,
            _MAGIC_NS,
        ):
            return order, 1000 if magic == _MAGIC else 1
    return None


def datagrams(data: memoryview, port: int, losses: Losses) -> Iterator[tuple[int, memoryview]]:
    """(time in ns, payload) of each UDP datagram to a port; damaged ones are counted."""
    found = _order(bytes(data[:4]))
    if found is None or len(data) < 24:
        losses.add("the file has no head of a pcap")
        return
    order, unit_ns = found
    link = struct.unpack(order + "I", data[20:24])[0] & 0xFFFF
    if link not in _LINKS:
        losses.add(f"the capture's link type {link} is not one of {sorted(_LINKS)}")
        return
    at, head = 24, struct.Struct(order + "IIII")
    while at + head.size <= len(data):
        seconds, part, kept, whole = head.unpack(data[at : at + head.size])
        frame = data[at + head.size : at + head.size + kept]
        if len(frame) < kept:
            losses.add(f"the file ends within a packet, or is damaged at byte {at}")
            return
        at += head.size + kept
        payload = udp(frame[_LINKS[link] :], port)
        if payload is None:
            continue
        if kept < whole:
            losses.add("a packet that was captured in part: raise the snapshot length (-s 0)")
        else:
            yield seconds * 1_000_000_000 + part * unit_ns, payload
    if at < len(data):
        losses.add("the file ends within a packet")


def udp(packet: memoryview, port: int) -> memoryview | None:
    """The payload of an IPv4 UDP datagram to a port; None for anything else."""
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != 17:
        return None
    begin = (packet[0] & 15) * 4
    head = packet[begin : begin + 8]
    if len(head) < 8 or int.from_bytes(head[2:4], "big") != port:
        return None
    length = int.from_bytes(head[4:6], "big")
    return packet[begin + 8 : begin + length]
