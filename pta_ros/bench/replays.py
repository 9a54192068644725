"""Speed and memory of a replay, on a bag that is repeated to any length."""

from __future__ import annotations

import struct
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from pta_ros.bags.bag import Bag, Raw
from pta_ros.clock import NS
from pta_ros.evaluation.replay.apart import reading_apart
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

    def _unopened(self) -> Repeated:
        return Repeated(self.paths, self._seconds)

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
    """Replay so much as `evaluate_bag` does: speed (times real time, start not counted), peak MB.

    `cpu_ms` is the processor's time for each estimate, of both processes, which other work on the
    machine lengthens less than `speed` tells.
    """
    engine = Engine.load(*read_params(None))
    with reading_apart(engine) as apart, Repeated([path], 60 * minutes) as bag:
        engine.start()
        source = find_source(bag, engine, {}, None)
        with Repeated([path], 1) as warm:  # both processes are ready then
            replay(engine, warm, source, FAULT_FREE, apart=apart)
        begun, used_s = time.perf_counter(), _used_s()
        result = replay(engine, bag, source, FAULT_FREE, apart=apart)
        took, used_s = time.perf_counter() - begun, _used_s() - used_s
        peak_kb = _peak_kb()
    return {
        "minutes": minutes,
        "estimates": len(result.stamp_ns),
        "speed": 60 * minutes / took,
        "cpu_ms": 1e3 * used_s / len(result.stamp_ns),
        "peak_mb": peak_kb / 1024,
    }


def _both() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children()]


def _used_s() -> float:
    """Processor time of this process and that beside it."""
    return float(sum(sum(one.cpu_times()[:2]) for one in _both()))


def _peak_kb() -> float:
    """The largest memory that both have had, KB: the sum of their peaks."""
    found = 0
    for one in _both():
        status = Path(f"/proc/{one.pid}/status").read_text(encoding="utf-8")
        found += int(status.partition("VmHWM:")[2].split()[0])
    return found
