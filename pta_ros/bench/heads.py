"""What a second head costs: the live estimator with the pose head alone, and with both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

import numpy as np
import torch

from pta_ros.datasets import class_names
from pta_ros.errors import ConfigError
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.estimator import Estimator
from pta_ros.metrics.bound import Bound, at_most
from pta_ros.model.pta import PTA
from pta_ros.sensors.base import Sensor

#: Most that both heads may take, as a share of the pose head's time.
LIMIT = 1.1


@dataclass(frozen=True)
class HeadTimes:
    """Medians over the rounds, milliseconds per estimate, encoding included."""

    pose_ms: float
    both_ms: float
    rounds: int

    @property
    def ratio(self) -> float:
        """Both to the pose head alone."""
        return self.both_ms / self.pose_ms

    def bound(self) -> Bound:
        """The second head must cost next to nothing beside the encoders."""
        return at_most("pose and activity / pose", self.ratio, LIMIT, "x")

    def to_dict(self) -> dict[str, float]:
        """Plain values, for JSON."""
        return {**vars(self), "ratio": self.ratio}


def bench_heads(model: PTA, sensors: Mapping[str, Sensor], rounds: int = 200) -> HeadTimes:
    """Time both kinds turn by turn on the same random frames, on one thread.

    A model without a second head gets an untrained one: its weights do not change its time. Raises
    ConfigError for a model without the task pose, or fewer than 10 rounds.
    """
    if not model.config.has("pose") or rounds < 10:
        raise ConfigError(f"tasks {model.config.tasks}, {rounds} rounds; expected pose, 10 or more")
    torch.set_num_threads(1)
    shapes = {m: sensor.shape for m, sensor in sensors.items()}
    estimators = []
    for both in (False, True):
        estimator = Estimator(_variant(model, both))
        estimator.warm_up(shapes)
        estimators.append(estimator)
    generator = np.random.default_rng(0)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        frames = {
            m: Frame(m, number, generator.random(shape, dtype=np.float32))
            for m, shape in shapes.items()
        }
        for which in (0, 1) if number % 2 else (1, 0):
            begun = perf_counter()
            estimators[which](Sample(number, frames))
            times[which].append(1e3 * (perf_counter() - begun))
    return HeadTimes(median(times[0]), median(times[1]), rounds)


def _variant(model: PTA, both: bool) -> PTA:
    """The model with the pose head alone, or with both."""
    tasks = ("pose", "activity") if both else ("pose",)
    classes = model.config.classes or class_names(model.config.modalities)
    made = PTA(replace(model.config, tasks=tasks, classes=classes))
    given = {k: v for k, v in model.state_dict().items() if both or not k.startswith("activity.")}
    made.load_state_dict({**made.state_dict(), **given})
    return made.eval()
