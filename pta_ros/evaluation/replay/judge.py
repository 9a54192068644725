"""What a replay is judged by: a pose, people, or an activity. One of these is in every replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import to_ns
from pta_ros.evaluation.replay.people import PeopleLog, PeopleTruth, people_of
from pta_ros.evaluation.replay.truth import (
    Activities,
    ActivityTruth,
    TrueActivity,
    Truth,
    TruthLog,
    Worst,
    truth_of,
)
from pta_ros.frames import Estimate, Sample
from pta_ros.fusion.transforms import Matrix
from pta_ros.skeleton import NUM_JOINTS


class Judge(Protocol):
    """Keeps the truth and what of the estimates is held against it."""

    #: Joints of an estimate that are kept as columns of the replay.
    joints: int

    def truth_of(self, msg: object, topic: str) -> Any:
        """What a message of the ground truth says; raises DecodeError for another message."""

    def learn(self, truth: Any) -> None:
        """Note what `truth_of` gave."""

    def add(self, sample: Sample, estimate: Estimate) -> None:
        """Note one estimate and what it was made from."""

    def fields(self, stamps_ns: NDArray[np.int64]) -> dict[str, Any]:
        """Fields of `Replayed`, of the estimates with these stamps (N,)."""

    def losses(self) -> list[str]:
        """Truth that could not be used, in words, after `fields`."""


class PoseJudge:
    """One pose per estimate; `judged`: there is ground truth."""

    joints = NUM_JOINTS

    def __init__(self, judged: bool) -> None:
        self._truth = TruthLog()
        self._worst = Worst(self._truth, judged)

    def truth_of(self, msg: object, topic: str) -> Truth:
        """One pose."""
        return truth_of(msg, topic)

    def learn(self, truth: Truth) -> None:
        """Note one true pose."""
        self._truth.add(truth.stamp_ns, truth.joints_m)

    def add(self, sample: Sample, estimate: Estimate) -> None:
        """It may be one of the worst moments."""
        self._worst.add(sample, estimate)

    def fields(self, stamps_ns: NDArray[np.int64]) -> dict[str, Any]:
        """True poses and the worst moments."""
        return {"truth_m": self._truth.at(stamps_ns), "moments": self._worst.moments()}

    def losses(self) -> list[str]:
        """None."""
        return []


class ActivityJudge:
    """One activity per estimate."""

    joints = 0

    def __init__(self, activities: Activities) -> None:
        self._activities, self._truth = activities, ActivityTruth()

    def truth_of(self, msg: object, topic: str) -> TrueActivity:
        """One of the model's classes."""
        return self._activities.truth_of(msg, topic)

    def learn(self, truth: TrueActivity) -> None:
        """Note one true activity."""
        self._truth.add(truth)

    def add(self, sample: Sample, estimate: Estimate) -> None:
        """Nothing but what every replay keeps."""

    def fields(self, stamps_ns: NDArray[np.int64]) -> dict[str, Any]:
        """The classes, and what is true of each window."""
        window_s = self._activities.window_s
        return {
            "truth_m": _no_joints(stamps_ns),
            "classes": self._activities.classes,
            "window_s": window_s,
            "true_spans": self._truth.spans(),
            "true_class": self._truth.at(stamps_ns, to_ns(window_s)),
        }

    def losses(self) -> list[str]:
        """None."""
        return []


class PeopleJudge:
    """Any number of people per estimate; `place` as of PeopleTruth, `level` names the frame."""

    joints = 0

    def __init__(self, place: Callable[[str], Matrix | None], level: str) -> None:
        self._truth, self._level, self._log = PeopleTruth(place), level, PeopleLog()
        self.truth_of, self.learn = people_of, self._truth.add

    def add(self, sample: Sample, estimate: Estimate) -> None:
        """Note everybody."""
        self._log.add(estimate)

    def fields(self, stamps_ns: NDArray[np.int64]) -> dict[str, Any]:
        """Everybody who was found, and who is there."""
        people = self._log.result(*self._truth.at(stamps_ns))
        return {"truth_m": _no_joints(stamps_ns), "people": people}

    def losses(self) -> list[str]:
        """Frames of the truth that no way leads from."""
        return [
            f"ground truth: no static transform leads from its frame {frame!r} to "
            f"{self._level!r}; it is not used"
            for frame in self._truth.lost
        ]


def _no_joints(stamps_ns: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.zeros((len(stamps_ns), 0, 3), np.float32)
