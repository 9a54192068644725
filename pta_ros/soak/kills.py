"""Every process killed in turn and started again as a launch file would: how soon all is well.

Simulator, fusion process and monitor run as in `make demo`; then once more with each sensor in a
process of its own. Publishers come and go, too, by SIGINT.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pta_ros.demo.plan import Plan
from pta_ros.demo.run import child_environment
from pta_ros.soak import shm
from pta_ros.soak.stage import Heard, Member, Stage

FUSION, SIMULATOR, MONITOR = "fusion", "simulator", "monitor"
#: Longest wait for anything; so many estimates in a row are a steady state.
_WAIT_S, _STEADY = 60.0, 10
_ERROR = 2
_TURN = ((FUSION,), (SIMULATOR,), (MONITOR,), (FUSION, SIMULATOR, MONITOR))


@dataclass(frozen=True)
class Recovery:
    """What followed one end of processes, in seconds since the SIGKILL or SIGINT.

    `told_s`: the diagnostics of the restarted fusion, or of what is missing; `data_s`: the
    simulator sends again; `estimate_s`: the next estimate that needs what was gone. `gap_s` is the
    longest time without an estimate of any sensor, `start_cpu_s` the processor time that what was
    started again had used by then. None: it never came, or is not to be expected.
    """

    what: str
    how: str
    told_s: float | None
    data_s: float | None
    estimate_s: float | None
    gap_s: float | None
    start_cpu_s: float


def run(plan: Plan, folder: Path, rounds: int) -> dict[str, Any]:
    """Kill everything `rounds` times; what happened, ready for JSON."""
    environment = child_environment(plan.fastdds)
    found: list[Recovery] = []
    left: list[shm.Left] = []
    with Stage(members(plan, composed=True), folder / "together", environment) as stage:
        _begin(stage)
        for _ in range(rounds):
            found += _together(stage)
            left.append(stage.left())
    with Stage(members(plan, composed=False), folder / "apart", environment) as apart:
        _begin(apart)
        for _ in range(rounds):
            found += _apart(apart, plan.sensors)
    return {
        "rounds": rounds,
        "recoveries": [asdict(recovery) for recovery in found],
        "crashes": [*stage.crashes, *apart.crashes],
        "left_behind_mb": [round(one.size_mb, 1) for one in left],
        "left_behind_segments": [one.segments for one in left],
    }


def members(plan: Plan, composed: bool) -> dict[str, Member]:
    """The processes of a plan of one person; with `composed` the sensors are in the fusion's.

    Sensors of their own get what a launch file gives them by default: no model, and so no torch.
    """
    given = ("--params-file", str(plan.params))
    fusion = Member("fusion_node", {"model": plan.model, "composed": composed}, given)
    found = {
        MONITOR: Member("monitor_node", {"view": False}, record="record"),
        SIMULATOR: Member(plan.task.simulator, plan.simulation, record="log"),
    }
    for modality in () if composed else plan.sensors:
        values = {"modality": modality, "topic": plan.streams[modality].topic}
        name = ("-r", f"__node:={modality}_sensor")
        found[modality] = Member("sensor_node", values, name)
    return found | {FUSION: fusion}


def _begin(stage: Stage) -> None:
    for name in stage.members:
        stage.start(name)
    if not _steady(stage, 0):
        stage.crashes.append(f"no estimates came at the start of {', '.join(stage.members)}")


def _steady(stage: Stage, since_ns: int) -> bool:
    """Wait for some estimates that were made after a moment."""

    def many() -> bool | None:
        return sum(e.stamp_ns > since_ns for e in stage.estimates) >= _STEADY or None

    return bool(stage.until(many, _WAIT_S))


def _together(stage: Stage) -> Iterator[Recovery]:
    for names in _TURN:
        if not stage.crashes:
            yield _killed(stage, names)
    if not stage.crashes:
        yield _came_and_went(stage)


def _apart(stage: Stage, sensors: tuple[str, ...]) -> Iterator[Recovery]:
    for modality in sensors:
        if not stage.crashes:
            yield _killed(stage, (modality,), modality)


def _killed(stage: Stage, names: tuple[str, ...], modality: str = "") -> Recovery:
    since_ns = stage.kill(names)
    for name in names:
        stage.start(name)
    what = " and ".join(names) if len(names) < len(stage.members) else "all of them"
    return _recovery(stage, what, "SIGKILL", names, since_ns, modality)


def _came_and_went(stage: Stage) -> Recovery:
    """The simulator stops as asked, and comes back when its absence was told."""
    since_ns = time.time_ns()
    stage.stop(SIMULATOR)
    stage.until(lambda: _missing_ns(stage, since_ns, ""), _WAIT_S)
    stage.start(SIMULATOR)
    return _recovery(stage, SIMULATOR, "SIGINT and a pause", (SIMULATOR,), since_ns, "")


def _recovery(
    stage: Stage, what: str, how: str, names: tuple[str, ...], since_ns: int, modality: str
) -> Recovery:
    """Wait until all is well again, and say when that was."""
    again_ns = max(stage.started_ns[name] for name in names)  # whoever was gone is dead by then

    def back() -> Heard | None:
        wanted = (e for e in stage.estimates if _newest_ns(e, modality) > again_ns)
        return next(wanted, None)

    estimate = stage.until(back, _WAIT_S)
    started = [stage.children[name].usage() for name in names if name in stage.children]
    well_ns = estimate.received_ns if estimate else None
    _steady(stage, well_ns or again_ns)
    told_ns = None
    if FUSION in names:
        told_ns = next((r.received_ns for r in stage.reports if r.received_ns > again_ns), None)
    elif names != (MONITOR,):
        told_ns = _missing_ns(stage, since_ns, modality)
    sent_ns = next((t for t in stage.ticks_ns if t > again_ns), None)
    return Recovery(
        what,
        how,
        _since_s(told_ns, since_ns),
        _since_s(sent_ns, since_ns) if SIMULATOR in names else None,
        _since_s(well_ns, since_ns),
        _gap_s(stage, since_ns, well_ns),
        round(sum(usage.cpu_s for usage in started if usage), 2),
    )


def _newest_ns(estimate: Heard, modality: str) -> int:
    """The stamp of the newest frame in it, of one sensor where that is named; 0: of none."""
    used = estimate.used_ns
    return used.get(modality, 0) if modality else max(used.values(), default=0)


def _missing_ns(stage: Stage, since_ns: int, modality: str) -> int | None:
    """The first diagnostics after an end that tell of it: of one sensor, or of all."""
    for report in stage.reports:
        missing = report.states.get(modality) != "LIVE" if modality else report.level == _ERROR
        if report.received_ns > since_ns and missing:
            return report.received_ns
    return None


def _since_s(moment_ns: int | None, since_ns: int) -> float | None:
    return None if moment_ns is None else round((moment_ns - since_ns) / 1e9, 3)


def _gap_s(stage: Stage, since_ns: int, until_ns: int | None) -> float | None:
    """The longest time without an estimate, from the last one before the end on."""
    if until_ns is None:
        return None
    times = [e.received_ns for e in stage.estimates if e.used_ns and e.received_ns <= until_ns]
    before = max((t for t in times if t <= since_ns), default=since_ns)
    moments = sorted([before, *(t for t in times if t > since_ns)])
    return round(max(b - a for a, b in pairwise(moments)) / 1e9, 3)
