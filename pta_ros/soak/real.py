"""Minutes in real time with the demo's script over and over: does the fusion process grow, or slow?

It is the run of `pta_demo --check memory`, with threads, open files, shared memory and the drift of
the latency beside the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from pta_ros.demo.plan import Plan
from pta_ros.demo.processes import ProcessError
from pta_ros.demo.reading import load_run
from pta_ros.demo.records import Estimate, Run
from pta_ros.demo.run import Runner
from pta_ros.demo.summary import percentiles
from pta_ros.metrics.growth import WARM_UP_S, growth_of_any
from pta_ros.soak import shm

#: A tick counts when its phase has lasted so long: streams have been noticed and have come back.
_SETTLED_S = 1.5
_SHARE = 10


def run(plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Run the plan; what was measured, ready for JSON."""
    crashes: list[str] = []
    segments: set[str] = set()
    with Runner(plan, say) as runner:
        try:
            measured = runner.run(lambda: segments.update(*_held(runner)))
        except ProcessError as error:
            crashes.append(str(error))
            measured = runner.measured
    recorded, left = load_run(plan.folder, plan.sensors), shm.left(segments)
    held = {"memory_mb": measured.memory, "threads": measured.threads, "files": measured.files}
    return {
        "minutes": round(plan.script.duration_s / 60.0, 2),
        "estimates": len(recorded.estimates),
        "crashes": crashes,
        "growth": {name: rounded(growth_of_any(points)) for name, points in held.items()},
        "held": {n: [points[0][1], points[-1][1]] for n, points in held.items() if points},
        "latency_ms": percentiles([e.latency_ms for e in recorded.estimates]),
        "latency_drift": rounded(drift(recorded.estimates)),
        "instants": len(instants(recorded)),
        "lost": len(lost(recorded)),
        "left_behind_mb": round(left.size_mb, 1),
        "load": max((round(load, 1) for load, _ in measured.machine), default=None),
    }


def _held(runner: Runner) -> list[set[str]]:
    return [shm.held(child.process.pid) for child in runner.children]


def drift(estimates: Sequence[Estimate]) -> float | None:
    """Median latency of the last tenth over that of the first after the first minute, minus 1.

    Of estimates that used the most sensors alone, as what is missing makes others faster. None of
    fewer than two tenths.
    """
    most = max((len(e.used) for e in estimates), default=0)
    whole = [e for e in estimates if len(e.used) == most]
    if not whole:
        return None
    length_s = (whole[-1].stamp_ns - whole[0].stamp_ns) / 1e9
    begin_ns = whole[0].stamp_ns + 1e9 * min(WARM_UP_S, length_s / _SHARE)
    kept = [e.latency_ms for e in whole if e.stamp_ns >= begin_ns]
    many = len(kept) // _SHARE
    return median(kept[-many:]) / median(kept[:many]) - 1.0 if many else None


def instants(run: Run) -> list[int]:
    """Stamps of ticks at which an estimate must come: a sensor sends good data, settled."""
    found = []
    for span in run.spans:
        begin_ns = span.start_ns + int(1e9 * _SETTLED_S)
        found += [t.stamp_ns for t in span.ticks if span.available and t.stamp_ns >= begin_ns]
    return found


def lost(run: Run) -> list[int]:
    """The stamps among these of which no estimate was heard."""
    told = {estimate.stamp_ns for estimate in run.estimates}
    return [stamp_ns for stamp_ns in instants(run) if stamp_ns not in told]


def rounded(value: float | None) -> float | None:
    """A share to a hundredth of a percent."""
    return None if value is None else round(value, 4)
