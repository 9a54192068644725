"""What is told of an answer: the model's, with weights and stamps of the last instant."""

from __future__ import annotations

from pta_ros.frames import Estimate, Sample, nothing
from pta_ros.fusion.activity_filter import ActivityFilter
from pta_ros.fusion.prediction import Prediction


class Teller:
    """Makes estimates of one pipeline, in order; `activities` follows what is told of them."""

    def __init__(self, activities: ActivityFilter) -> None:
        self.activities = activities
        #: The share of each modality in the last estimate of an instant.
        self.weights: dict[str, float] = {}
        self._stamps_ns: dict[str, int] = {}  # of the frames in the last estimate

    def estimate(self, sample: Sample, prediction: Prediction) -> Estimate:
        """What the model says; of a late frame, weights and stamps are those of the last instant,
        where they are newer."""
        used = [frame for frame in sample.frames.values() if prediction.weights]
        stamps_ns = {frame.modality: frame.stamp_ns for frame in used}
        if sample.late:
            stamps_ns |= {m: max(t, stamps_ns.get(m, t)) for m, t in self._stamps_ns.items()}
        else:
            self.weights = dict(prediction.weights)
        self._stamps_ns = stamps_ns
        told = nothing() if sample.late else prediction.probabilities
        return Estimate(
            stamp_ns=sample.stamp_ns,
            joints_m=prediction.joints_m,
            std_m=prediction.std_m,
            weights=self.weights,
            stamps_ns=stamps_ns,
            probabilities=self.activities(told, sample.stamp_ns),
            people=prediction.people,
        )

    def reset(self) -> None:
        """Start over, as after a jump of the clock."""
        self.activities.reset()
        self.weights, self._stamps_ns = {}, {}
