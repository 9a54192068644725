"""What the live streams would make of frames that a table is measured on."""

from __future__ import annotations

import torch
from torch import Tensor

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.streams import Stream
from pta_ros.training.corrupt import FROZEN_BACK, frozen_rows

PERIOD_NS = 100_000_000


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
    stream, now = Stream(modality, StreamConfig()), PERIOD_NS
    for array in arrays:
        now += PERIOD_NS
        stream.push(Frame(modality, now, array, now), now)
    return stream.nearest(now, now) is not None
