"""Everything the report says of one replay, worked out from its arrays and free of layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.report import motion
from pta_ros.evaluation.report.faults_seen import FaultSeen, look
from pta_ros.evaluation.report.scores import (
    Accuracy,
    Errors,
    Judged,
    Mask,
    Scored,
    changed_percent,
    shift_mm,
)
from pta_ros.evaluation.report.states import LIVE, duration_s, inside, seconds_in, spans
from pta_ros.frames import FloatArray
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.skeleton import BONES, JOINT_NAMES

#: A faulty sensor may cost this many times what it costs to do without the sensor.
LIMIT = 1.05
#: The same of activities: so many points of accuracy (percent) below doing without it.
LIMIT_POINTS = 5.0
#: Stages that the stage `infer` is made of: they do not add to the whole.
_PARTS = ("encode", "model")

#: Stage -> p50 and p95 in ms.
Stages = dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Case:
    """A replay to report, and the same with its one faulty sensor dropped instead, if run."""

    run: Replayed
    reference: Replayed | None = None


@dataclass(frozen=True)
class SensorSeen:
    """One sensor over a whole replay: `availability` is the share of time it was LIVE.

    `used` is the share of estimates it is in, `weight` its mean weight in those. Counts are of
    messages: `received`, `lost` on the way, `corrupt`, `dropped` as late, double or superseded.
    """

    modality: str
    availability: float
    state_s: dict[str, float]
    used: float
    weight: float | None
    received: int
    lost: int
    corrupt: int
    dropped: int


@dataclass(frozen=True)
class SubsetSeen:
    """Estimates made from one subset of the sensors."""

    name: str
    estimates: int
    errors: Judged | None


@dataclass(frozen=True)
class Measured:
    """One replay in numbers. Errors (of activities: accuracies) are None without ground truth.

    `whole` is over all estimates; `window`, `free` and `dropped` over those inside the windows of
    the faults: in this replay, in the fault-free one and in that without the sensor. Values per
    joint are of the windows where there are faults, of all else; `jitter` is RMS acceleration in
    m/s² per joint (`truth_jitter` that of the ground truth), `bones_percent` the coefficient of
    variation of each bone's length. A replay that is judged by its activities has no joints:
    `changed_percent` stands in place of `shift_mm`.
    """

    name: str
    duration_s: float
    estimates: int
    rate_hz: float
    silent_s: float
    sensors: tuple[SensorSeen, ...]
    faults: tuple[FaultSeen, ...]
    whole: Judged | None
    window: Judged | None
    free: Judged | None
    dropped: Judged | None
    shift_mm: float | None
    changed_percent: float | None
    subsets: tuple[SubsetSeen, ...]
    joints_mm: dict[str, float] | None
    free_joints_mm: dict[str, float] | None
    jitter: dict[str, float] | None
    truth_jitter: dict[str, float] | None
    bones_percent: dict[str, float] | None

    @property
    def ratio(self) -> float | None:
        """Error with the fault over error without the sensor; None when one is not known."""
        if not (isinstance(self.window, Errors) and isinstance(self.dropped, Errors)):
            return None
        return self.window.mpjpe_mm / self.dropped.mpjpe_mm if self.dropped.mpjpe_mm > 0 else None

    @property
    def gain_points(self) -> float | None:
        """Accuracy with the fault less that without the sensor; None when one is not known."""
        if not (isinstance(self.window, Accuracy) and isinstance(self.dropped, Accuracy)):
            return None
        return self.window.accuracy_percent - self.dropped.accuracy_percent

    @property
    def kept(self) -> bool | None:
        """Whether the ratio or the gain keeps its limit; None when there is neither."""
        if self.gain_points is not None:
            return self.gain_points >= -LIMIT_POINTS
        return None if self.ratio is None else self.ratio <= LIMIT

    @property
    def limit(self) -> float | None:
        """The limit that `kept` is about; None when there is nothing to hold against it."""
        if self.kept is None:
            return None
        return LIMIT if self.gain_points is None else LIMIT_POINTS


def measure(run: Scored, free: Scored, dropped: Scored | None = None) -> Measured:
    """Measure one replay beside the fault-free one (which may be itself) and its reference."""
    replay = run.run
    faulty = bool(replay.faults)
    chosen, free_chosen = (inside(s.run, replay.faults, s.seconds) for s in (run, free))
    without = (
        dropped.errors(inside(dropped.run, replay.faults, dropped.seconds)) if dropped else None
    )
    length = duration_s(replay)
    everything = np.ones(len(run.seconds), np.bool_)
    return Measured(
        name=replay.name,
        duration_s=length,
        estimates=len(run.seconds),
        rate_hz=len(run.seconds) / length if length > 0 else 0.0,
        silent_s=motion.silent_s(run.seconds, length),
        sensors=tuple(_sensor(replay, name) for name in replay.modalities),
        faults=tuple(look(fault, run, free, dropped) for fault in replay.faults),
        whole=run.errors(),
        window=run.errors(chosen) if faulty else None,
        free=free.errors(free_chosen) if faulty else None,
        dropped=without,
        shift_mm=shift_mm(run, free, chosen) if faulty else None,
        changed_percent=changed_percent(run, free, chosen) if faulty else None,
        subsets=_subsets(run),
        joints_mm=_by_joint(run.joint_errors_mm(chosen if faulty else everything)),
        free_joints_mm=_by_joint(free.joint_errors_mm(free_chosen)) if faulty else None,
        jitter=_by_joint(motion.jitter(run.seconds, replay.joints_m)),
        truth_jitter=_truth_jitter(run),
        bones_percent=_bones(replay),
    )


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


def _sensor(run: Replayed, modality: str) -> SensorSeen:
    column = run.modalities.index(modality)
    used = run.used[:, column]
    listed = seconds_in(spans(run, modality))
    at_end = [status for status in run.statuses if status.modality == modality]
    counts = {
        name: sum(getattr(status, name) for status in at_end)
        for name in ("received", "lost", "corrupt", "dropped")
    }
    return SensorSeen(
        modality=modality,
        availability=listed[LIVE] / max(sum(listed.values()), 1e-9),
        state_s=listed,
        used=float(used.mean()) if len(used) else 0.0,
        weight=float(run.weights[used, column].mean()) if used.any() else None,
        **counts,
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


def _by_joint(values: FloatArray | None) -> dict[str, float] | None:
    return _named(JOINT_NAMES, values)


def _named(names: Sequence[str], values: FloatArray | None) -> dict[str, float] | None:
    if values is None or not values.size or not np.isfinite(values).all():
        return None
    return dict(zip(names, values.tolist(), strict=True))


def _truth_jitter(run: Scored) -> dict[str, float] | None:
    return _by_joint(motion.jitter(run.seconds[run.known], run.run.truth_m[run.known]))


def _bones(run: Replayed) -> dict[str, float] | None:
    if not run.joints_m.shape[1]:
        return None
    names = [f"{JOINT_NAMES[a]}-{JOINT_NAMES[b]}" for a, b in BONES]
    return _named(names, 100.0 * motion.bone_variation(run.joints_m))
