"""What cached features save: a training step from them beside one that encodes its frames first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.features import cache_features
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import ConfigError
from pta_ros.metrics.bound import Bound, at_least, at_most
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA
from pta_ros.sensors.base import Sensor
from pta_ros.skeleton import NUM_JOINTS
from pta_ros.training.config import TrainConfig
from pta_ros.training.meta import MetaTrainer
from pta_ros.training.resume import seed_everything

#: How many times as fast the cached step must be.
REQUIRED = 5.0

#: At most so many frames are used; a batch is drawn from them.
FRAMES = 1024


@dataclass(frozen=True, eq=False)
class EncodingSet(FeatureSet):
    """The frames of a FeatureSet, encoded by the model's own encoders whenever they are used."""

    data: ReducedSet = field(kw_only=True)

    def features(
        self, model: Projected, rows: Tensor, mask: Tensor, used: Tensor | None = None
    ) -> Tensor:
        """As FeatureSet.features; frames that `mask` leaves out are not encoded."""
        assert isinstance(model, PTA)
        index = self.rows[rows].numpy()
        inputs = {m: torch.from_numpy(self.data.inputs[m][index]) for m in model.config.modalities}
        with torch.no_grad():
            tokens = model.encode(inputs, mask)
        return model.features(tokens, inputs, mask)


@dataclass(frozen=True)
class StepTimes:
    """Milliseconds of one kind of step, repeat by repeat, and its calls of an encoder in all."""

    ms: tuple[float, ...]
    encoder_calls: int


@dataclass(frozen=True)
class StepBench:
    """Both kinds of step, on the same batches in turn; `ratio` compares them batch by batch."""

    batch: int
    frames: int
    cached: StepTimes
    encoding: StepTimes

    @property
    def ratio(self) -> tuple[float, ...]:
        """How many times as fast the cached step was, by repeat."""
        pairs = zip(self.encoding.ms, self.cached.ms, strict=True)
        return tuple(encoding / cached for encoding, cached in pairs)

    def bounds(self) -> list[Bound]:
        """The cached step runs no encoder, and is faster by more than its upkeep."""
        times = spread(self.ratio)["median"]
        return [
            at_most("cached step: calls of an encoder", self.cached.encoder_calls, 0),
            at_least("training step, cached / encoding", times, REQUIRED, "x"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        kinds = {"cached": self.cached, "encoding": self.encoding}
        return {
            "batch": self.batch,
            "frames": self.frames,
            "repeats": len(self.ratio),
            "step_ms": {name: spread(kind.ms) for name, kind in kinds.items()},
            "encoder_calls": {name: kind.encoder_calls for name, kind in kinds.items()},
            "ratio": spread(self.ratio),
        }


def spread(values: tuple[float, ...]) -> dict[str, float]:
    """Median, and the limits that a tenth of the values lie below and above."""
    low, median, high = np.quantile(values, (0.1, 0.5, 0.9)).tolist()
    return {"p10": low, "median": median, "p90": high}


def random_frames(sensors: Mapping[str, Sensor], count: int = 256) -> ReducedSet:
    """Frames of the right shapes and nothing in them; every modality is present."""
    generator = np.random.default_rng(0)
    inputs = {
        m: generator.random((count, *sensor.shape), dtype=np.float32)
        for m, sensor in sensors.items()
    }
    joints = generator.standard_normal((count, NUM_JOINTS, 3), dtype=np.float32)
    name, number = np.full(count, "A01"), np.arange(count, dtype=np.int32)
    present = {m: np.ones(count, dtype=bool) for m in sensors}
    return ReducedSet(inputs, present, joints, name, name, name, number, (), f"random {count}")


def bench_step(
    config: TrainConfig,
    data: ReducedSet,
    cache: Path,
    batch: int = 16,
    repeats: int = 100,
    warm_up: int = 10,
) -> StepBench:
    """Time the inner step of PTA's training on batches of `data`; its features go to `cache`.

    The encoders are those of `config` with random weights, frozen: time does not depend on them.
    Raises ConfigError when there are fewer frames than a batch needs.
    """
    rows = torch.from_numpy(np.flatnonzero(data.usable)[:FRAMES])
    if not 2 <= batch <= len(rows) or repeats < 1:
        raise ConfigError(
            f"batch {batch}, {repeats} repeats; expected 2 to {len(rows)} (the usable frames) and 1"
        )
    seed_everything(config.seed, "bench")
    config = replace(config, model=replace(config.model, gate=False))  # it has a stage of its own
    model = PTA(config.model).eval()
    clean = cache_features(
        dict(model.encoders.items()), config.model.channels, data, cache, rows,
        position_points=config.model.tokens,
    )  # fmt: skip
    encoding = EncodingSet({}, {}, clean.present, clean.joints, clean.rows, clean.labels, data=data)
    steps = [_Timed(MetaTrainer(config, deepcopy(model), frames)) for frames in (clean, encoding)]
    for number in range(warm_up + repeats):
        seed_everything(config.seed, "bench", number)
        chosen = torch.randperm(len(rows))[:batch]
        for step in steps if number % 2 else reversed(steps):
            step.run(chosen, number)
    return StepBench(batch, len(rows), *(step.times(warm_up) for step in steps))


class _Timed:
    """Runs and times the inner steps of one trainer, and counts what its encoders do."""

    def __init__(self, trainer: MetaTrainer) -> None:
        self.trainer, self._ms, self._calls = trainer, list[float](), 0
        for encoder in trainer.model.encoders.values():
            encoder.register_forward_pre_hook(self._count)

    def _count(self, *_: Any) -> None:
        self._calls += 1

    def run(self, rows: Tensor, seed: int) -> None:
        torch.manual_seed(seed)
        begun = time.perf_counter()
        self.trainer.inner(rows)
        self._ms.append(1000 * (time.perf_counter() - begun))

    def times(self, warm_up: int) -> StepTimes:
        return StepTimes(tuple(self._ms[warm_up:]), self._calls)
