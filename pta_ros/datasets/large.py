"""Frames that are too large to be kept reduced: read from the tree whenever they are asked for."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.clips import ClipFiles
from pta_ros.sensors.base import Sensor

#: Frames of more values than this are not stored: a data set of full depth images would take
#: hundreds of gigabytes for the one time that a frozen encoder needs each of them.
LARGE = 200_000

Clips = tuple[ClipFiles, ...]


class FramesOfTree:
    """Frames (N, *shape) of one modality, read and reduced anew whenever rows are asked for."""

    def __init__(
        self, modality: str, sensor: Sensor, clips: Clips, present: NDArray[np.bool_]
    ) -> None:
        self._modality, self._sensor, self._present = modality, sensor, present
        self._frames = [(clip, number) for clip in clips for number in clip.frame_numbers]

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, *shape)."""
        return (len(self._frames), *self._sensor.shape)

    def only(self, rows: NDArray[np.integer[Any]]) -> FramesOfTree:
        """The frames of these rows (B,) alone, numbered anew: few enough for another process."""
        part = copy(self)
        part._frames = [self._frames[row] for row in rows.tolist()]
        part._present = self._present[rows]
        return part

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Frames of row numbers (B,); those that are not present hold zero."""
        frames = np.zeros((len(rows), *self._sensor.shape), np.float32)
        for frame, row in zip(frames, rows.tolist(), strict=True):
            if self._present[row]:
                clip, number = self._frames[row]
                array = clip.read(self._modality, number)
                assert array is not None
                frame[:] = self._sensor.prepare(array, str(clip.file(self._modality, number)))
        return frames


def stored(sensors: dict[str, Sensor]) -> dict[str, Sensor]:
    """The sensors whose reduced frames are small enough to be kept."""
    return {m: s for m, s in sensors.items() if np.prod(s.shape) <= LARGE}
