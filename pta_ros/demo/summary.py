"""The facts of a recorded demo, per phase and as a whole, as plain JSON values.

Times are seconds; None means that something never happened or could not be measured.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.demo.accuracy import METRIC, expected, scores
from pta_ros.demo.crowd import of_people, presence
from pta_ros.demo.records import Estimate, Joints, Run, Span

SCHEMA = 2
#: The state that a stream must be reported in, by the fault that its sensor has.
EXPECTED = {"silent": ("STALE",), "corrupt": ("CORRUPT",), "frozen": ("STALE", "CORRUPT")}
_ERROR = 2  # the diagnostics' level

#: Per phase the error (mm) that the model has offline, by the index of the tick.
Reference = Mapping[str, Mapping[int, float]]
_T = TypeVar("_T")


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Median and 99th percentile, rounded to 0.01."""
    if not len(values):
        return {"p50": None, "p99": None}
    p50, p99 = np.percentile(values, (50, 99))
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def _mean(values: NDArray[np.floating]) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 2) if len(known) else None


def _since(begin_ns: int, end_ns: int | None) -> float | None:
    return None if end_ns is None else round((end_ns - begin_ns) / 1e9, 4)


def _first(
    accounts: Iterable[tuple[int, _T]], span_ns: tuple[int, int], wanted: Collection[_T]
) -> tuple[int | None, _T | None]:
    """When the first wanted value was received after a time, and the value; Nones when never.

    After the end of `span_ns`, the first account of another value ends the search: only what is
    received later than it was sent still belongs to the span.
    """
    begin_ns, end_ns = span_ns
    for received_ns, value in accounts:
        if received_ns > begin_ns and value in wanted:
            return received_ns, value
        if received_ns > end_ns:
            break
    return None, None


def failing(run: Run, span: Span) -> dict[str, dict[str, Any]]:
    """Every stream whose fault begins with the phase: when it was noticed, and its misuse.

    `noticed_s` counts from the last good stamp (from the begin of corrupt data) to the first
    account of the state that the fault calls for. `used` are the phase's estimates with a frame of
    the stream, `used_after` those of an instant after it was noticed.
    """
    before, found = run.before(span), {}
    for modality, fault in span.faults.items():
        if before is None or fault == "none" or before.faults[modality] != "none":
            continue
        begin_ns = span.start_ns if fault == "corrupt" else before.ticks[-1].stamp_ns
        healed = (s.start_ns for s in run.spans if s.faults[modality] != fault)
        end_ns = next((t for t in healed if t > span.start_ns), run.spans[-1].end_ns)
        noticed_ns, state = _first(run.states_of(modality), (begin_ns, end_ns), EXPECTED[fault])
        used = [e for e in run.within(span) if modality in e.used and e.stamp_ns > span.start_ns]
        after = [e for e in used if noticed_ns is not None and e.stamp_ns > noticed_ns]
        found[modality] = {
            "fault": fault,
            "state": state,
            "noticed_s": _since(begin_ns, noticed_ns),
            "used": len(used),
            "used_after": len(after),
        }
    return found


def silence(run: Run, span: Span) -> dict[str, Any] | None:
    """How a phase went in which no sensor sends good data; None for the other phases.

    `error_s` is from the last stamp before it to the diagnostics' ERROR, `held` whether it lasted,
    `estimates` how many are of an instant after the ERROR, `recovered_s` from the first tick after
    it to the first estimate that came.
    """
    if span.available:
        return None
    before = run.before(span)
    last_ns = before.ticks[-1].stamp_ns if before else span.start_ns
    levels = [(report.received_ns, report.level) for report in run.reports]
    error_ns, _ = _first(levels, (last_ns, span.end_ns), (_ERROR,))
    after = [] if error_ns is None else [e for e in run.within(span) if e.stamp_ns > error_ns]
    then = next((s for s in run.spans if s.available and s.start_ns >= span.end_ns), span)
    came_ns = min((e.received_ns for e in run.within(then) if then is not span), default=None)
    return {
        "error_s": _since(last_ns, error_ns),
        "held": all(lv == _ERROR for t, lv in levels if error_ns and error_ns < t < span.end_ns),
        "estimates": len(after),
        "recovered_s": came_ns and _since(then.start_ns, came_ns),
    }


def _live_from_ns(run: Run, span: Span) -> int:
    """When the phase's first stream was LIVE: its start, or later when all was silent before."""
    before = run.before(span)
    if before is None or before.available or not span.available:
        return span.start_ns
    accounts = [(t, any(s.state == "LIVE" for s in streams.values())) for t, streams in run.states]
    live_ns, _ = _first(accounts, (span.start_ns, span.end_ns), (True,))
    return min(live_ns or span.end_ns, span.end_ns)


def _weights(estimates: Sequence[Estimate]) -> dict[str, float]:
    """Mean share of every stream over the estimates; an unused stream counts 0."""
    names = sorted({name for e in estimates for name in e.streams})
    shares = {n: [e.streams[n].weight for e in estimates if n in e.streams] for n in names}
    return {name: round(float(np.mean(values)), 4) for name, values in shares.items()}


def compare(run: Run, span: Span, reference: Mapping[int, float]) -> dict[str, Any]:
    """The phase's error beside the reference's (mm), on the expected instants that both have."""
    judged = expected(run, span)
    pairs = [
        (error, reference[run.truth[e.stamp_ns].index])
        for e, error in zip(judged, scores(run, judged), strict=True)
        if e.stamp_ns in run.truth and run.truth[e.stamp_ns].index in reference
    ]
    if not pairs:
        return {"instants": 0, "live_mm": None, "without_it_mm": None, "ratio": None}
    live, offline = (float(mean) for mean in np.mean(pairs, axis=0))
    rounded = {"live_mm": round(live, 2), "without_it_mm": round(offline, 2)}
    return {"instants": len(pairs), **rounded, "ratio": round(live / offline, 4)}


def phase_summary(
    run: Run, span: Span, mean_pose_m: Joints | None = None, reference: Reference | None = None
) -> dict[str, Any]:
    """One phase; `rate_hz` counts from the moment that a stream is LIVE.

    `expected` counts the estimates from exactly the sensors that sent good data: errors are theirs.
    """
    estimates, judged = run.within(span), expected(run, span)
    live_ns = _live_from_ns(run, span)
    live_s = (span.end_ns - live_ns) / 1e9
    # An activity's window may end before its stream is LIVE, and then counts to the silence.
    counted = [e for e in estimates if e.received_ns >= live_ns or run.task != "activity"]
    start_s, end_s = (round(float(t), 3) for t in run.seconds([span.start_ns, span.end_ns]))
    found = {
        "name": span.name,
        "start_s": start_s,
        "end_s": end_s,
        "available": list(span.available),
        "sent": len(span.ticks),
        "late_ms": percentiles([tick.late_ms for tick in span.ticks])["p50"],
        "estimates": len(estimates),
        "predicted": sum(span.start_ns <= e.stamp_ns < span.end_ns for e in run.predicted),
        "expected": len(judged),
        "rate_hz": round(len(counted) / live_s, 3) if live_s > 0 else 0.0,
        "latency_ms": percentiles([e.latency_ms for e in estimates]),
        "weights": _weights(estimates),
        "failing": failing(run, span),
        "silence": silence(run, span),
        METRIC[run.task]: _mean(scores(run, judged)),
    }
    if run.task == "people":
        found["people"] = of_people(run, judged) | presence(run, span)
    if mean_pose_m is not None:
        found["mean_pose_mpjpe_mm"] = _mean(scores(run, judged, mean_pose_m))
    if reference and span.name in reference:
        found["reference"] = compare(run, span, reference[span.name])
    return found


def summarise(
    run: Run, mean_pose_m: Joints | None = None, reference: Reference | None = None
) -> dict[str, Any]:
    """The summary of a run, ready for JSON; `reference` as made by demo.reference."""
    scripted = [e for span in run.spans for e in run.within(span)]
    judged = [e for span in run.spans for e in expected(run, span)]
    values = scores(run, judged)
    return {
        "schema": SCHEMA,
        "task": run.task,
        "synthetic": True,
        "phases": [phase_summary(run, span, mean_pose_m, reference) for span in run.spans],
        "latency_ms": percentiles([e.latency_ms for e in scripted]),
        "frames": run.counters(),
        "judged": int(np.isfinite(values).sum()),
        METRIC[run.task]: _mean(values),
        "unmatched_estimates": sum(e.stamp_ns not in run.truth for e in run.estimates),
        "simulator": simulator_summary(run),
        **({"people": of_people(run, judged)} if run.task == "people" else {}),
    }


def simulator_summary(run: Run) -> dict[str, Any]:
    """What was simulated and whether the simulator kept its own pace."""
    session = {n: run.session.get(n) for n in ("seed", "subject", "scene", "rate_hz")}
    elapsed_s = (run.spans[-1].end_ns - run.spans[0].start_ns) / 1e9 if run.spans else 0.0
    return {
        **session,
        "render_ms": percentiles([tick.render_ms for tick in run.scripted]),
        "late_ms": percentiles([tick.late_ms for tick in run.scripted]),
        "kept_rate_hz": round(len(run.scripted) / elapsed_s, 3) if elapsed_s else 0.0,
    }
