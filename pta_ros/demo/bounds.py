"""The bounds that a demo must keep, checked on its summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pta_ros.metrics.bound import Bound, at_least, at_most

RATE_HZ = 9.5
LATENCY_MS = {"p50": 25.0, "p99": 60.0}
DETECTION_S = 0.4  # stale_after (0.3 s) + 0.1 s
RECOVERY_S = 0.5
BAD_FRAME_RATIO = 1.05
MPJPE_MM = 60.0
CSI_SHARE = 0.75  # of the mean-pose predictor's error
START_S = 10.0
MEMORY_MB = 1500.0
GROWTH = 0.02


def _phase_bounds(phase: Mapping[str, Any]) -> Iterator[Bound]:
    name = phase["name"]
    if not phase["available"]:
        return
    yield at_least(f"{name}: estimates", phase["rate_hz"], RATE_HZ, "1/s")
    for share, limit in LATENCY_MS.items():
        yield at_most(f"{name}: latency {share}", phase["latency_ms"][share], limit, "ms")


def _error_bounds(phases: Iterable[Mapping[str, Any]]) -> Iterator[Bound]:
    for phase in phases:
        if len(phase["available"]) == 3:
            yield at_most(f"{phase['name']}: MPJPE", phase["mpjpe_mm"], MPJPE_MM, "mm")
        if phase["available"] == ["csi"]:
            limit = CSI_SHARE * (phase["mean_pose_mpjpe_mm"] or 0.0)
            name = f"{phase['name']}: MPJPE, {CSI_SHARE} of the mean pose's"
            yield at_most(name, phase["mpjpe_mm"], round(limit, 2), "mm")


def _fault_bounds(summary: Mapping[str, Any]) -> Iterator[Bound]:
    for name, seconds in summary["lost_stream_detected_s"].items():
        yield at_most(f"{name} lost, reported after", seconds, DETECTION_S, "s")
    if any(not phase["available"] for phase in summary["phases"]):
        silence = summary["silence"]
        yield at_most("all silent: skeletons once stale", silence["skeletons_after_stale"], 0)
        yield at_most("all silent: ERROR after", silence["error_reported_s"], DETECTION_S, "s")
        yield at_most("all silent: first skeleton after", summary["recovered_s"], RECOVERY_S, "s")
    for name, facts in summary["bad_frames"].items():
        yield at_most(f"{name} bad, recognised after", facts["recognised_s"], DETECTION_S, "s")
        yield at_most(f"{name} bad, used once recognised", facts["used_after"], 0)
    for name, pair in summary["reference"].items():
        yield at_most(f"{name}: error to the same without it", pair["ratio"], BAD_FRAME_RATIO)


def demo_bounds(summary: Mapping[str, Any]) -> list[Bound]:
    """Every bound of the demo, on a summary complete with start and memory."""
    bounds = [b for phase in summary["phases"] for b in _phase_bounds(phase)]
    bounds += _error_bounds(summary["phases"])
    bounds += _fault_bounds(summary)
    bounds.append(
        at_most("start to first estimate", summary["start_to_first_estimate_s"], START_S, "s")
    )
    bounds.append(
        at_most("fusion process, resident", summary["memory"]["peak_mb"], MEMORY_MB, "MB")
    )
    bounds.append(at_most("estimates of no known instant", summary["unmatched_estimates"], 0))
    return bounds


def growth(samples: Iterable[tuple[float, float]], warm_up_s: float = 60.0) -> float | None:
    """Relative growth of memory (time s, MB): the last minute's median over the first's, minus 1.

    The first minute counts from `warm_up_s`; None when the samples do not span three minutes.
    """
    points = list(samples)
    if not points or points[-1][0] < warm_up_s + 120.0:
        return None
    first = sorted(mb for t, mb in points if warm_up_s <= t < warm_up_s + 60.0)
    last = sorted(mb for t, mb in points if t > points[-1][0] - 60.0)
    return last[len(last) // 2] / first[len(first) // 2] - 1.0 if first else None
