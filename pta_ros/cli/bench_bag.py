"""`bench_bag`: speed and memory of a replay, on a bag that is repeated to any length."""

from __future__ import annotations

import argparse
import json
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pta_ros.bags.bag import Bag, Raw
from pta_ros.cli import run, write_json
from pta_ros.clock import NS
from pta_ros.errors import PtaError
from pta_ros.metrics.bound import at_least, at_most, bounds_text, exit_code

if TYPE_CHECKING:
    from pta_ros.evaluation.replay.record import Replayed

MIN_SPEED = 15.0
MAX_GROWTH = 1.2
MODULE = "pta_ros.cli.bench_bag"
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


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_bag", description=__doc__)
    parser.add_argument("bag", type=Path, help="recording of a minute or so")
    parser.add_argument("--minutes", type=float, nargs=2, default=[3, 30], metavar="M")
    parser.add_argument("--repeats", type=int, default=3, help="of the shorter replay")
    parser.add_argument("--json", type=Path, default=Path("results/bench_bag.json"))
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.one:
        print(json.dumps(measure(options.bag, options.one)))
        return 0
    short, long = options.minutes
    runs = [_in_a_process(options.bag, short) for _ in range(options.repeats)]
    lasting = _in_a_process(options.bag, long)
    speeds = sorted(r["speed"] for r in [*runs, lasting])
    growth = lasting["peak_mb"] / median(r["peak_mb"] for r in runs)
    figures = {"short": runs, "long": lasting, "median_speed": median(speeds), "growth": growth}
    write_json(options.json, figures)
    bounds = [
        at_least("speed, times real time", median(speeds), MIN_SPEED, "x"),
        at_most(f"memory of {long:g} minutes / of {short:g}", growth, MAX_GROWTH, "x"),
    ]
    print(
        f"speed {speeds[0]:.1f} to {speeds[-1]:.1f} times real time, memory at its peak "
        f"{lasting['peak_mb']:.0f} MB over {long:g} minutes\n{bounds_text(bounds)}"
    )
    return exit_code(bounds)


def measure(path: Path, minutes: float) -> dict[str, float]:
    """Replay so much in this process: speed (times real time, start not counted), peak MB."""
    from pta_ros.evaluation.replay.source import FAULT_FREE, find_source
    from pta_ros.evaluation.replay.source import replay as replay_bag
    from pta_ros.fusion.engine import Engine
    from pta_ros.fusion.params import read_params

    engine = Engine.load(*read_params(None))
    engine.start()
    with Repeated([path], 60 * minutes) as bag:
        source = find_source(bag, engine, {}, None)
        begun = time.perf_counter()
        result: Replayed = replay_bag(engine, bag, source, FAULT_FREE)
        took = time.perf_counter() - begun
    return {
        "minutes": minutes,
        "estimates": len(result.stamp_ns),
        "speed": 60 * minutes / took,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _in_a_process(bag: Path, minutes: float) -> dict[str, float]:
    """`measure` in a fresh process, whose memory is its own."""
    command = [sys.executable, "-m", MODULE, str(bag), "--one", str(minutes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PtaError(done.stderr.strip() or f"{command} ended with {done.returncode}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Console script: 0 when the bounds are kept, 3 when not, 1 on an error."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    sys.exit(main())
