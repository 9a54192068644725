"""What must hold over hours and after kills, of the records that each part of `pta_soak` gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pta_ros.metrics.bound import Bound, at_least, at_most

#: Percent: growth of memory, threads and files; drift of an estimate's processor time.
GROWTH, DRIFT = 1.0, 10.0
#: Seconds: to an estimate after a kill, and to diagnostics that say what is gone.
RECOVERY_S, TOLD_S = 3.0, 1.0
#: Beside busy processors.
BUSY_P99_MS = 80.0
#: Instants at which some sensor sends good data, in vain after a step of the clock.
_IN_VAIN = 10
_FIGURES = {"memory_mb": "memory", "threads": "threads", "files": "open files"}


def kill_bounds(record: Mapping[str, Any]) -> list[Bound]:
    """Of `kills.run`: the slowest of each kind of end; no crash; nothing piles up in /dev/shm.

    Where the simulator itself was gone the time counts from its first frame: it is no part of a
    robot.
    """
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for recovery in record["recoveries"]:
        kinds.setdefault(f"{recovery['what']}, {recovery['how']}", []).append(recovery)
    found = [at_most("kills: crashes", len(record["crashes"]), 0)]
    found.append(at_least("kills: recoveries", len(record["recoveries"]), 1))
    for name, recoveries in kinds.items():
        since = "data" if recoveries[0]["data_s"] is not None else "it"
        slowest = _slowest([_recovered_s(one) for one in recoveries])
        found.append(at_most(f"{name}: estimate after {since}", slowest, RECOVERY_S, "s"))
        if recoveries[0]["told_s"] is not None and "fusion" not in name and "all" not in name:
            told = _slowest([one["told_s"] for one in recoveries])
            found.append(at_most(f"{name}: told after", told, TOLD_S, "s"))
    left = record["left_behind_mb"]
    if len(left) > 1:
        found.append(at_most("kills: /dev/shm, from round to round", left[-1] - left[0], 0, "MB"))
    return found


def _recovered_s(recovery: Mapping[str, Any]) -> float | None:
    again_s = recovery["estimate_s"]
    return None if again_s is None else again_s - (recovery["data_s"] or 0.0)


def _slowest(values: list[float | None]) -> float | None:
    """The largest, None as soon as one never came."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def cycle_bounds(record: Mapping[str, Any], cycles: int) -> list[Bound]:
    """Of `cycles.run`."""
    return [
        at_most("cycles: crashes", len(record["crashes"]), 0),
        at_least("cycles: done", record["cycles"], cycles),
        *_growth_bounds("cycles", record),
    ]


def forward_bounds(record: Mapping[str, Any], hours: float) -> list[Bound]:
    """Of `fast.run`."""
    found = [
        at_most("forward: crashes", len(record["crashes"]), 0),
        at_least("forward: simulated", record["hours"], round(0.999 * hours, 3), "h"),
        at_most("forward: estimates that are not finite", record["unsound"], 0),
        *_growth_bounds("forward", record),
        _percent("forward: drift of an estimate", record["estimate_drift"], DRIFT),
    ]
    if record["steps"]:
        name = "forward: instants in vain after a step of the clock"
        found.append(at_most(name, record["back"], _IN_VAIN))
        found.append(at_least("forward: steps survived", record["returned"], record["steps"]))
    return found


def real_bounds(record: Mapping[str, Any], busy: bool) -> list[Bound]:
    """Of `real.run`; beside busy processors the latency and lost estimates, too."""
    found = [
        at_most("real: crashes", len(record["crashes"]), 0),
        at_least("real: estimates", record["estimates"], 1),
        *_growth_bounds("real", record),
        at_most("real: /dev/shm, left behind", record["left_behind_mb"], 0, "MB"),
    ]
    if busy:
        p99 = record["latency_ms"]["p99"]
        found.append(at_most("real, busy: latency p99", p99, BUSY_P99_MS, "ms"))
        name = f"real, busy: lost of {record['instants']} estimates"
        found.append(at_most(name, record["lost"], 0))
    return found


def _growth_bounds(part: str, record: Mapping[str, Any]) -> list[Bound]:
    growth = record["growth"]
    return [
        _percent(f"{part}: growth of {word}", growth[name], GROWTH)
        for name, word in _FIGURES.items()
    ]


def _percent(name: str, share: float | None, limit: float) -> Bound:
    return at_most(name, None if share is None else round(100.0 * share, 2), limit, "%")
