"""Encodes the frames of a recording before they are needed, several of each sensor at once.

A live node sees one frame at a time, and most of an encoder's time for one frame goes into the way
to its layers. A replay knows what comes. Which frames are in a batch depends on the recording
alone, not on how fast it is read: the same recording gives the same numbers, bit for bit. Between
a frame alone and in a batch only the last bits differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from weakref import WeakKeyDictionary, finalize

import numpy as np
import torch

from pta_ros.checkpoint import Checkpoint
from pta_ros.evaluation.replay.decode import Arrival
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.estimator import Estimator
from pta_ros.model.inference import fold_norms, trace_encoders
from pta_ros.sensors.window import WindowSensor

#: Frames of a sensor that are encoded together.
BATCH = 16
_CHUNK = 4 * BATCH  # arrivals: three sensors and the truth

#: Features (1, L, D) of arrays by their id: streams may stamp a frame anew, with the same array.
Features = dict[int, torch.Tensor]
#: Once for all replays of an estimator: torch keeps what was traced until the process ends.
_MADE: WeakKeyDictionary[Estimator, Batches] = WeakKeyDictionary()


def batched(engine: Engine, arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
    """The same arrivals, with frames encoded for the estimator of an engine that was started.

    Where frames do not reach it as they arrive nothing is done: packets are gathered in windows
    before, and a model that finds people looks at parts of a frame.
    """
    packets = any(isinstance(sensor, WindowSensor) for sensor in engine.sensors.values())
    if packets or not isinstance(engine.estimator, Estimator):
        return arrivals
    if engine.estimator not in _MADE:
        _MADE[engine.estimator] = Batches(engine.loaded, engine.estimator)
    return _MADE[engine.estimator].encoded(arrivals, engine.estimator.ahead)


class Batches:
    """Encoders of a loaded model for batches, on the device and in the precision of `beside`."""

    def __init__(self, loaded: Checkpoint, beside: Estimator) -> None:
        self._device = beside.device
        self._shapes = {m: sensor.shape for m, sensor in loaded.live_sensors.items()}
        self._model = fold_norms(loaded.model).to(self._device)
        trace_encoders(self._model, self._shapes, beside.precision, BATCH)

    def encoded(self, arrivals: Iterator[Arrival], ahead: Features) -> Iterator[Arrival]:
        """The same arrivals, their frames' features in `ahead` while the arrays are there."""
        while chunk := list(islice(arrivals, _CHUNK)):
            frames = [each.content for each in chunk if isinstance(each.content, Frame)]
            for modality, shape in self._shapes.items():
                own = (f.array for f in frames if f.modality == modality)
                arrays = [array for array in own if array.shape == shape]
                for first in range(0, len(arrays), BATCH):
                    features = self._encode(modality, arrays[first : first + BATCH])
                    for array, row in zip(arrays[first:], features.split(1), strict=False):
                        ahead[id(array)] = row
                        finalize(array, ahead.pop, id(array), None).atexit = False
            yield from chunk

    @torch.inference_mode()
    def _encode(self, modality: str, arrays: list[FloatArray]) -> torch.Tensor:
        """Features (BATCH, L, D) of up to BATCH arrays; what is behind them is of nothing."""
        batch = np.zeros((BATCH, *self._shapes[modality]), np.float32)
        batch[: len(arrays)] = arrays
        return self._model.encode_one(modality, torch.from_numpy(batch).to(self._device))
