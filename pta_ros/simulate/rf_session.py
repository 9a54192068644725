"""An endless session of one person doing one of XRF55's activities after another, as packets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError
from pta_ros.simulate.actions import XRF55_ACTIONS
from pta_ros.simulate.rf import PACKETS, WINDOW_S, RfPackets, RfRecording
from pta_ros.simulate.script import Fault, Phase

SESSION_REPEAT = 1000  # repeats from here on belong to sessions
_STREAM = 606

#: Packets of Wi-Fi that travel in one message.
BURST = 10


@dataclass(frozen=True, eq=False)
class Packet:
    """Content of one message: `time_s` on the session's clock, that of its last packet.

    `radar` (256, 128), `wifi` (BURST, 270) or `rfid` (23,).
    """

    modality: str
    time_s: float
    content: NDArray[np.generic]


class RfSession:
    """The session; `activity_s` seconds of each activity, in an order drawn from the seed.

    `actions` are those that take turns; empty: all of XRF55's.

    A segment is made in the background while the one before it is played.
    """

    def __init__(
        self,
        seed: int,
        subject: int,
        scene: int = 1,
        activity_s: float = 9.0,
        actions: tuple[int, ...] = (),
    ) -> None:
        if seed < 0 or subject < 1 or not activity_s >= WINDOW_S:
            raise ConfigError(
                f"seed {seed}, subject {subject}, activity_s {activity_s}; expected seed >= 0, "
                f"subject >= 1 and at least {WINDOW_S} s"
            )
        self.activity_s = activity_s
        self._actions = actions or tuple(range(1, len(XRF55_ACTIONS) + 1))
        self._who = seed, subject, scene
        self._pool = ThreadPoolExecutor(1)
        self._made: dict[int, Future[RfPackets]] = {}

    def action(self, time_s: float) -> int:
        """The activity (1 to 55) at a time."""
        number = int(max(time_s, 0.0) / self.activity_s)
        turn, place = divmod(number, len(self._actions))
        order = np.random.default_rng([*self._who, _STREAM, turn]).permutation(len(self._actions))
        return self._actions[order[place]]

    def whole(self, end_s: float) -> bool:
        """Whether a window that ends at a time lies within one activity."""
        begin_s = end_s - WINDOW_S
        return begin_s >= 0 and int(begin_s / self.activity_s) == int(
            (end_s - 1e-6) / self.activity_s
        )

    def between(self, begin_s: float, end_s: float) -> Iterator[Packet]:
        """Messages whose time lies in (begin, end], sensor by sensor; from 0 on."""
        first, last = (int(max(t, 0.0) / self.activity_s) for t in (begin_s, end_s))
        for number in range(first, last + 1):
            packets, start_s = self._segment(number), number * self.activity_s
            for modality in PACKETS:
                times = packets.times_s[modality] + start_s
                contents = packets.contents[modality]
                if modality == "wifi":
                    times = times[BURST - 1 :: BURST]
                    contents = contents.reshape(-1, BURST, contents.shape[1])
                for k in np.flatnonzero((times > begin_s) & (times <= end_s)):
                    yield Packet(modality, float(times[k]), contents[k])

    def _segment(self, number: int) -> RfPackets:
        for n in (number, number + 1):
            if n not in self._made:
                self._made[n] = self._pool.submit(self._make, n)
        for n in [n for n in self._made if n < number - 1]:
            del self._made[n]
        return self._made[number].result()

    def _make(self, number: int) -> RfPackets:
        seed, subject, scene = self._who
        action = self.action((number + 0.5) * self.activity_s)
        made = RfRecording(seed, subject, action, SESSION_REPEAT + number, scene)
        return made.packets(self.activity_s)

    def close(self) -> None:
        """End the background work."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def with_fault(packet: Packet, phase: Phase, rng: np.random.Generator) -> Packet | None:
    """The packet as the phase's fault leaves it; None when it is not sent (silent, frozen)."""
    fault = phase.fault(packet.modality)
    if fault is Fault.NONE:
        return packet
    if fault is not Fault.CORRUPT:
        return None
    content = packet.content.astype(np.float32)
    kind = int(rng.integers(3))
    if kind == 0:
        content = np.full_like(content, np.nan)
    elif kind == 1:
        content = content * np.float32(1e14)
    else:
        content = content[..., : content.shape[-1] // 2]  # cut short
    return Packet(packet.modality, packet.time_s, content)
