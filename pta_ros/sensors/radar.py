"""Radar: range-Doppler and range-angle heat maps side by side, over a window of five seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.window import WindowSensor, divides, held, pool, reject_values
from pta_ros.sensors.wire import as_floats, read, read_size


@dataclass(frozen=True)
class RadarSensor(WindowSensor):
    """Physical array: float32 (packets, 256, 128), any linear or logarithmic power unit.

    Every map is pooled to `rows` x `columns`. `standardise` subtracts a window's mean and divides
    by its deviation, so that the unit does not matter.
    """

    modality: ClassVar[str] = "radar"
    sensor_set: ClassVar[str] = "xrf55"
    topic: ClassVar[str] = "radar/heatmap"
    message_type: ClassVar[str] = "pta_msgs/msg/RadarHeatmap"
    frame_id: ClassVar[str] = "radar_frame"
    colour: ClassVar[str] = "#CC79A7"
    letter: ClassVar[str] = "R"
    values_field: ClassVar[str] = "power"

    packets: int = 17
    height: int = 256
    width: int = 128
    rows: int = 32
    columns: int = 64
    standardise: bool = True
    max_power: float = 1e12

    def __post_init__(self) -> None:
        super().__post_init__()
        divides(self.rows, self.height, "radar: rows")
        divides(self.columns, self.width, "radar: columns")

    @property
    def shape(self) -> tuple[int, ...]:
        """(packets, rows, columns)."""
        return (self.packets, *self.packet_shape)

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """(height, width)."""
        return (self.height, self.width)

    @property
    def packet_shape(self) -> tuple[int, ...]:
        """(rows, columns)."""
        return (self.rows, self.columns)

    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read a pta_msgs/RadarHeatmap as (1, 256, 128)."""
        shape = tuple(read_size(msg, name, source) for name in ("rows", "columns"))
        if shape != self.raw_shape:
            raise DecodeError(source, f"rows, columns = {shape}", str(self.raw_shape))
        power = as_floats(read(msg, "power", source), "power", source)
        if power.size != self.height * self.width:
            expected = f"{self.height * self.width} (rows x columns)"
            raise DecodeError(source, f"{power.size} values of power", expected)
        return power.reshape(1, *self.raw_shape)

    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """A pta_msgs/RadarHeatmap of one pair of maps (rows, columns) or (1, rows, columns)."""
        rows, columns = array.shape[-2:]
        power = np.ascontiguousarray(array, np.float32).reshape(-1)
        return {"rows": rows, "columns": columns, "power": power}

    def check_packets(self, packets: FloatArray, source: str) -> None:
        """Reject values that are not finite or absurd, and maps without any contrast."""
        reject_values(packets, self.max_power, 0.0, "powers", source)
        flat = packets.reshape(len(packets), -1)
        if (np.ptp(flat, axis=1) <= 0).any():
            raise DecodeError(source, "a heat map of equal values", "maps with contrast")

    def squeeze(self, packets: FloatArray) -> FloatArray:
        """Pool every map."""
        return pool(pool(packets, 1, self.rows), 2, self.columns)

    def finish(self, window: FloatArray) -> FloatArray:
        """Fill what is not known, and standardise."""
        filled = held(window)
        if self.standardise:
            filled = (filled - filled.mean()) / max(float(filled.std()), 1e-6)
        return filled.astype(np.float32, copy=False)

    # -- injected faults, see Sensor ------------------------------------------------------------

    own_faults: ClassVar[tuple[str, ...]] = ("noise", "nan", "wrong_encoding")
    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")
    noise_text: ClassVar[str] = "sigma {p:g} % of the mean power"
