"""What is said of one replay in a report: its sensors, faults, subsets and figures."""

from __future__ import annotations

from dataclasses import dataclass

from pta_ros.evaluation.report.delivery import Undelivered
from pta_ros.evaluation.report.followed import FollowedSeen
from pta_ros.evaluation.report.scores import Errors, Judged

#: A faulty sensor may cost this many times what it costs to do without the sensor.
LIMIT = 1.05
#: The same of activities: so many points of accuracy (percent) below doing without it.
LIMIT_POINTS = 5.0


@dataclass(frozen=True)
class SensorSeen:
    """One sensor over a whole replay: `availability` is the share of time it was LIVE.

    `used` is the share of estimates that had a frame of it, `weight` its mean weight in those (the
    model may weigh a frame with 0). Counts are of messages: `received`, `lost` on the way,
    `corrupt`, `dropped` as late, double or superseded, `restamped` with another stamp than
    their own.
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
    restamped: int


@dataclass(frozen=True)
class FaultSeen:
    """One fault, from `begin_s` to `end_s` after the bag's begin, and what came of it.

    `state` is the first state other than LIVE inside the window, `left_after_s` how long after the
    begin it came; None when the stream stayed LIVE. `back_after_s` is how long after the end it was
    LIVE again, None when it never was. `out_s` counts the seconds not LIVE up to then.
    `outlasts`: the bag ends before the fault does.
    `used` is the share of the window's estimates that had a frame of the sensor, `weight` its mean
    weight in those, `free_weight` the same without the fault. Errors are means over the estimates
    that look into the window, as are `shift_mm` (poses) and `changed_percent` (activities).
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
    variation of each bone's length. `undelivered` are the sensors that no estimate used,
    `no_estimate` why there is none at all. A replay that is judged by its activities has no joints:
    `changed_percent` stands in place of `shift_mm`, as it does for people, whose jitter and bones
    are not told. `label_changes` and `true_changes` of activities are per minute.
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
    label_changes: float | None
    true_changes: float | None
    undelivered: tuple[Undelivered, ...]
    no_estimate: str
    subsets: tuple[SubsetSeen, ...]
    joints_mm: dict[str, float] | None
    free_joints_mm: dict[str, float] | None
    jitter: dict[str, float] | None
    truth_jitter: dict[str, float] | None
    bones_percent: dict[str, float] | None
    followed: FollowedSeen | None

    @property
    def ratio(self) -> float | None:
        """Error with the fault over error without the sensor; None when one is not known."""
        if not (isinstance(self.window, Errors) and isinstance(self.dropped, Errors)):
            return None
        return self.window.mpjpe_mm / self.dropped.mpjpe_mm if self.dropped.mpjpe_mm > 0 else None

    @property
    def gain_points(self) -> float | None:
        """Percent right with the fault less that without the sensor; None: one is not known."""
        if self.window is None or self.dropped is None or isinstance(self.window, Errors):
            return None
        return self.window.value - self.dropped.value

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
