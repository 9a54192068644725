"""The activity demo's summary and bounds: the pose demo's, with accuracy in place of MPJPE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pta_ros.demo import faults as demo_faults
from pta_ros.demo.bounds import GROWTH, MEMORY_MB, START_S
from pta_ros.demo.records import Run, SkeletonEntry, Span
from pta_ros.demo.summary import (
    SCHEMA,
    frame_counters,
    live_from_ns,
    mean_weights,
    percentiles,
    rounded,
    simulator_summary,
)
from pta_ros.metrics.bound import Bound, at_least, at_most

#: From the window's end to the published decision.
LATENCY_MS = 100.0
#: One activity per hop; a share for the phase's ends.
RATE_SHARE = 0.95
#: A stream that says nothing is fresh for a hop or two packets, then STALE after stale_after_s; the
#: judgement comes at the next hop.
DETECTION_S = 2.0
#: A window must fill again to the share that may be missing.
RECOVERY_S = 5.0
SENSORS = 3
#: Percent, over all phases with all sensors, of windows within one activity; guessing gives 1.8.
#: A phase alone holds one or two activities: too few to judge by.
ACCURACY = 60.0


def accuracy(run: Run, entries: Sequence[SkeletonEntry]) -> float | None:
    """Percent of right answers among windows that lie within one activity; None without any."""
    judged = [
        entry.class_id == run.truth[entry.stamp_ns].activity
        for entry in entries
        if entry.stamp_ns in run.truth and run.truth[entry.stamp_ns].activity >= 0
    ]
    return round(100 * sum(judged) / len(judged), 2) if judged else None


def phase_summary(run: Run, span: Span) -> dict[str, Any]:
    """One phase; `rate_hz` counts from the moment that a stream is LIVE (`live_s`)."""
    entries = run.skeletons_in(span)
    live_ns = live_from_ns(run, span)
    live_s, begin_ns = (span.end_ns - live_ns) / 1e9, run.spans[0].start_ns
    counted = [entry for entry in entries if entry.received_ns >= live_ns]
    return {
        "name": span.name,
        "start_s": round((span.start_ns - begin_ns) / 1e9, 3),
        "end_s": round((span.end_ns - begin_ns) / 1e9, 3),
        "available": list(span.available),
        "estimates": len(entries),
        "rate_hz": round(len(counted) / live_s, 3) if live_s > 0 else 0.0,
        "accuracy": accuracy(run, entries),
        "latency_ms": percentiles([entry.latency_ms for entry in entries]),
        "weights": mean_weights(entries),
        "live_s": round(live_s, 3),
    }


def summarise_activity(run: Run, stale_after_s: float) -> dict[str, Any]:
    """The summary of a run, ready for JSON."""
    scripted = [entry for span in run.spans for entry in run.skeletons_in(span)]
    full = [span for span in run.spans if len(span.available) == SENSORS]
    whole = [entry for span in full for entry in run.skeletons_in(span)]
    return {
        "schema": SCHEMA,
        "task": "activity",
        "synthetic": True,
        "hop_s": round(1.0 / run.session["rate_hz"], 3),
        "phases": [phase_summary(run, span) for span in run.spans],
        "latency_ms": percentiles([entry.latency_ms for entry in scripted]),
        "lost_stream_detected_s": rounded(demo_faults.lost_stream_detected_s(run)),
        "recovered_s": demo_faults.recovered_s(run),
        "frames": frame_counters(run),
        "accuracy": accuracy(run, scripted),
        "accuracy_all_sensors": accuracy(run, whole),
        "silence": {
            "skeletons_after_stale": demo_faults.silent_skeletons(run, stale_after_s),
            "error_reported_s": demo_faults.silence_reported_s(run),
        },
        "bad_frames": demo_faults.bad_frames(run),
        "unmatched_estimates": sum(e.stamp_ns not in run.truth for e in run.skeletons),
        "simulator": simulator_summary(run),
    }


def activity_bounds(summary: Mapping[str, Any]) -> list[Bound]:
    """Every bound of the demo, on a summary complete with start and memory."""
    bounds = [b for phase in summary["phases"] for b in _phase_bounds(phase, summary["hop_s"])]
    bounds.append(at_least("all sensors: accuracy", summary["accuracy_all_sensors"], ACCURACY, "%"))
    bounds += _fault_bounds(summary)
    memory = summary["memory"]
    bounds.append(
        at_most("start to first estimate", summary["start_to_first_estimate_s"], START_S + 5, "s")
    )
    bounds.append(at_most("fusion process, resident", memory["peak_mb"], MEMORY_MB, "MB"))
    if memory["growth"] is not None:
        bounds.append(at_most("fusion process, growth", memory["growth"], GROWTH))
    bounds.append(at_most("estimates of no known instant", summary["unmatched_estimates"], 0))
    return bounds


def _phase_bounds(phase: Mapping[str, Any], hop_s: float) -> Iterator[Bound]:
    if not phase["available"]:
        return
    name = phase["name"]
    yield at_least(f"{name}: activities", phase["rate_hz"], round(RATE_SHARE / hop_s, 3), "1/s")
    for share, value in phase["latency_ms"].items():
        yield at_most(f"{name}: latency {share}", value, LATENCY_MS, "ms")


def _fault_bounds(summary: Mapping[str, Any]) -> Iterator[Bound]:
    for name, seconds in summary["lost_stream_detected_s"].items():
        yield at_most(f"{name} lost, reported after", seconds, DETECTION_S, "s")
    if any(not phase["available"] for phase in summary["phases"]):
        silence = summary["silence"]
        yield at_most("all silent: activities once stale", silence["skeletons_after_stale"], 0)
        yield at_most("all silent: ERROR after", silence["error_reported_s"], DETECTION_S, "s")
        yield at_most("all silent: first activity after", summary["recovered_s"], RECOVERY_S, "s")
    for name, facts in summary["bad_frames"].items():
        yield at_most(f"{name} bad, recognised after", facts["recognised_s"], DETECTION_S, "s")
        yield at_most(f"{name} bad, used once recognised", facts["used_after"], 0)
