"""Everything the report says of one replay, worked out from its arrays and free of layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.report import scores
from pta_ros.evaluation.report.delivery import no_estimate, undelivered
from pta_ros.evaluation.report.followed import followed
from pta_ros.evaluation.report.scores import LIVE, Judged, Mask, Scored, inside
from pta_ros.evaluation.report.seen import FaultSeen, Measured, SensorSeen, SubsetSeen
from pta_ros.frames import FloatArray
from pta_ros.metrics.pose import bone_variation, jitter
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.skeleton import BONES, JOINT_NAMES

#: Counts of a sensor's messages.
COUNTS = ("received", "lost", "corrupt", "dropped", "restamped")
#: Stages that the stage `infer` is made of: they do not add to the whole.
_PARTS = ("encode", "model")
_BONE_NAMES = [f"{JOINT_NAMES[a]}-{JOINT_NAMES[b]}" for a, b in BONES]

#: Stage -> p50 and p95 in ms.
Stages = dict[str, dict[str, float]]


def measure(run: Scored, free: Scored, dropped: Scored | None = None) -> Measured:
    """Measure one replay beside the fault-free one (which may be itself) and its reference."""
    replay, truth = run.run, run.run.truth_m[run.known]
    faulty, length = bool(replay.faults), scores.duration_s(replay)
    chosen, free_chosen = (inside(s.run, replay.faults, s.seconds) for s in (run, free))
    everything = np.ones(len(run.seconds), np.bool_)
    return Measured(
        name=replay.name,
        duration_s=length,
        estimates=len(run.seconds),
        rate_hz=len(run.seconds) / length if length > 0 else 0.0,
        silent_s=scores.silent_s(run.seconds, length),
        sensors=tuple(_sensor(replay, name) for name in replay.modalities),
        faults=tuple(fault_seen(fault, run, free, dropped) for fault in replay.faults),
        whole=run.errors(),
        window=run.errors(chosen) if faulty else None,
        free=free.errors(free_chosen) if faulty else None,
        dropped=_errors_inside(dropped, replay.faults),
        shift_mm=shift_mm(run, free, chosen) if faulty else None,
        changed_percent=changed_percent(run, free, chosen) if faulty else None,
        label_changes=scores.label_changes(run),
        true_changes=scores.true_changes(replay),
        undelivered=undelivered(replay),
        no_estimate=no_estimate(replay),
        subsets=_subsets(run),
        joints_mm=_named(JOINT_NAMES, run.joint_errors_mm(chosen if faulty else everything)),
        free_joints_mm=_named(JOINT_NAMES, free.joint_errors_mm(free_chosen)) if faulty else None,
        jitter=_named(JOINT_NAMES, jitter(run.seconds, replay.joints_m)),
        truth_jitter=_named(JOINT_NAMES, jitter(run.seconds[run.known], truth)),
        bones_percent=None
        if replay.task != "pose"
        else _named(_BONE_NAMES, 100.0 * bone_variation(replay.joints_m)),
        followed=followed(run),
    )


def fault_seen(fault: Fault, run: Scored, free: Scored, dropped: Scored | None) -> FaultSeen:
    """Follow one fault through a replay, beside the fault-free one and the one without sensor."""
    begin, end = scores.window(run.run, fault)
    outlasts = fault.end_s >= scores.duration_s(run.run)
    listed = scores.spans(run.run, fault.modality)
    out = [s for s in listed if s.state != LIVE and s.begin_s < end and s.end_s > begin]
    chosen = inside(run.run, [fault], run.seconds)
    used, weight = _use(run.run, fault.modality, chosen)
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
        free_weight=_use(free.run, fault.modality, inside(free.run, [fault], free.seconds))[1],
        errors=run.errors(chosen),
        free=_errors_inside(free, [fault]),
        dropped=_errors_inside(dropped, [fault]),
        shift_mm=shift_mm(run, free, chosen),
        changed_percent=changed_percent(run, free, chosen),
    )


def shift_mm(scored: Scored, free: Scored, chosen: Mask) -> float | None:
    """Mean distance (mm) of the joints from those of the fault-free replay at the same moments.

    It says what a fault does where nothing says what is true. None without common moments.
    """
    own, rows = scores.same_moments(scored, free, chosen)
    if not len(own) or scored.run.task != "pose":
        return None
    moved = scored.run.joints_m[own] - free.run.joints_m[rows]
    return 1e3 * float(np.linalg.norm(moved, axis=-1).mean())


def changed_percent(scored: Scored, free: Scored, chosen: Mask) -> float | None:
    """Share (percent) of answers unlike those of the fault-free replay at the same moments.

    An answer is an activity, or how many people there are.
    """
    own, rows = scores.same_moments(scored, free, chosen)
    told, before = _answers(scored.run), _answers(free.run)
    if not len(own) or told is None or before is None:
        return None
    return 100.0 * float(np.mean(told[own] != before[rows]))


def _answers(run: Replayed) -> NDArray[np.int64] | None:
    """What is told in each estimate, (N,), if it can be counted."""
    if run.people is not None:
        return run.people.counts
    return run.class_id if run.classes else None


def stages_ms(run: Replayed) -> Stages:
    """Median and 95th percentile (ms) of every stage that was timed, `all` being their sum."""
    timed = {stage: times for stage, times in run.timings_ms.items() if len(times)}
    summed = [
        times for stage, times in timed.items() if stage not in _PARTS or "infer" not in timed
    ]
    if summed and "all" not in timed:
        timed = {**timed, "all": np.sum(summed, axis=0)}
    return {
        stage: {"p50": float(np.median(times)), "p95": float(np.percentile(times, 95))}
        for stage, times in timed.items()
    }


def _errors_inside(scored: Scored | None, faults: Sequence[Fault]) -> Judged | None:
    return scored.errors(inside(scored.run, faults, scored.seconds)) if scored else None


def _back(listed: list[scores.Span], end_s: float, outlasts: bool) -> float | None:
    """Seconds from the fault's end until the stream is LIVE, None when it never is."""
    if outlasts:
        return 0.0 if listed[-1].state == LIVE else None
    live = [max(0.0, s.begin_s - end_s) for s in listed if s.state == LIVE and s.end_s > end_s]
    return live[0] if live else None


def _use(run: Replayed, modality: str, chosen: Mask) -> tuple[float | None, float | None]:
    """Share of the chosen estimates with a frame of a sensor, and its mean weight in those."""
    if modality not in run.modalities or not chosen.any():
        return None, None
    column = run.modalities.index(modality)
    used = run.used[chosen, column]
    weight = float(np.mean(run.weights[chosen, column][used])) if used.any() else None
    return float(used.mean()), weight


def _sensor(run: Replayed, modality: str) -> SensorSeen:
    used, weight = _use(run, modality, np.ones(len(run.stamp_ns), np.bool_))
    listed = scores.seconds_in(scores.spans(run, modality))
    at_end = [status for status in run.statuses if status.modality == modality]
    return SensorSeen(
        modality=modality,
        availability=listed[LIVE] / max(sum(listed.values()), 1e-9),
        state_s=listed,
        used=used or 0.0,
        weight=weight,
        **{name: sum(getattr(status, name) for status in at_end) for name in COUNTS},
    )


def _subsets(run: Scored) -> tuple[SubsetSeen, ...]:
    """The subsets that were used, smallest first."""
    replay, found = run.run, []
    for subset in subsets(replay.modalities):
        wanted = np.array([name in subset for name in replay.modalities])
        chosen: Mask = (replay.used == wanted).all(axis=1)
        if chosen.any():
            found.append(SubsetSeen(subset_name(subset), int(chosen.sum()), run.errors(chosen)))
    return tuple(found)


def _named(names: Sequence[str], values: FloatArray | None) -> dict[str, float] | None:
    """Values by name; None where there are none or one is not finite."""
    if values is None or not values.size or not np.isfinite(values).all():
        return None
    return dict(zip(names, values.tolist(), strict=True))
