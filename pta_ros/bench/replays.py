"""Speed and memory of a replay, on a bag that is repeated to any length."""

from __future__ import annotations

import resource
import struct
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from pta_ros.bags.bag import Bag, Raw
from pta_ros.clock import NS
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params

#: Between the end of one round and the begin of the next.
_PAUSE_NS = NS // 10


class Repeated(Bag):
    """A bag whose messages come again and again, with times and stamps that go on."""

    def __init__(self, paths: list[Path], seconds: float) -> None:
        super().__init__(paths)
        self._seconds = seconds

    def __enter__(self) -> Repeated:
        super().__enter__()
        self._round_ns = self.end_ns - self.begin_ns + _PAUSE_NS
        self.end_ns = self.begin_ns + round(self._seconds * NS)
        return self

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on until `seconds` are full."""
        shift_ns = 0
        while self.begin_ns + shift_ns < self.end_ns:
            for raw in super().messages(topics):
                if raw.time_ns + shift_ns > self.end_ns:
                    return
                if raw.time_ns + shift_ns >= start_ns:
                    yield _later(raw, shift_ns)
            shift_ns += self._round_ns


def _later(raw: Raw, shift_ns: int) -> Raw:
    """The message with its time and its header's stamp moved; the header is its first field."""
    seconds, nanoseconds = struct.unpack_from("<iI", raw.data, 4)
    moved = divmod(seconds * NS + nanoseconds + shift_ns, NS)
    data = raw.data[:4] + struct.pack("<iI", *moved) + raw.data[12:]
    return replace(raw, time_ns=raw.time_ns + shift_ns, data=data)


def measure(path: Path, minutes: float) -> dict[str, float]:
    """Replay so much in this process: speed (times real time, start not counted), peak MB."""
    engine = Engine.load(*read_params(None))
    engine.start()
    with Repeated([path], 60 * minutes) as bag:
        source = find_source(bag, engine, {}, None)
        begun = time.perf_counter()
        result = replay(engine, bag, source, FAULT_FREE)
        took = time.perf_counter() - begun
    return {
        "minutes": minutes,
        "estimates": len(result.stamp_ns),
        "speed": 60 * minutes / took,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
