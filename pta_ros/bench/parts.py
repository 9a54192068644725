"""Where the processor's time of an estimate goes: a replay's stacks, sampled and sorted by part.

Everything runs in one thread, so that nothing is hidden, once in batches as a replay does and once
frame by frame as a live node does, but for ROS. Stacks are written folded, too, one a line with its
nanoseconds for each estimate, as flame graph viewers read them (speedscope.app, flamegraph.pl), and
drawn (flame.py).
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pta_ros.bench.replays import Repeated
from pta_ros.errors import DatasetError
from pta_ros.evaluation.replay.batches import batches_of, chunks, foresight_of, in_turn
from pta_ros.evaluation.replay.replay import Replay
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, reading_of
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params
from pta_ros.metrics.markdown import grid

_PACKAGE = f"{Path(__file__).parent.parent}/"
_EVERY_S = 0.002
#: What a function is of, by the begin of its place; the innermost that is named here decides.
PARTS = {
    "bags/types": "messages out of their bytes",
    "bags/": "reading the recording",
    "sensors/": "decoding, checking, reducing",
    "fusion/intake": "decoding, checking, reducing",
    "fusion/estimator:encode": "encoders",
    "evaluation/replay/batches:_encode": "encoders",
    "fusion/estimator": "gate, refinement, fusion, heads",
    "tracks/consistency": "which sensor contradicts",
    "tracks/comparison": "which sensor contradicts",
    "tracks/pairs": "which sensor contradicts",
    "tracks/": "following people",
    "fusion/": "streams and instants",
    "evaluation/": "keeping the replay",
}
#: The part of what is in none.
OTHER = "other"
#: Of stacks that end in these rooms, who called them decides.
_SERVANTS = ("model/", "people/", "settings", "clock", "frames", "skeleton", "metrics/")

Stack = tuple[str, ...]


@contextmanager
def sampled() -> Iterator[Counter[Stack]]:
    """The processor's time (microseconds) of this thread, the main one, by its stacks.

    By a timer of the process's own time, whose signal Python sees when a call of C has returned: so
    a stack counts for the time since the last one. A thread that looks on would see what gives up
    Python's lock, and little else.
    """
    found: Counter[Stack] = Counter()
    last_ns = time.thread_time_ns()

    def look(_number: int, frame: FrameType | None) -> None:
        nonlocal last_ns
        now_ns = time.thread_time_ns()
        found[stack_of(frame)] += (now_ns - last_ns) // 1000
        last_ns = now_ns

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def stack_of(frame: FrameType | None) -> Stack:
    """The functions of this package in a stack, as "room/file:function", the outermost first."""
    names = []
    while frame is not None:
        place = frame.f_code.co_filename.removeprefix(_PACKAGE)
        if place != frame.f_code.co_filename:
            names.append(f"{place.removesuffix('.py')}:{frame.f_code.co_name}")
        frame = frame.f_back
    return tuple(reversed(names))


def part_of(stack: Stack) -> str:
    """The part of PARTS that a stack is in, or OTHER."""
    for name in reversed(stack):
        if name.startswith(_SERVANTS):
            continue
        for begin, part in PARTS.items():
            if name.startswith(begin):
                return part
    return OTHER


def spent(path: Path, seconds: float, ahead: bool) -> tuple[dict[str, float], Counter[Stack]]:
    """Milliseconds of a processor for each estimate by part, and the stacks' nanoseconds.

    With `ahead` in batches, as replays are; otherwise frame by frame.
    """
    engine = Engine.load(*read_params(None))
    engine.start()
    with Repeated([path], seconds) as bag:
        source = find_source(bag, engine, {}, None)
        for _ in range(2):  # once to warm up
            decoder, judge = reading_of(engine, bag, source, FAULT_FREE)
            foresight = foresight_of(engine) if ahead else None
            run = Replay(engine.pipeline(foresight), judge)
            made = chunks(decoder, batches_of(engine) if foresight else None)
            with sampled() as stacks:
                begun_s = time.thread_time()
                run.run(in_turn(made, foresight, []), bag.begin_ns, bag.end_ns)
                used_s = time.thread_time() - begun_s
        count = len(run.result(FAULT_FREE, bag.begin_ns, bag.end_ns, []).stamp_ns)
    if not count or not stacks.total():
        raise DatasetError(
            f"{path}: {count} estimates in {used_s:.2f} s, of which {len(stacks)} samples were "
            "taken; expected a longer recording that gives some"
        )
    each = 1e9 * used_s / count / stacks.total()
    each_ns = Counter({stack: round(each * seen) for stack, seen in stacks.items()})
    return by_part(each_ns), each_ns


def by_part(stacks: Counter[Stack]) -> dict[str, float]:
    """Milliseconds by part of stacks with their nanoseconds."""
    shares: Counter[str] = Counter()
    for stack, time_ns in stacks.items():
        shares[part_of(stack)] += time_ns
    return {part: time_ns / 1e6 for part, time_ns in shares.most_common()}


def table(columns: dict[str, dict[str, float]]) -> str:
    """Markdown: the parts by what they take in the first column, and the sums."""
    parts = [*dict.fromkeys(PARTS.values()), OTHER]
    parts = [part for part in parts if any(part in column for column in columns.values())]
    first = next(iter(columns.values()))
    parts.sort(key=lambda part: -first.get(part, 0.0))
    rows = [[part, *(f"{c.get(part, 0.0):.2f}" for c in columns.values())] for part in parts]
    rows.append(["all", *(f"{sum(c.values()):.2f}" for c in columns.values())])
    return grid(["ms of a processor for each estimate", *columns], rows)


def folded(stacks: Counter[Stack]) -> str:
    """One line for each stack, as flame graph viewers read them."""
    return "".join(f"{';'.join(stack)} {seen}\n" for stack, seen in sorted(stacks.items()))
