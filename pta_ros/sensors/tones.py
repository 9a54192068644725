"""Which frequencies the tones of a Wi-Fi channel are at: layouts of OFDM receivers.

A tone's index counts steps of 312.5 kHz from the channel's centre (IEEE 802.11n and 802.11ac).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Tones = NDArray[np.int32]

#: Hertz from tone to tone.
SPACING_HZ = 312_500.0
#: First and last index of the tones that carry something, by bandwidth in MHz.
EDGES = {20: (1, 28), 40: (2, 58), 80: (2, 122), 160: (6, 250)}
#: Tones of the legacy preamble (ESP32 and old cards deliver it), 20 MHz.
LEGACY = (1, 26)


def _both(first: int, last: int, step: int = 1) -> Tones:
    up = np.arange(first, last + 1, step, dtype=np.int32)
    return np.concatenate([-up[::-1], up])


@cache
def layout(count: int, bandwidth_mhz: int) -> Tones | None:
    """Indexes, ascending, of `count` tones as receivers deliver them; None for an unknown layout.

    Known are all tones of the FFT, those that carry something, those of the legacy preamble with
    and without the centre, and Intel 5300's choice of 30.
    """
    if bandwidth_mhz not in EDGES:
        return None
    size = round(bandwidth_mhz * 1e6 / SPACING_HZ)
    if count == size:
        return np.arange(-size // 2, size // 2, dtype=np.int32)
    if count == 30 and bandwidth_mhz == 20:
        up = np.arange(1, 28, 2, dtype=np.int32)
        return np.concatenate([np.arange(-28, -1, 2, dtype=np.int32), [-1], up, [28]]).astype("i4")
    if count == 30 and bandwidth_mhz == 40:
        return _both(2, 58, 4)
    first, last = EDGES[bandwidth_mhz]
    choices = [_both(first, last), np.arange(-last, last + 1, dtype=np.int32)]
    if bandwidth_mhz == 20:
        choices += [_both(*LEGACY), np.arange(-LEGACY[1], LEGACY[1] + 1, dtype=np.int32)]
    return next((tones for tones in choices if len(tones) == count), None)


def carrying(tones: Tones, bandwidth_mhz: int, legacy: bool = False) -> NDArray[np.bool_]:
    """Which tones carry something: not those that guard the edges, nor those at the centre."""
    first, last = LEGACY if legacy else EDGES[bandwidth_mhz]
    found: NDArray[np.bool_] = (np.abs(tones) >= first) & (np.abs(tones) <= last)
    return found
