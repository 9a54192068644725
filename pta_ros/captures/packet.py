"""One packet's channel state, whatever card it is from, and what was lost on the way to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pta_ros.sensors.tones import Tones

CsiArray = NDArray[np.complex64]


@dataclass(frozen=True)
class CsiPacket:
    """`csi` is complex64 (streams, antennas, tones), as the card counts it.

    Tones ascend in frequency, `tones` are their indexes (steps of 312.5 kHz from the centre); NaN
    is what was not measured. `time_ns` is by the capture's own clock. `source` tells transmitters
    apart, where the capture names them. Hz are 0 where the capture does not say.
    """

    time_ns: int
    csi: CsiArray
    tones: Tones
    center_hz: float = 0.0
    bandwidth_hz: float = 0.0
    source: str = ""

    @property
    def layout(self) -> tuple[object, ...]:
        """What packets of one burst have in common."""
        sizes = (self.csi.shape, self.tones.tobytes())
        return (*sizes, self.center_hz, self.bandwidth_hz, self.source)


@dataclass
class Losses:
    """How many records could not be used, by reason."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, reason: str, count: int = 1) -> None:
        """Count what was lost."""
        self.counts[reason] += count

    def texts(self) -> list[str]:
        """One line for each reason."""
        return [f"{count} lost: {reason}" for reason, count in sorted(self.counts.items())]


class Clock32:
    """Microseconds of a card's 32-bit counter as nanoseconds that go on when it wraps."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._micros = 0

    def ns(self, micros: int) -> int:
        """The time of a count; a small step back is one, a large one is a wrap."""
        if self._last is None:
            self._micros = micros
        else:
            step = (micros - self._last) % 2**32
            self._micros += step if step < 2**31 else step - 2**32
        self._last = micros
        return self._micros * 1000


def signed(values: NDArray[np.integer], bits: int) -> NDArray[np.int32]:
    """Values of so many bits, in two's complement, as numbers."""
    half, found = 1 << (bits - 1), np.asarray(values, np.int32)
    return np.asarray((found ^ half) - half, np.int32)
