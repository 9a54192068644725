"""Nexmon CSI (Broadcom cards; pcap files, and live as UDP datagrams to port 5500).

A datagram has a head of 18 bytes and one 32-bit word a tone, in the order of the FFT. Chips write
two 16-bit numbers a word, or a float of their own: two mantissas with sign and one exponent, which
here become whole numbers of 10 bits and less, as the tools of Nexmon's users make them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pta_ros.captures.packet import CsiArray, CsiPacket, Losses, signed
from pta_ros.captures.pcap import datagrams, is_pcap
from pta_ros.sensors.tones import carrying, layout

NAME = "nexmon"
PORT = 5500
#: A packet's number, core, stream and the channel of these.
Part = tuple[int, int, int, CsiPacket]
_HEAD = struct.Struct("<HbB6sHHHH")
_MAGIC = 0x1111
#: Bits of a mantissa (without its sign) and of the exponent: 4366c0's and 4358's floats.
_FLOATS = ((11, 6), (8, 5))
#: Chips that say which they are: 43455c0 (numbers) and 4366c0 (floats).
_CHIPS = {0x0065: (), 0x006A: _FLOATS[0]}
_BITS = 10
#: Bandwidth by three bits of the channel's description (Broadcom's D11AC form).
_WIDTHS = {2: 20, 3: 40, 4: 80, 5: 160}


def detect(head: bytes) -> bool:
    """Whether a file begins like a pcap."""
    return is_pcap(head)


def read(data: memoryview, losses: Losses) -> Iterator[CsiPacket]:
    """The packets of a pcap: datagrams to port 5500; what else was recorded is left out.

    An access point with several cores and streams sends one datagram for each, of one number: they
    become one packet's antennas and streams.
    """
    parts: list[Part] = []
    for time_ns, payload in datagrams(data, PORT, losses):
        part = datagram(payload, time_ns, losses)
        if part is None:
            continue
        if parts and not _together(parts, part):
            yield joined(parts)
            parts = []
        parts.append(part)
    if parts:
        yield joined(parts)


def _together(parts: list[Part], new: Part) -> bool:
    """Whether a datagram is of the same packet as those before it."""
    first = parts[0]
    places = [part[1:3] for part in parts]
    return new[0] == first[0] and new[1:3] not in places and new[3].layout == first[3].layout


def joined(parts: list[Part]) -> CsiPacket:
    """Datagrams of one packet as one; a core or stream that did not arrive is NaN."""
    first = parts[0][3]
    cores = sorted({part[1] for part in parts})
    streams = sorted({part[2] for part in parts})
    shape = (len(streams), len(cores), first.csi.shape[2])
    csi: CsiArray = np.full(shape, np.nan, np.complex64)
    for _, core, stream, packet in parts:
        csi[streams.index(stream), cores.index(core)] = packet.csi[0, 0]
    return replace(first, csi=csi)


def datagram(payload: memoryview, time_ns: int, losses: Losses) -> Part | None:
    """One datagram: packet's number, core, stream, and its channel; None when it is damaged."""
    if len(payload) < _HEAD.size or int.from_bytes(payload[:2], "little") != _MAGIC:
        losses.add("a datagram to port 5500 that is not Nexmon's")
        return None
    _, _, _, source, number, place, channel, chip = _HEAD.unpack(payload[: _HEAD.size])
    width, count = _WIDTHS.get((channel >> 11) & 7, 0), (len(payload) - _HEAD.size) // 4
    tones = layout(count, width) if width and count == round(width * 3.2) else None
    if tones is None:
        losses.add(f"a datagram of {count} tones for a channel of {width} MHz")
        return None
    words = np.frombuffer(payload[_HEAD.size :], "<u4", count)
    csi = _numbers(words, chip, carrying(tones, width))
    found = CsiPacket(
        time_ns, csi[None, None], tones, center_hz(channel), width * 1e6, source.hex(":")
    )
    return number, place & 7, (place >> 3) & 7, found


def center_hz(channel: int) -> float:
    """The centre of a channel's description: its number, and the band in the two highest bits."""
    number, band = channel & 0xFF, channel >> 14
    if band == 3:
        return (5000 + 5 * number) * 1e6
    return (2484 if number == 14 else 2407 + 5 * number) * 1e6 if band == 0 else 0.0


def _numbers(words: NDArray[np.uint32], chip: int, carries: NDArray[np.bool_]) -> CsiArray:
    """A datagram's words as numbers, the lowest frequency first; NaN where nothing is carried.

    Other chips than these do not say which they are. The right way to read their words is the one
    whose neighbouring tones differ least (a tenth of the mean, against six tenths and more).
    """
    ways = (_CHIPS[chip],) if chip in _CHIPS else ((), *_FLOATS)
    read_as = [_floats(words, *bits) if bits else _integers(words) for bits in ways]
    found = min((np.fft.fftshift(csi) for csi in read_as), key=lambda csi: _roughness(csi[carries]))
    found[~carries] = np.nan
    return found


def _roughness(csi: CsiArray) -> float:
    """The mean step from tone to tone, against the mean."""
    sizes = np.abs(csi)
    return float(np.abs(np.diff(sizes)).mean()) / max(float(sizes.mean()), 1e-9)


def _integers(words: NDArray[np.uint32]) -> CsiArray:
    """Two 16-bit numbers a word: real, imaginary."""
    return _complex(signed(words & 0xFFFF, 16), signed(words >> 16, 16))


def _floats(words: NDArray[np.uint32], mantissa: int, exponent: int) -> CsiArray:
    """A chip's floats, scaled alike so that the largest has 10 bits."""
    mask = (1 << mantissa) - 1
    real = (words >> (exponent + mantissa + 1)) & mask
    imag = (words >> exponent) & mask
    powers = signed(words & ((1 << exponent) - 1), exponent)
    largest = real | imag
    highest = np.where(largest > 0, np.frexp(largest.astype(np.float64))[1] - 1, 0) + powers
    top = int(highest[largest > 0].max(initial=-(1 << (exponent - 1))))
    shifts = powers + _BITS - top
    minus_real = (words >> (exponent + 2 * mantissa + 1)) & 1
    minus_imag = (words >> (exponent + mantissa)) & 1
    return _complex(
        _shifted(real, shifts, mantissa) * (1 - 2 * minus_real.astype(np.int64)),
        _shifted(imag, shifts, mantissa) * (1 - 2 * minus_imag.astype(np.int64)),
    )


def _shifted(
    values: NDArray[np.integer], by: NDArray[np.int32], mantissa: int
) -> NDArray[np.int64]:
    """Whole numbers shifted by so many bits, to the left where it is positive."""
    wide = values.astype(np.int64)
    up = np.clip(by, 0, 31).astype(np.int64)
    down = np.clip(-by, 0, 63).astype(np.int64)
    return np.where(by < -mantissa - 1, 0, (wide << up) >> down)


def _complex(real: NDArray[np.signedinteger], imag: NDArray[np.signedinteger]) -> CsiArray:
    csi = np.empty(len(real), np.complex64)
    csi.real, csi.imag = real, imag
    return csi
