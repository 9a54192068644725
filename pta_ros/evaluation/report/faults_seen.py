"""What each fault of a plan did: when its sensor left LIVE and came back, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.report.scores import Judged, Mask, Scored, changed_percent, shift_mm
from pta_ros.evaluation.report.states import LIVE, Span, duration_s, inside, spans, window


@dataclass(frozen=True)
class FaultSeen:
    """One fault, from `begin_s` to `end_s` after the bag's begin, and what came of it.

    `state` is the first state other than LIVE inside the window, `left_after_s` how long after the
    begin it came; None when the stream stayed LIVE. `back_after_s` is how long after the end it was
    LIVE again, None when it never was. `out_s` counts the seconds not LIVE up to then.
    `outlasts`: the bag ends before the fault does.
    `used` is the share of the window's estimates that used the sensor, `weight` its mean weight in
    those, `free_weight` the same without the fault. Errors are means over the estimates that look
    into the window, as are `shift_mm` (poses) and `changed_percent` (activities).
    """

    kind: str
    modality: str
    begin_s: float
    end_s: float
    strength: float
    state: str | None
    reason: str
    left_after_s: float | None
    back_after_s: float | None
    out_s: float
    outlasts: bool
    used: float | None
    weight: float | None
    free_weight: float | None
    errors: Judged | None
    free: Judged | None
    dropped: Judged | None
    shift_mm: float | None
    changed_percent: float | None


def look(fault: Fault, run: Scored, free: Scored, dropped: Scored | None) -> FaultSeen:
    """Follow one fault through a replay, beside the fault-free one and the one without sensor."""
    begin, end = window(run.run, fault)
    outlasts = fault.end_s >= duration_s(run.run)
    listed = spans(run.run, fault.modality)
    out = [s for s in listed if s.state != LIVE and s.begin_s < end and s.end_s > begin]
    chosen = inside(run.run, [fault], run.seconds)
    free_chosen = inside(free.run, [fault], free.seconds)
    used, weight = _use(run, fault.modality, chosen)
    return FaultSeen(
        kind=fault.kind,
        modality=fault.modality,
        begin_s=begin,
        end_s=end,
        strength=fault.strength,
        state=out[0].state if out else None,
        reason=out[0].reason if out else "",
        left_after_s=max(0.0, out[0].begin_s - begin) if out else None,
        back_after_s=_back(listed, end, outlasts),
        out_s=sum(s.end_s - max(s.begin_s, begin) for s in out),
        outlasts=outlasts,
        used=used,
        weight=weight,
        free_weight=_use(free, fault.modality, free_chosen)[1],
        errors=run.errors(chosen),
        free=free.errors(free_chosen),
        dropped=dropped.errors(inside(dropped.run, [fault], dropped.seconds)) if dropped else None,
        shift_mm=shift_mm(run, free, chosen),
        changed_percent=changed_percent(run, free, chosen),
    )


def _back(listed: list[Span], end_s: float, outlasts: bool) -> float | None:
    """Seconds from the fault's end until the stream is LIVE, None when it never is."""
    if outlasts:
        return 0.0 if listed[-1].state == LIVE else None
    live = [max(0.0, s.begin_s - end_s) for s in listed if s.state == LIVE and s.end_s > end_s]
    return live[0] if live else None


def _use(scored: Scored, modality: str, chosen: Mask) -> tuple[float | None, float | None]:
    """Share of the chosen estimates that use a sensor, and its mean weight in those."""
    run = scored.run
    if modality not in run.modalities or not chosen.any():
        return None, None
    column = run.modalities.index(modality)
    used = run.used[chosen, column]
    weight = float(np.mean(run.weights[chosen, column][used])) if used.any() else None
    return float(used.mean()), weight
