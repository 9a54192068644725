"""The parameters of the stand-alone sensor node, as those of the fusion node in params.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pta_ros.fusion.config import Source, StreamParams
from pta_ros.fusion.params import device_of
from pta_ros.sensors import SENSORS, WindowSensor
from pta_ros.settings import Spec, build, param, specs


@dataclass(frozen=True)
class SensorParams(Source):
    """The stand-alone sensor node: one stream, reduced near its sensor."""

    fixed: ClassVar[bool] = True

    modality: str = param("depth", "which sensor this is", choices=lambda: _single())
    model: str = param("", "model folder whose sensor settings to use; empty takes the defaults")
    topic: str = param("", "topic in; empty takes the modality's. Out is this + '/reduced'")
    qos_depth: int = param(5, "messages kept while a callback runs; the newest wins", low=1, high=5)


def _single() -> tuple[str, ...]:
    """The sensors whose messages are decoded one by one: those that a sensor node can read."""
    return tuple(m for m, kind in SENSORS.items() if not issubclass(kind, WindowSensor))


def sensor_specs(modality: str = SensorParams.modality) -> tuple[Spec, ...]:
    """Every parameter of the sensor node of one modality."""
    return specs(SensorParams) + specs(SENSORS[modality].installation)


def sensor_from(values: Mapping[str, Any]) -> tuple[SensorParams, StreamParams]:
    """The sensor node's own parameters and its stream's, from values by name; raises ConfigError.

    A topic that is left empty becomes the modality's.
    """
    own = build(SensorParams, {s.name: values[s.name] for s in specs(SensorParams)})
    given = {f.name: getattr(own, f.name) for f in fields(Source)}
    given["topic"] = own.topic or SENSORS[own.modality].topic
    stream = StreamParams(**given, device=device_of(own.modality, values))
    stream.check(own.modality)
    stream.check_moves(own.modality)
    return own, stream
