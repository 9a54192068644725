"""How fast and how small a demo was, against bounds that `pta_demo --check` decides by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pta_ros.demo.verdict import WHAT
from pta_ros.metrics.bound import Bound, at_least, at_most

RATE_SHARE = 0.95
MEMORY_MB = 1500.0
GROWTH = 0.02
SENT_SHARE = 0.99


@dataclass(frozen=True)
class Limits:
    """What a demo on a quiet machine keeps to.

    `all_well_ms` while every sensor sends good data, `latency_ms` in other phases. `noticed_s`
    comes on top of the stream's `stale_after_s`. Of activities: the next hop judges, and after a
    silence a window must fill again to the share that may be missing.
    """

    all_well_ms: Mapping[str, float]
    latency_ms: Mapping[str, float]
    noticed_s: float
    recovered_s: float
    start_s: float


_PEOPLE_MS, _ACTIVITY_MS = {"p50": 40.0, "p99": 90.0}, {"p50": 100.0, "p99": 100.0}
LIMITS = {
    "people": Limits(_PEOPLE_MS, _PEOPLE_MS, 0.1, 0.5, 15.0),
    "pose": Limits({"p50": 9.0, "p99": 20.0}, {"p50": 25.0, "p99": 60.0}, 0.1, 0.5, 10.0),
    "activity": Limits(_ACTIVITY_MS, _ACTIVITY_MS, 1.2, 5.0, 15.0),
}
#: Most of p99 at 30 Hz, and beside processes that keep every core busy, ms; of the fusion process
#: at 30 Hz, cores.
FAST_MS, BUSY_MS = {"pose": 25.0, "people": 90.0}, {"pose": 80.0, "people": 250.0}
FAST_CORES = {"pose": 0.6, "people": 1.0}


def speed_bounds(summary: Mapping[str, Any]) -> list[Bound]:
    """How fast and how small the demo was, on a summary complete with start and memory."""
    limits, what = LIMITS[summary["task"]], WHAT[summary["task"]]
    rate_hz = summary["simulator"]["rate_hz"]
    found = []
    for phase in summary["phases"]:
        name = phase["name"]
        if phase["available"]:
            least = round(RATE_SHARE * rate_hz, 3)
            found.append(at_least(f"{name}: {what}", phase["rate_hz"], least, "1/s"))
            well = limits.latency_ms if phase["failing"] else limits.all_well_ms
            found += [
                at_most(f"{name}: latency {share}", phase["latency_ms"][share], limit, "ms")
                for share, limit in well.items()
            ]
        for stream, facts in phase["failing"].items():
            most_s = round(summary["stale_after_s"][stream] + limits.noticed_s, 3)
            found.append(at_most(f"{name}: {stream} noticed", facts["noticed_s"], most_s, "s"))
        if phase["silence"]:
            most_s = round(max(summary["stale_after_s"].values()) + limits.noticed_s, 3)
            found.append(at_most(f"{name}: ERROR", phase["silence"]["error_s"], most_s, "s"))
            again_s = phase["silence"]["recovered_s"]
            found.append(at_most(f"{name}: {what} again", again_s, limits.recovered_s, "s"))
    start_s = summary["start_to_first_estimate_s"]
    found.append(at_most("start to first estimate", start_s, limits.start_s, "s"))
    return [*found, *memory_bounds(summary["memory"])]


def memory_bounds(memory: Mapping[str, Any], grown: bool = False) -> list[Bound]:
    """The fusion process's size, and its growth where that was asked for or could be measured."""
    found = [at_most("fusion process, resident", memory["peak_mb"], MEMORY_MB, "MB")]
    if grown or memory["growth"] is not None:
        found.append(at_most("fusion process, growth", memory["growth"], GROWTH))
    return found


def transport_bounds(summary: Mapping[str, Any], rate_hz: float) -> list[Bound]:
    """Of a run at a high rate: no message lost, as many sent as were meant to be, soon answered."""
    task = summary["task"]
    found = [
        at_most(f"{name}: lost of {count['sent']} messages", count["lost"], 0)
        for name, count in summary["messages"].items()
    ]
    cores = summary["cpu_cores"].get("fusion_node")
    return [
        *found,
        at_least("messages sent per topic", summary["sent_rate_hz"], SENT_SHARE * rate_hz, "1/s"),
        at_most("latency p99", summary["latency_ms"]["p99"], FAST_MS[task], "ms"),
        at_most("fusion process", cores, FAST_CORES[task], "cores"),
    ]


def busy_bounds(summary: Mapping[str, Any]) -> list[Bound]:
    """Of a run beside processes that keep every core busy: no estimate lost, none much later."""
    return [
        at_most(f"estimates lost of {summary['instants']}", summary["lost_estimates"], 0),
        at_most("latency p99", summary["latency_ms"]["p99"], BUSY_MS[summary["task"]], "ms"),
    ]
