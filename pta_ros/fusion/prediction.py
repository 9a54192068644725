"""What a model says of one sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pta_ros.frames import FloatArray, Person, nothing
from pta_ros.people.centred import trunk
from pta_ros.skeleton import NUM_JOINTS


@dataclass(frozen=True)
class Prediction:
    """Fields as in `Estimate`; `alone` is whom each modality shows by itself, by modality: empty
    where the estimator was not asked for it."""

    joints_m: FloatArray
    std_m: FloatArray
    weights: dict[str, float]
    timings_ms: dict[str, float] = field(default_factory=dict)
    probabilities: FloatArray = field(default_factory=nothing)
    people: tuple[Person, ...] | None = None
    alone: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)

    def is_sound(self) -> bool:
        """Whether shapes fit, something is told, and every number is finite."""
        numbers = (self.joints_m, self.std_m, self.probabilities)
        return (
            self.joints_m.shape in ((NUM_JOINTS, 3), (0, 3))
            and self.std_m.shape == self.joints_m.shape[:1]
            and (len(self.joints_m) + len(self.probabilities) > 0 or self.people is not None)
            and all(bool(np.isfinite(array).all()) for array in numbers)
            and all(person.is_finite() for person in self.people or ())
        )

    def everybody(self) -> tuple[Person, ...]:
        """The people; the one of a model for one person, who is taken to be there."""
        if self.people is not None or not len(self.joints_m):
            return self.people or ()
        return (one_person(self.joints_m, self.std_m, self.weights),)


def one_person(joints_m: FloatArray, std_m: FloatArray, weights: dict[str, float]) -> Person:
    """Joints (17, 3) and deviations (17,) as those of somebody who is taken to be there."""
    joints = joints_m.astype(np.float64)
    return Person(1.0, trunk(joints), joints, std_m.astype(np.float64), weights)
