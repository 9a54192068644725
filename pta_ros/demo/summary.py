"""The demo's summary: what a recorded run says per phase and as a whole, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.demo import faults as demo_faults
from pta_ros.demo.records import Run, SkeletonEntry, Span
from pta_ros.metrics.pose import mpjpe

SCHEMA = 1
_COUNTERS = ("received", "used", "dropped", "corrupt")

#: Per phase the mean error (mm) that the model has offline, on chosen streams and tick indices.
Reference = Mapping[str, Mapping[int, float]]


def errors_mm(run: Run, skeletons: Sequence[SkeletonEntry]) -> NDArray[np.float64]:
    """MPJPE (mm) of every estimate against the truth at its own stamp; NaN where there is none."""
    errors = np.full(len(skeletons), np.nan)
    for i, entry in enumerate(skeletons):
        tick = run.truth.get(entry.stamp_ns)
        if tick is not None:
            errors[i] = 1e3 * mpjpe(entry.joints_m[None], tick.joints_m[None])[0]
    return errors


def mean_pose_errors_mm(
    run: Run, skeletons: Sequence[SkeletonEntry], mean_pose_m: NDArray[np.floating]
) -> NDArray[np.float64]:
    """MPJPE (mm) of the training set's mean pose (17, 3) at the estimates' instants."""
    ticks = [run.truth[s.stamp_ns] for s in skeletons if s.stamp_ns in run.truth]
    errors = [1e3 * float(mpjpe(mean_pose_m[None], t.joints_m[None])[0]) for t in ticks]
    return np.asarray(errors, dtype=np.float64)


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Median and 99th percentile, rounded to 0.01."""
    if not len(values):
        return {"p50": None, "p99": None}
    p50, p99 = np.percentile(values, (50, 99))
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def _mean(values: NDArray[np.floating]) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 2) if len(known) else None


def live_from_ns(run: Run, span: Span) -> int:
    """When the phase's first stream was LIVE: its start, or later when all was silent before."""
    position = run.spans.index(span)
    if position == 0 or run.spans[position - 1].available or not span.available:
        return span.start_ns
    for received_ns, streams in run.states:
        live = any(entry.state == "LIVE" for entry in streams.values())
        if span.start_ns <= received_ns < span.end_ns and live:
            return received_ns
    return span.end_ns


def mean_weights(skeletons: Sequence[SkeletonEntry]) -> dict[str, float]:
    """Mean share of every stream over the estimates; an unused stream counts 0."""
    names = sorted({name for s in skeletons for name in s.streams})
    shares = {n: [s.streams[n].weight for s in skeletons if n in s.streams] for n in names}
    return {name: round(float(np.mean(values)), 4) for name, values in shares.items()}


def phase_summary(run: Run, span: Span, mean_pose_m: NDArray[np.floating]) -> dict[str, Any]:
    """One phase; `rate_hz` counts from the moment that a stream is LIVE (`live_s`)."""
    skeletons = run.skeletons_in(span)
    live_s = (span.end_ns - live_from_ns(run, span)) / 1e9
    begin_ns = run.spans[0].start_ns
    return {
        "name": span.name,
        "start_s": round((span.start_ns - begin_ns) / 1e9, 3),
        "end_s": round((span.end_ns - begin_ns) / 1e9, 3),
        "available": list(span.available),
        "estimates": len(skeletons),
        "rate_hz": round(len(skeletons) / live_s, 3) if live_s > 0 else 0.0,
        "mpjpe_mm": _mean(errors_mm(run, skeletons)),
        "latency_ms": percentiles([s.latency_ms for s in skeletons]),
        "weights": mean_weights(skeletons),
        "mean_pose_mpjpe_mm": _mean(mean_pose_errors_mm(run, skeletons, mean_pose_m)),
        "live_s": round(live_s, 3),
    }


def frame_counters(run: Run) -> dict[str, dict[str, int]]:
    """The fusion node's own counters at the end, since it was activated."""
    last: dict[str, dict[str, int]] = {}
    for _, streams in run.states:
        for name, entry in streams.items():
            known = last.setdefault(name, dict.fromkeys(_COUNTERS, 0))
            for counter in _COUNTERS:
                known[counter] = max(known[counter], entry.counters.get(counter, 0))
    return last


def compare(run: Run, span: Span, reference: Mapping[int, float]) -> dict[str, float | None]:
    """Live error of a phase beside the reference's, in mm, on the instants that both have."""
    skeletons = run.skeletons_in(span)
    pairs = [
        (error, reference[run.truth[s.stamp_ns].index])
        for s, error in zip(skeletons, errors_mm(run, skeletons), strict=True)
        if s.stamp_ns in run.truth and run.truth[s.stamp_ns].index in reference
    ]
    if not pairs:
        return {"mpjpe_mm": None, "reference_mpjpe_mm": None, "ratio": None}
    live, offline = np.mean(pairs, axis=0)
    ratio = round(float(live / offline), 4)
    return {
        "mpjpe_mm": round(float(live), 2),
        "reference_mpjpe_mm": round(float(offline), 2),
        "ratio": ratio,
    }


def summarise(
    run: Run, mean_pose_m: NDArray[np.floating], reference: Reference, stale_after_s: float = 0.3
) -> dict[str, Any]:
    """The summary of a run, ready for JSON; `reference` as made by demo_reference."""
    scripted = [s for span in run.spans for s in run.skeletons_in(span)]
    return {
        "schema": SCHEMA,
        "synthetic": True,
        "phases": [phase_summary(run, span, mean_pose_m) for span in run.spans],
        "latency_ms": percentiles([s.latency_ms for s in scripted]),
        "lost_stream_detected_s": rounded(demo_faults.lost_stream_detected_s(run)),
        "recovered_s": _round(demo_faults.recovered_s(run)),
        "frames": frame_counters(run),
        "mean_pose_mpjpe_mm": _mean(mean_pose_errors_mm(run, scripted, mean_pose_m)),
        "mpjpe_mm": _mean(errors_mm(run, scripted)),
        "silence": {
            "skeletons_after_stale": demo_faults.silent_skeletons(run, stale_after_s),
            "error_reported_s": _round(demo_faults.silence_reported_s(run)),
        },
        "bad_frames": demo_faults.bad_frames(run),
        "reference": {
            s.name: compare(run, s, reference[s.name]) for s in run.spans if s.name in reference
        },
        "unmatched_estimates": sum(s.stamp_ns not in run.truth for s in run.skeletons),
        "simulator": simulator_summary(run),
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """The values rounded to 0.0001."""
    return {name: _round(value) for name, value in values.items()}


def simulator_summary(run: Run) -> dict[str, Any]:
    """What was simulated and whether the simulator kept its own pace."""
    scripted = [tick for tick in run.ticks if tick.phase is not None]
    session = {n: run.session.get(n) for n in ("seed", "subject", "scene", "rate_hz")}
    times = {
        "render_ms": percentiles([tick.render_ms for tick in scripted]),
        "late_ms": percentiles([tick.late_ms for tick in scripted]),
    }
    elapsed_s = (run.spans[-1].end_ns - run.spans[0].start_ns) / 1e9 if run.spans else 0.0
    kept = round(len(scripted) / elapsed_s, 3) if elapsed_s else 0.0
    return {**session, **times, "kept_rate_hz": kept}
