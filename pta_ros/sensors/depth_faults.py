"""Injected faults of depth images: how evaluation/faults changes a copy of a recorded message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.sensors.base import Sensor
from pta_ros.sensors.depth_map import noisy
from pta_ros.sensors.image import ENCODINGS, read_pixels, read_plain
from pta_ros.sensors.wire import changed, read, read_bytes


class DepthFaults(Sensor):
    """The part of a depth sensor that only fault plans use (see Sensor)."""

    own_faults: ClassVar[tuple[str, ...]] = ("noise", "dropout", "dead_rows", "wrong_encoding")
    noise_text: ClassVar[str] = "sigma {v:g} m"

    def editable(self, msg: Any, source: str) -> tuple[Any, tuple[NDArray[Any], ...]]:
        """A copy and its pixels in their own unit; what is not plain becomes uint16 or float32."""
        encoding = getattr(msg, "encoding", None)
        if encoding not in ENCODINGS:
            pixels = read_pixels(msg, source)
            msg = SimpleNamespace(header=read(msg, "header", source), **self.fields(pixels))
            encoding = msg.encoding
        other = changed(msg, data=read_bytes(msg, "data", source).copy())
        return other, (read_plain(other, ENCODINGS[encoding], source),)

    def add_noise(self, values: NDArray[Any], strength: float, rng: np.random.Generator) -> None:
        """Every return is off by `strength` metres (one sigma) and stays a return."""
        values[...] = np.where(values > 0, noisy(values, strength, rng), values)

    def no_reading(self, values: NDArray[Any]) -> float:
        """No return: 0, or NaN in metres (ROS's REP 118)."""
        return 0.0 if values.dtype.kind in "ui" else np.nan

    def wrongly_declared(self, msg: Any, source: str) -> Any:
        """A copy of a message that calls itself a colour image."""
        return changed(msg, **{"encoding" if hasattr(msg, "encoding") else "format": "rgb8"})
