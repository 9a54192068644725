"""How the fusion met the scripted faults: detection, misuse of bad frames, silence, recovery.

Times are seconds; None means that it never happened.
"""

from __future__ import annotations

from itertools import pairwise

from pta_ros.demo.records import Run, Span

_FAULTY = ("silent", "frozen", "garbage")


def transitions(run: Run) -> list[tuple[Span, Span, str, str]]:
    """(phase before, phase, modality, fault) wherever a good stream begins to fail."""
    return [
        (before, span, modality, fault)
        for before, span in pairwise(run.spans)
        for modality, fault in span.ticks[0].faults.items()
        if fault in _FAULTY and before.ticks[0].faults[modality] == "none"
    ]


def first_not_live_ns(run: Run, modality: str, since_ns: int, until_ns: int) -> int | None:
    """When the first account in (since, until] came that says the stream is not LIVE."""
    for received_ns, streams in run.states:
        inside = since_ns < received_ns <= until_ns and modality in streams
        if inside and streams[modality].state != "LIVE":
            return received_ns
    return None


def lost_stream_detected_s(run: Run) -> dict[str, float | None]:
    """From a stream's last good stamp to the first account that says it is not LIVE.

    Keys are "<phase>: <modality>", one for every stream that falls silent or freezes.
    """
    found: dict[str, float | None] = {}
    for before, span, modality, fault in transitions(run):
        if fault != "garbage":
            last_ns = before.ticks[-1].stamp_ns
            seen_ns = first_not_live_ns(run, modality, last_ns, span.end_ns)
            found[f"{span.name}: {modality}"] = _seconds(last_ns, seen_ns)
    return found


def _seconds(since_ns: int, until_ns: int | None) -> float | None:
    return None if until_ns is None else (until_ns - since_ns) / 1e9


def bad_frames(run: Run) -> dict[str, dict[str, float | None]]:
    """Of every garbage or frozen stream: when it was recognised and how often it was misused.

    `recognised_s`: from the first bad frame's tick to the first account that the stream is not
    LIVE. `used` counts the estimates of the phase that used a bad frame, `used_after` those that
    arrived after the recognition. A frozen stream's bad frame is its last good one, used for a
    later instant. Keys are "<phase>: <modality>".
    """
    found: dict[str, dict[str, float | None]] = {}
    for _, span, modality, fault in transitions(run):
        if fault == "silent":
            continue
        seen_ns = first_not_live_ns(run, modality, span.start_ns, span.end_ns)
        misused = [s for s in run.skeletons_in(span) if s.streams[modality].used_ns]
        if fault == "garbage":
            stamps = {tick.stamp_ns for tick in span.ticks}
            misused = [s for s in misused if s.streams[modality].used_ns in stamps]
        after = [s for s in misused if seen_ns is not None and s.received_ns > seen_ns]
        found[f"{span.name}: {modality}"] = {
            "recognised_s": _seconds(span.start_ns, seen_ns),
            "used": len(misused),
            "used_after": len(after),
        }
    return found


def silences(run: Run) -> list[tuple[Span, Span, Span]]:
    """(phase before, silent phase, phase after) wherever every stream is silent in between."""
    triples = zip(run.spans, run.spans[1:], run.spans[2:], strict=False)
    return [t for t in triples if not t[1].available and t[0].available and t[2].available]


def recovered_s(run: Run) -> float | None:
    """The longest time from the first tick after a silence to the first skeleton that came."""
    waits = []
    for _, _, after in silences(run):
        since = after.start_ns
        came = [s.received_ns for s in run.skeletons_in(after)]
        waits.append((min(came) - since) / 1e9 if came else float("inf"))
    return max(waits) if waits and max(waits) < float("inf") else None


def silent_skeletons(run: Run, stale_after_s: float) -> int:
    """Skeletons that arrived in a silence although every stream had to be STALE by then."""
    return sum(
        before.ticks[-1].stamp_ns + stale_after_s * 1e9 < s.received_ns < after.start_ns
        for before, _, after in silences(run)
        for s in run.skeletons
    )


def silence_reported_s(run: Run) -> float | None:
    """The longest time from the last stamp before a silence to the diagnostics' ERROR.

    None when some silence was never reported, or when an ERROR was taken back within it.
    """
    waits = []
    for before, _, after in silences(run):
        last_ns = before.ticks[-1].stamp_ns
        reports = [r for r in run.reports if last_ns < r.received_ns < after.start_ns]
        errors = [r.received_ns for r in reports if r.level == 2]
        if not errors or any(r.level != 2 for r in reports if r.received_ns > errors[0]):
            return None
        waits.append((errors[0] - last_ns) / 1e9)
    return max(waits, default=None)
