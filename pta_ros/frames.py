"""The records that flow through the package: one sensor's frame, one instant, one estimate."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def nothing() -> FloatArray:
    """No values (0,)."""
    return np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One reduced sensor reading, ready for the model.

    `array` has the shape the modality's `reduce` gives; `stamp_ns` is the sensor's stamp and
    `received_ns` the moment of arrival, both on the consumer's clock (ns since its epoch). For a
    model that finds people `array` is the whole reading, and `reading` is the same with the
    sensor's lens and pose (people.readings); otherwise None.
    """

    modality: str
    stamp_ns: int
    array: FloatArray
    received_ns: int = 0
    reading: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody, in the level frame: probability of `presence`, `centre` (3,) of the trunk, `joints`
    (17, 3), all metres; `deviation_m` (17,) per axis, one sigma; `weights` by modality."""

    presence: float
    centre: NDArray[np.float64]
    joints: NDArray[np.float64]
    deviation_m: NDArray[np.float64]
    weights: dict[str, float]

    def is_finite(self) -> bool:
        """Whether every number is."""
        numbers = (self.presence, self.centre, self.joints, self.deviation_m)
        return all(bool(np.isfinite(n).all()) for n in numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person at `stamp_ns`, known by number `id` for `age_s`.

    `centre` (3,) of the trunk and `joints` (17, 3) in metres; `velocity` (3,) and `velocities`
    (17, 3) theirs, m/s; `deviation_m` (17,) and `centre_deviation_m` per axis, one sigma.
    `predicted`: no measurement at this instant, the last one `unseen_s` ago. `presence` and
    `weights` are of the last measurement.
    """

    id: int
    stamp_ns: int
    age_s: float
    unseen_s: float
    predicted: bool
    centre: NDArray[np.float64]
    velocity: NDArray[np.float64]
    joints: NDArray[np.float64]
    velocities: NDArray[np.float64]
    deviation_m: NDArray[np.float64]
    centre_deviation_m: float
    presence: float
    weights: dict[str, float]

    @property
    def person(self) -> Person:
        """The same without what only time tells."""
        return Person(self.presence, self.centre, self.joints, self.deviation_m, self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The frames available at one instant. A modality that is absent has no entry.

    `late`: a newer instant has been sampled before; its one frame came too late for its own.
    `judged`: its frames are those that were found trustworthy; nobody asks what each shows alone.
    `expected` (K, 3): where people's centres are expected by who follows them, metres.
    """

    stamp_ns: int
    frames: dict[str, Frame]
    late: bool = False
    judged: bool = False
    expected: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))


class StreamState(IntEnum):
    """Health of one sensor stream; the numbers are those of pta_msgs/ModalityState."""

    MISSING = 0  # nothing received yet
    LIVE = 1
    STALE = 2  # newest usable frame is older than stale_after
    CORRUPT = 3  # the last frames failed their check
    DISABLED = 4  # by the operator
    EMPTY = 5  # the sensor works and sees nobody


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """What is known of one stream at one moment.

    `age_s` is the age of the newest usable frame's stamp (inf before the first), `rate_hz` the
    measured rate of usable frames, `weight` the share in the last estimate (0 when unused).
    Counters run since the stream was made: `received` (usable or not), `used` (in an estimate),
    `dropped` (superseded, duplicate or out of policy), `corrupt` (failed decode or check).
    `lost` estimates messages lost on the way, from gaps between stamps at the stream's own period.
    `reason` says in words why the stream is not LIVE, or why a LIVE one is left out, and else is
    empty. `restamped` messages got
    another stamp than their own, `remark` says in words why when no setting asked for it, and
    `behind_s` how far the sensor's clock was found behind, with the shortest way here (NaN:
    unknown). `refused` of the dropped were so for what they are, `refusal` says in words why the
    last one was. Without a frame for `stale_limit_s` the stream is STALE.
    """

    modality: str
    state: StreamState
    age_s: float
    rate_hz: float
    weight: float = 0.0
    received: int = 0
    used: int = 0
    dropped: int = 0
    corrupt: int = 0
    lost: int = 0
    reason: str = ""
    restamped: int = 0
    remark: str = ""
    refused: int = 0
    refusal: str = ""
    behind_s: float = math.nan
    stale_limit_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What is known of one instant.

    `stamp_ns` is the moment it is of: the newest used sensor stamp, or later where it is predicted;
    `joints_m` (17, 3) metres in the camera frame; `std_m` (17,) one standard deviation per joint in
    metres; `weights` the share of every used modality (sums to 1); `stamps_ns` the stamp of each
    used frame, none at all of an estimate that is `predicted` alone; `timings_ms` per stage.
    `probabilities` (K,) are of the model's activities, adding up to 1. A model without the task
    pose tells no joints, (0, 3), one without activity no probabilities, (0,).

    A model that finds people tells `people`, the nearest to the level frame's origin first, and as
    `joints_m`, in that frame, those of the first: (0, 3) where nobody is. Of others it is None.
    Where people are followed `tracks` are the same in the same order, or the one person's; all
    positions are theirs then.
    """

    stamp_ns: int
    joints_m: FloatArray
    std_m: FloatArray
    weights: dict[str, float]
    stamps_ns: dict[str, int]
    streams: tuple[StreamStatus, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    probabilities: FloatArray = field(default_factory=nothing)
    people: tuple[Person, ...] | None = None
    tracks: tuple[Track, ...] = ()

    @property
    def predicted(self) -> bool:
        """Whether no frame was used: the tracks went on by themselves."""
        return not self.stamps_ns

    @property
    def sensed_ns(self) -> int:
        """The newest stamp of a sensor that has weight; without one, of any that was there; of what
        is predicted its own."""
        weighed = [t for m, t in self.stamps_ns.items() if self.weights.get(m)]
        return max(weighed or self.stamps_ns.values(), default=self.stamp_ns)
