"""A model that finds people in a pipeline: what it keeps from one sample to the next."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from pta_ros.frames import Frame, Person, Sample
from pta_ros.fusion.looks import Candidates
from pta_ros.fusion.people import PeopleEstimator
from pta_ros.fusion.prediction import Prediction
from pta_ros.people import birdseye
from pta_ros.people.readings import Readings
from pta_ros.skeleton import NUM_JOINTS


class LivePeople:
    """A PeopleEstimator as the estimator of a pipeline; frames hold readings (LevelIntake).

    Every frame is put into the grid once, however many samples it is in.
    """

    def __init__(self, people: PeopleEstimator) -> None:
        self.people = people
        #: Whether predictions say whom each modality shows alone.
        self.alone = False
        self._grid = birdseye.empty()
        self._slabs = {
            "depth": self._grid[: birdseye.SLABS],
            "lidar": self._grid[birdseye.SLABS :],
        }
        self._filled: dict[str, Frame] = {}

    @property
    def refine(self) -> bool | None:
        """Refined or plain features; None leaves it to the model."""
        return self.people.refine

    @refine.setter
    def refine(self, value: bool | None) -> None:
        self.people.refine = value

    def has(self, frame: Frame) -> bool:
        """Whether this very frame is in the grid."""
        return self._filled.get(frame.modality) is frame

    def encode(self, frame: Frame) -> bool:
        """Put a frame that is likely to be in the next sample into the grid; False: it is there."""
        if self.has(frame):
            return False
        slabs = self._slabs[frame.modality]
        if frame.modality == "depth":
            birdseye.fill_depth(frame.reading, slabs)
        else:
            birdseye.fill_lidar(frame.reading, slabs)
        self._filled[frame.modality] = frame
        return True

    def __call__(self, sample: Sample) -> Prediction:
        """Everybody at one instant, the nearest to the level frame's origin first."""
        begun = perf_counter()
        candidates = self.find(sample)
        found = perf_counter()
        readings = Readings(**{m: frame.reading for m, frame in sample.frames.items()})
        alone: dict[str, tuple[Person, ...]] = {}
        if self.alone and len(sample.frames) > 1:
            seen, alone = self.people.look_each(candidates, readings)
        else:
            seen = self.people.look(candidates, readings)
            alone = dict.fromkeys(sample.frames, seen) if self.alone else {}
        people = tuple(sorted(seen, key=lambda person: float(np.hypot(*person.centre[:2]))))
        timings = {"encode": 1e3 * (found - begun), "model": 1e3 * (perf_counter() - found)}
        return replace(_prediction(people, tuple(sample.frames), timings), alone=alone)

    def find(self, sample: Sample) -> Candidates:
        """Candidates of a sample; who is expected is looked for where that is."""
        for modality, slabs in self._slabs.items():
            if modality in sample.frames:
                self.encode(sample.frames[modality])
            elif self._filled.pop(modality, None) is not None:
                slabs.fill(0.0)
        return self.people.find(self._grid).expecting(sample.expected)


def _prediction(
    people: tuple[Person, ...], used: tuple[str, ...], timings_ms: dict[str, float]
) -> Prediction:
    """What a pipeline takes; the weights are the mean of the people's, without any equal ones."""
    shares = {m: 1.0 / len(used) for m in used}
    if people:
        shares = {m: float(np.mean([p.weights[m] for p in people])) for m in used}
    joints = people[0].joints if people else np.zeros((0, 3))
    deviation = people[0].deviation_m if people else np.zeros(0)
    assert len(joints) in (0, NUM_JOINTS)
    return Prediction(
        joints.astype(np.float32),
        deviation.astype(np.float32),
        shares,
        timings_ms,
        people=people,
    )
