"""Plans of faults: the YAML files of config/faults/ and those that users write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pta_ros.errors import ConfigError
from pta_ros.evaluation.faults.plan import AXES, MODALITIES, Fault, check_name, kind_of

_KEYS = ("kind", "modality", "start", "end", "strength", "seed", "jitter", "axis")


@dataclass(frozen=True)
class FaultPlan:
    """A named set of faults."""

    name: str
    faults: tuple[Fault, ...] = ()


def read_faults(path: Path) -> FaultPlan:
    """Read a plan {name, faults: [{kind, modality, start, end, strength, seed}, ...]}.

    `modality` may be a list. Raises ConfigError in one line, with the file and the entry.
    """
    content = _content(path)
    unknown = set(content) - {"name", "faults"}
    entries = content.get("faults")
    if unknown or not isinstance(entries, list) or not entries:
        given = f"unknown key {min(map(str, unknown))!r}" if unknown else "no list of faults"
        raise ConfigError(f"{path}: {given}; expected faults: a list, and a name if you like")
    faults: list[Fault] = []
    for number, entry in enumerate(entries, 1):
        try:
            faults += _faults(entry)
        except ConfigError as error:
            raise ConfigError(f"{path}: fault {number}: {error}") from None
    return FaultPlan(str(content.get("name", path.stem)), tuple(faults))


def _content(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(f"{path}: {reason}; expected a plan of faults in YAML") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: no mapping; expected faults: a list")
    return content


def _faults(entry: Any) -> list[Fault]:
    """The faults of one entry: one for each modality that it names."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{entry!r}; expected kind, modality, start, end and strength")
    for key in entry:
        check_name("key", key, _KEYS)
    for key in ("kind", "modality", "start", "end"):
        if key not in entry:
            raise ConfigError(f"no {key}; expected kind, modality, start and end")
    named = entry["modality"]
    modalities = named if isinstance(named, list) else [named]
    if not modalities:
        raise ConfigError(f"no modality; expected one of {', '.join(MODALITIES)}, or several")
    return [_fault(entry, modality) for modality in modalities]


def _fault(entry: Mapping[str, Any], modality: Any) -> Fault:
    name = entry["kind"]
    kind = kind_of(name)
    strength = _number(entry, "strength", kind.default)
    return Fault(
        kind=name,
        modality=modality,
        start_s=_number(entry, "start"),
        end_s=_number(entry, "end"),
        strength=strength,
        seed=_whole(entry.get("seed", 0)),
        jitter_s=_number(entry, "jitter", 0.0),
        axis=entry.get("axis", AXES[0]),
    )


def _number(entry: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = entry.get(key, default)
    if value is None:
        raise ConfigError(f"no {key}; expected {kind_of(entry['kind']).strength}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{key} is {value!r}; expected a number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"seed is {value!r}; expected a whole number")
    return value
