"""ESP32 CSI Tool: lines of text that begin with CSI_DATA, in a CSV file or on a serial line.

The last field holds bytes, imaginary and real parts in turn. The first 64 pairs are the legacy
preamble's tones (20 MHz); pairs after them (HT preambles) are left out, so that every packet has
the same tones. Firmwares deliver them from the lowest frequency up, or from the centre on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from pta_ros.captures.packet import Clock32, CsiArray, CsiPacket, Losses
from pta_ros.sensors.tones import carrying, layout

NAME = "esp32"
TONES = 64
_START = b"CSI_DATA"
_LIST = re.compile(rb"\[\s*([-\d ,]*)\s*\]")
#: Fields before the list: CSI_DATA, role, MAC, rssi, ..., channel, secondary, local time.
_MAC, _CHANNEL, _TIME = 2, 16, 18
_LONGEST = 16384  # bytes of a line


def detect(head: bytes) -> bool:
    """Whether a file begins like one of these: maybe with a line of names or a cut one."""
    return head.startswith(_START) or b"\n" + _START in head or head.startswith(b"type,")


def read(data: memoryview, losses: Losses) -> Iterator[CsiPacket]:
    """The packets of a file; lines that cannot be used are counted."""
    lines, at = Lines(losses), 0
    while at < len(data):
        yield from lines.feed(bytes(data[at : at + _LONGEST]))
        at += _LONGEST
    yield from lines.end()


class Lines:
    """Text that comes in pieces, as packets."""

    def __init__(self, losses: Losses) -> None:
        self._losses, self._clock, self._rest = losses, Clock32(), b""
        self._rolled: bool | None = None

    def feed(self, piece: bytes) -> Iterator[CsiPacket]:
        """The packets of the lines that are complete now."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LONGEST:
            self._losses.add(f"a line of over {_LONGEST} bytes")
            self._rest = b""
        for text in lines:
            yield from self._packets(text)

    def end(self) -> Iterator[CsiPacket]:
        """What a last line without an end holds."""
        rest, self._rest = self._rest, b""
        yield from self._packets(rest)

    def _packets(self, text: bytes) -> Iterator[CsiPacket]:
        begin = text.find(_START)
        if begin < 0:
            return  # a head, or what else a firmware prints
        try:
            yield self._packet(text[begin:])
        except (ValueError, IndexError) as error:
            self._losses.add(f"a CSI_DATA line that cannot be read ({error})")

    def _packet(self, text: bytes) -> CsiPacket:
        match = _LIST.search(text)
        if match is None:
            raise ValueError("no list in brackets")
        values = np.array(match[1].replace(b",", b" ").split(), np.int64)
        if len(values) < 2 * TONES or np.abs(values).max() > 128:
            raise ValueError(f"{len(values)} values; expected {2 * TONES} or more bytes")
        fields = text.split(b",")
        micros, channel = int(fields[_TIME]), int(fields[_CHANNEL])
        if not 0 <= micros < 2**63 or not 1 <= channel <= 14:
            raise ValueError("channel or time out of range")
        tones = layout(TONES, 20)
        assert tones is not None
        source = fields[_MAC].decode("ascii", "replace").strip()
        csi, center = self._ordered(values), (2484 if channel == 14 else 2407 + 5 * channel) * 1e6
        csi[~carrying(tones, 20, legacy=True)] = np.nan
        return CsiPacket(
            self._clock.ns(micros % 2**32), csi[None, None], tones, center, 20e6, source
        )

    def _ordered(self, values: np.ndarray) -> CsiArray:
        """64 tones, the lowest frequency first; the first packet tells which order the card has."""
        pairs = values[: 2 * TONES].astype(np.float32)
        csi = (pairs[1::2] + 1j * pairs[::2]).astype(np.complex64)
        if self._rolled is None:
            middle, edges = np.abs(csi[29:36]).sum(), np.abs(np.r_[csi[2:5], csi[60:64]]).sum()
            self._rolled = bool(middle < edges)
        return np.fft.fftshift(csi) if self._rolled else csi
