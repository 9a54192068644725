"""Corrupted sensors in a comparison: their frames, subsets with them, and what streams notice."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.streams import Stream
from pta_ros.metrics.subsets import subsets
from pta_ros.training.corrupt import FROZEN_BACK, frozen_rows
from pta_ros.training.makers import Bench
from pta_ros.training.mixed import with_view

_PERIOD_NS = 100_000_000


def corrupted_sets(bench: Bench) -> Iterator[tuple[str, str, FeatureSet]]:
    """Every kind of corruption of every modality: both, and the features of all frames with it."""
    for modality, kinds in bench.corrupted.items():
        for kind, view in kinds.items():
            yield modality, kind, with_view(bench.clean, modality, view)


def wider(bench: Bench, modality: str) -> list[tuple[str, ...]]:
    """The subsets of this modality and others."""
    every = subsets(bench.config.model.modalities)
    return [s for s in every if modality in s and len(s) > 1]


def unused_frames(bench: Bench, modality: str) -> Tensor:
    """Frozen frames of `modality` that the live streams do not use: (frames, M) bool."""
    rows = bench.ready.rows["test"]
    unused = torch.zeros_like(bench.clean.present)
    column = list(bench.clean.tokens).index(modality)
    unused[rows, column] = ~frozen_in_use(bench.ready.data, modality, rows)
    return unused


def frozen_in_use(data: ReducedSet, modality: str, rows: Tensor) -> Tensor:
    """Whether a stream still uses a sensor frozen FROZEN_BACK frames before each row, (N,) bool.

    The frames of the clip come at 10 Hz, the frozen one again and again, through the node's own
    stream with its default settings.
    """
    before = frozen_rows(data, modality, FROZEN_BACK + 1)
    frozen = frozen_rows(data, modality)
    inputs, used = data.inputs[modality], []
    for row in rows.tolist():
        shown = [before[row], *[frozen[row]] * (FROZEN_BACK + 1)]
        used.append(in_use(modality, [inputs[i] for i in shown]))
    return torch.tensor(used)


def in_use(modality: str, arrays: list[FloatArray]) -> bool:
    """Whether a stream that gets `arrays` one after the other would use the last one."""
    stream, now = Stream(modality, StreamConfig()), _PERIOD_NS
    for array in arrays:
        now += _PERIOD_NS
        stream.push(Frame(modality, now, array, now), now)
    return stream.nearest(now, now) is not None
