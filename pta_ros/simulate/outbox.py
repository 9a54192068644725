"""What each simulated sensor sends at one tick, once the script's faults are applied.

Corrupt messages contradict themselves or mean nothing. Their kinds cycle, so that a few seconds of
them try every check a decoder should have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pta_ros.sensors import SENSORS
from pta_ros.sensors.wire import as_bytes
from pta_ros.simulate.script import Fault, Phase

Fields = dict[str, Any]

#: Ways in which each simulated sensor's messages are corrupt.
KINDS = {
    "depth": ("encoding", "truncated", "zeros", "saturated"),
    "lidar": ("nan", "truncated", "empty", "far", "collapsed"),
    "csi": ("nan", "antennas", "truncated", "absurd", "noise"),
}


class SensorFrame(Protocol):
    """The clean readings of one instant (what `recording.SimFrame` provides)."""

    @property
    def readings(self) -> Mapping[str, NDArray[Any]]:
        """Each sensor's reading."""


@dataclass(frozen=True)
class Outbox:
    """The messages' fields to publish at one tick, of the sensors that send something new.

    `repeat` names the modalities that send their last message again, old stamp and all.
    """

    fields: dict[str, Fields]
    repeat: tuple[str, ...] = ()


def pack(frame: SensorFrame, phase: Phase, index: int, seed: int) -> Outbox:
    """Apply the faults of `phase` to a clean frame; the same `seed` and `index` give the same."""
    rng = np.random.default_rng((seed, index))
    fields = {}
    for modality, reading in frame.readings.items():
        if phase.fault(modality) is Fault.NONE:
            fields[modality] = SENSORS[modality]().fields(reading)
        elif phase.fault(modality) is Fault.CORRUPT:
            fields[modality] = corrupt(modality, index, reading, rng)
    frozen = tuple(m for m, fault in phase.faults.items() if fault is Fault.FROZEN)
    return Outbox(fields, frozen)


def corrupt(modality: str, turn: int, reading: NDArray[Any], rng: np.random.Generator) -> Fields:
    """The fields of the `turn`-th kind of corrupt message, made from a clean reading.

    `reading` is as in SimFrame.readings.
    """
    kind = KINDS[modality][turn % len(KINDS[modality])]
    sensor = SENSORS[modality]()
    clean = sensor.fields(reading)
    if kind == "truncated":
        values = clean[sensor.values_field]
        return {**clean, sensor.values_field: values[: len(values) // 2]}
    return {**clean, **_CHANGES[modality](kind, reading, rng)}


def _depth(kind: str, millimetres: NDArray[Any], _rng: np.random.Generator) -> Fields:
    if kind == "encoding":
        return {"encoding": "rgb8"}
    level = {"zeros": 0, "saturated": 65535}[kind]
    return {"data": as_bytes(np.full_like(millimetres, level))}


def _lidar(kind: str, points_m: NDArray[Any], _rng: np.random.Generator) -> Fields:
    if kind == "empty":
        return {**SENSORS["lidar"]().fields(points_m[:0]), "fields": []}
    if kind == "far":
        return {"data": as_bytes(points_m + np.float32(1e6))}
    level = {"nan": np.nan, "collapsed": 0.0}[kind]
    return {"data": as_bytes(np.full_like(points_m, level))}


def _csi(kind: str, amplitude: NDArray[Any], rng: np.random.Generator) -> Fields:
    clean = SENSORS["csi"]().fields(amplitude)
    if kind == "antennas":
        return SENSORS["csi"]().fields(amplitude[:-1])
    if kind == "noise":  # white noise of the values of a real frame: only their order betrays it
        return {"amplitude": rng.permutation(clean["amplitude"])}
    factor = {"nan": np.nan, "absurd": 1e12}[kind]
    return {"amplitude": clean["amplitude"] * np.float32(factor)}


_CHANGES = {"depth": _depth, "lidar": _lidar, "csi": _csi}
