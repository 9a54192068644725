"""Sensor settings to and from plain data (JSON, YAML), so that they travel with the weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pta_ros.errors import ConfigError
from pta_ros.sensors.base import Sensor


def to_config(sensors: Mapping[str, Sensor]) -> dict[str, dict[str, Any]]:
    """Describe sensors by modality and field, in plain types (tuples become lists)."""
    return {modality: _plain(sensor) for modality, sensor in sensors.items()}


def from_config(config: object, known: Mapping[str, type[Sensor]]) -> dict[str, Sensor]:
    """Build the sensors a config names; fields left out keep their defaults.

    Raises ConfigError for an unknown modality or field and for a value of the wrong type.
    """
    sensors: dict[str, Sensor] = {}
    for modality, fields in _mapping(config, "sensors").items():
        if modality not in known:
            raise ConfigError(f"sensors: unknown modality {modality!r}{_hint(modality, known)}")
        sensors[modality] = _build(known[modality], modality, fields)
    return sensors


def _build(kind: type[Sensor], modality: str, values: object) -> Sensor:
    """Make one sensor, checking names and types against the dataclass's defaults."""
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    checked = {}
    for name, value in _mapping(values, f"sensors.{modality}").items():
        if name not in defaults:
            raise ConfigError(f"sensors.{modality}: unknown field {name!r}{_hint(name, defaults)}")
        checked[name] = _like(defaults[name], value, f"sensors.{modality}.{name}")
    return kind(**checked)


def _like(default: Any, value: Any, where: str) -> Any:
    """Return the value in its default's type, or raise ConfigError."""
    if isinstance(default, tuple) and isinstance(value, (list, tuple)):
        if len(value) == len(default):
            return tuple(_like(d, v, where) for d, v in zip(default, value, strict=True))
    elif isinstance(default, float) and type(value) in (int, float):
        return float(value)
    elif type(value) is type(default):
        return value
    raise ConfigError(f"{where} = {value!r}; expected a value like {default!r}")


def _mapping(value: object, where: str) -> Mapping[Any, Any]:
    """Return the value if it is a mapping, or raise ConfigError."""
    if isinstance(value, Mapping):
        return value
    raise ConfigError(f"{where} = {value!r}; expected names and values")


def _plain(sensor: Sensor) -> dict[str, Any]:
    """Describe one sensor's fields in the types JSON and YAML have."""
    fields = dataclasses.asdict(sensor)  # type: ignore[call-overload]
    return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}


def _hint(name: object, known: Iterable[str]) -> str:
    """Suggest the closest known names, or list them all."""
    names = list(known)
    close = get_close_matches(str(name), names)
    return (
        f"; did you mean {', '.join(close)}?" if close else f"; expected one of {', '.join(names)}"
    )
