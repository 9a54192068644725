"""PicoScenes (`.csi`): frames of named segments; the CSI segment, versions 1 to 4, is read.

Cards: Intel 5300, Atheros QCA9300 and software radios (USRP). Those of Intel AX200 and AX210 are
counted as not read: no published reader is known to be right for them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from pta_ros.captures import atheros, intel
from pta_ros.captures.packet import CsiArray, CsiPacket, Losses
from pta_ros.sensors.tones import Tones, layout

NAME = "picoscenes"
_MAGIC = 0x20150315
_FRAME = struct.Struct("<IIHB")
#: Fields before the channel, by the segment's version.
_HEADS = {
    1: struct.Struct("<HbHQQIHBBBBI"),
    2: struct.Struct("<HbHQQIHBBBBhI"),
    3: struct.Struct("<HbHQQIHBBBHBhI"),
    4: struct.Struct("<HBbHQQIHBBBHBhI"),
}
_QCA9300, _IWL5300, _USRP = 0x9300, 0x5300, 0x1234
#: Stamp (64 bits, of the segment RxSBasic): its unit by card, in nanoseconds.
_UNITS = {_USRP: 1}


def detect(head: bytes) -> bool:
    """Whether a file begins like one of these."""
    return len(head) >= 8 and int.from_bytes(head[4:8], "little") == _MAGIC


def read(data: memoryview, losses: Losses) -> Iterator[CsiPacket]:
    """The packets of a file; frames that cannot be used are counted."""
    at = 0
    while at + _FRAME.size <= len(data):
        length, magic, _, count = _FRAME.unpack(data[at : at + _FRAME.size])
        frame = data[at + _FRAME.size : at + 4 + length]
        if magic != _MAGIC or length < _FRAME.size or at + 4 + length > len(data):
            losses.add(f"the file ends within a frame, or is damaged at byte {at}")
            return
        at += 4 + length
        try:
            yield _packet(dict(_segments(frame, count)))
        except (ValueError, KeyError, struct.error) as error:
            losses.add(f"a frame that cannot be read ({error})")
    if at < len(data):
        losses.add("the file ends within a frame")


def _segments(frame: memoryview, count: int) -> Iterator[tuple[str, tuple[int, memoryview]]]:
    """Name, version and content of a frame's first segments."""
    at = 0
    for _ in range(count):
        if at + 5 > len(frame):
            raise ValueError("a segment beyond the frame's end")
        length, size = struct.unpack("<IB", frame[at : at + 5])
        segment = frame[at + 5 : at + 4 + length]
        if len(segment) < size + 2:
            raise ValueError("a segment beyond the frame's end")
        version = int.from_bytes(segment[size : size + 2], "little")
        yield bytes(segment[:size]).decode("ascii", "replace"), (version, segment[size + 2 :])
        at += 4 + length


def _packet(segments: dict[str, tuple[int, memoryview]]) -> CsiPacket:
    version, content = segments["CSI"]
    head = _HEADS[version]
    fields = list(head.unpack(content[: head.size]))
    if version == 4:
        del fields[1]  # the firmware's version
    card, _, mhz, carrier, _, spacing, count, streams, receivers, extra = fields[:10]
    size, body = fields[-1], content[head.size :]
    if len(body) < size:
        raise ValueError("a channel beyond the segment's end")
    if not 1 <= receivers <= 8 or not 1 <= streams <= 8 or not 1 <= count <= 4096:
        raise ValueError(f"{receivers} antennas, {streams} streams, {count} tones")
    body = body[:size]
    if card == _USRP:
        csi, tones = _usrp(body, count)
    else:
        csi, tones = _card(card, body, count, streams + extra, receivers, mhz)
    _, basic = segments["RxSBasic"]
    time = int.from_bytes(basic[2:10], "little")
    time_ns = time * _UNITS.get(card, 1000)
    if len(basic) < 10 or spacing != 312_500 or time_ns >= 2**63:
        raise ValueError(f"tones of {spacing} Hz at {time}; expected 312500 Hz")
    return CsiPacket(time_ns, csi, tones, float(carrier), mhz * 1e6)


def _card(
    card: int, body: memoryview, count: int, streams: int, receivers: int, mhz: int
) -> tuple[CsiArray, Tones]:
    """The channel that an Intel 5300 or a QCA9300 delivers."""
    links, tones = receivers * streams, layout(count, mhz)
    if card not in (_IWL5300, _QCA9300):
        raise ValueError(f"card {card:#06x} is not read; Intel 5300, QCA9300 and USRP are")
    needed = intel.payload_bytes(links) if card == _IWL5300 else atheros.channel_bytes(count, links)
    if tones is None or len(body) < needed or (card == _IWL5300 and count != intel.TONES):
        raise ValueError(f"{len(body)} bytes for {count} tones of {links} links in {mhz} MHz")
    if card == _IWL5300:
        return intel.unpack(body, receivers, streams), tones
    csi = atheros.unpack(body, count, streams, receivers)  # here antennas run fastest
    return np.ascontiguousarray(csi.transpose(1, 0, 2)), tones


def _usrp(body: memoryview, count: int) -> tuple[CsiArray, Tones]:
    """A software radio's channel: indexes of the tones, then a matrix of complex numbers."""
    tones = np.frombuffer(body[: 2 * count], "<i2").astype(np.int32)
    matrix = bytes(body[2 * count : 2 * count + 37])
    version, ndim = int(matrix[3:4]), matrix[4]
    width = {1: 4, 2: 8}[version]
    shape = [1, 1, 1]
    for k in range(min(ndim, 3)):
        shape[k] = int.from_bytes(matrix[5 + k * width : 5 + (k + 1) * width], "little")
    begin = 2 * count + 5 + ndim * width + 4
    total = shape[0] * shape[1] * shape[2]
    if ndim > 3 or total < 1 or len(body) < begin + 16 * total or shape[0] != len(tones):
        raise ValueError(f"a matrix of {shape} in {len(body)} bytes for {len(tones)} tones")
    if (np.diff(tones) <= 0).any():
        raise ValueError("tones that do not ascend")
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.frombuffer(body[begin:], "<c16", total).astype(np.complex64)
    csi = values.reshape(shape).transpose(2, 1, 0)
    return np.ascontiguousarray(csi), tones
