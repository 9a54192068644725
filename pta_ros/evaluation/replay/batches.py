"""Encodes and fuses the frames of a recording before they are asked for, several at once.

A live node sees one frame at a time; a replay knows what comes. Which frames are encoded and which
instants are fused together depends on the recording alone, not on how fast it is read: the same
recording gives the same numbers, bit for bit. Between one alone and in a batch only the last bits
differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch

from pta_ros.checkpoint import Checkpoint
from pta_ros.evaluation.replay.decode import Arrival, Decoder
from pta_ros.frames import FloatArray, Frame, Sample
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.estimator import Estimator
from pta_ros.fusion.prediction import Prediction
from pta_ros.model.inference import fold_norms, trace_encoders
from pta_ros.sensors.window import WindowSensor

#: Frames of a sensor that are encoded together, and instants that are fused together, at most.
BATCH = 16
#: Arrivals that are taken together: BATCH of three sensors and the truth; fewer of whole readings.
_CHUNK, _FEW = 4 * BATCH, 16
#: So many chunks are remembered: an instant may use a frame that came a second before.
_REMEMBERED = 3

#: Once for all replays of an estimator: torch keeps what was traced until the process ends.
_MADE: WeakKeyDictionary[Estimator, Batches] = WeakKeyDictionary()


#: The arrays of a sample's frames.
Key = tuple[int, ...]


class Chunk(NamedTuple):
    """Arrivals that follow each other; `features` (N, L, D) of each modality's N frames in turn.

    The last one has no arrivals, but what could not be read in all, in words.
    """

    arrivals: list[Arrival]
    features: dict[str, FloatArray]
    losses: tuple[str, ...] = ()

    def frames(self, modality: str) -> list[Frame]:
        """The frames of a modality, as they arrived."""
        found = (each.content for each in self.arrivals)
        return [f for f in found if isinstance(f, Frame) and f.modality == modality]


def chunks(decoder: Decoder, batches: Batches | None) -> Iterator[Chunk]:
    """What a decoder gives in chunks, encoded by `batches`; without, in a few at a time."""
    arrivals = decoder.arrivals()
    while several := list(islice(arrivals, _CHUNK if batches else _FEW)):
        yield Chunk(several, batches.encoded(several) if batches else {})
    yield Chunk([], {}, (*decoder.bag.losses, *decoder.losses, *decoder.remarks()))


def in_turn(
    made: Iterable[Chunk], foresight: Foresight | None, losses: list[str]
) -> Iterator[Arrival]:
    """The arrivals of chunks; `foresight` knows the frames of a chunk when its first one comes."""
    for chunk in made:
        if foresight is not None:
            foresight.learn(chunk)
        losses += chunk.losses
        yield from chunk.arrivals


def foresees(engine: Engine) -> bool:
    """Whether a replay of this model can be answered ahead.

    Not where frames do not reach it as they arrive: packets are gathered in windows before, and a
    model that finds people looks at parts of a frame.
    """
    packets = any(isinstance(sensor, WindowSensor) for sensor in engine.sensors.values())
    return not packets and not engine.finds_people


def foresight_of(engine: Engine) -> Foresight | None:
    """What answers in one replay for the estimator of an engine that was started, if it can."""
    estimator = engine.estimator
    return Foresight(estimator) if isinstance(estimator, Estimator) and foresees(engine) else None


def batches_of(engine: Engine) -> Batches:
    """What encodes for the estimator of an engine that was started, which has a foresight."""
    estimator = engine.estimator
    assert isinstance(estimator, Estimator), "foresight_of comes first"
    if estimator not in _MADE:
        _MADE[estimator] = Batches(engine.loaded, estimator.device, estimator.precision)
    return _MADE[estimator]


class Batches:
    """Encoders of a loaded model for batches, on a device and in a precision."""

    def __init__(self, loaded: Checkpoint, device: torch.device, precision: str) -> None:
        self._device = device
        self._shapes = {m: sensor.shape for m, sensor in loaded.live_sensors.items()}
        self._model = fold_norms(loaded.model).to(device)
        trace_encoders(self._model, self._shapes, precision, BATCH)

    def encoded(self, arrivals: list[Arrival]) -> dict[str, FloatArray]:
        """The features of the frames among arrivals, as in Chunk."""
        features = {}
        for modality in self._shapes:
            arrays = [frame.array for frame in Chunk(arrivals, {}).frames(modality)]
            parts = [arrays[at : at + BATCH] for at in range(0, len(arrays), BATCH)]
            if parts:
                features[modality] = np.concatenate([self._encode(modality, p) for p in parts])
        return features

    @torch.inference_mode()
    def _encode(self, modality: str, arrays: list[FloatArray]) -> FloatArray:
        """Features (N, L, D) of up to BATCH arrays; the batch is filled up."""
        batch = np.zeros((BATCH, *self._shapes[modality]), np.float32)
        batch[: len(arrays)] = arrays
        features = self._model.encode_one(modality, torch.from_numpy(batch).to(self._device))
        found: FloatArray = features[: len(arrays)].float().cpu().numpy()
        return found


class _Known(NamedTuple):
    """A frame that is encoded: its own stamp, its features (L, D), and the array that names it."""

    stamp_ns: int
    features: FloatArray
    array: FloatArray


@dataclass
class _Fused:
    """A batch of `size` instants, of which so many were not asked for yet."""

    size: int
    unused: int

    @property
    def next_size(self) -> int:
        """Of the batch after it."""
        wrong = 2 * self.unused > self.size - 1  # the one that was asked for was no guess
        return max(1, self.size // 2) if wrong else min(2 * self.size, BATCH)


class Foresight:
    """An estimator for one replay, which answers the likely next instants with the one it is asked.

    Likely is that all sensors go on as they are. Where that was wrong fewer are answered ahead,
    down to none; where it was right more, up to BATCH.
    """

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._known: deque[dict[str, list[_Known]]] = deque(maxlen=_REMEMBERED)
        self._by_array: dict[int, _Known] = {}
        self._foreseen: dict[Key, Prediction] = {}
        self._last: dict[tuple[str, ...], _Fused] = {}  # by modalities

    def learn(self, chunk: Chunk) -> None:
        """Take in the frames of a chunk, which may be asked for from now on."""
        known = {}
        for modality, rows in chunk.features.items():
            frames = zip(chunk.frames(modality), rows, strict=True)
            known[modality] = [_Known(frame.stamp_ns, row, frame.array) for frame, row in frames]
        self._known.append(known)
        every = (one for part in self._known for frames in part.values() for one in frames)
        self._by_array = {id(one.array): one for one in every}
        there = self._by_array.keys()
        self._foreseen = {key: p for key, p in self._foreseen.items() if there >= set(key)}

    def __call__(self, sample: Sample) -> Prediction:
        """As Estimator."""
        begin = perf_counter()
        key = tuple(id(frame.array) for frame in sample.frames.values())
        if not key or any(array not in self._by_array for array in key):
            return self._estimator(sample)
        if key not in self._foreseen:
            self._foresee(sample, [self._by_array[array] for array in key])
        self._last[tuple(sample.frames)].unused -= 1
        prediction = self._foreseen.pop(key)
        prediction.timings_ms.update(encode=0.0, model=1e3 * (perf_counter() - begin))
        return prediction

    def _foresee(self, sample: Sample, asked: list[_Known]) -> None:
        """Answer what is asked and what is likely to be asked next, of the same modalities."""
        names = tuple(sample.frames)
        last = self._last.get(names)
        size = 1 if sample.late else BATCH if last is None else last.next_size
        rows = [asked, *(self._likely(sample, asked, size - 1) if size > 1 else [])]
        self._last[names] = _Fused(len(rows), len(rows))
        modalities = self._estimator.model.config.modalities
        features = np.zeros((len(rows), len(modalities), *asked[0].features.shape), np.float32)
        for row, own in zip(rows, features, strict=True):
            for name, one in zip(names, row, strict=True):
                own[modalities.index(name)] = one.features
        stacked = torch.from_numpy(features).to(self._estimator.device)
        given = [m in names for m in modalities]
        told = self._estimator.predict(stacked, given, sample.judged)
        keys = (tuple(id(one.array) for one in row) for row in rows)
        self._foreseen.update(zip(keys, told, strict=True))

    def _likely(self, sample: Sample, asked: list[_Known], most: int) -> list[list[_Known]]:
        """What follows if frames lie to each other as they do now, of the frames that are known."""
        names = tuple(sample.frames)
        frames = [[one for part in self._known for one in part.get(m, ())] for m in names]
        stamps = [np.array([one.stamp_ns for one in own]) for own in frames]
        away = [abs(frame.stamp_ns - sample.stamp_ns) for frame in sample.frames.values()]
        lead = away.index(min(away))
        first = asked[lead].stamp_ns
        instants = np.sort(stamps[lead][stamps[lead] > first])[:most]
        columns = []
        for own, at, one in zip(frames, stamps, asked, strict=True):
            nearest = np.abs(at - (instants + one.stamp_ns - first)[:, None]).argmin(axis=1)
            columns.append([own[place] for place in nearest])
        return [list(row) for row in zip(*columns, strict=True)]
