"""The fusion node's parameter file, read without ROS."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from pta_ros.errors import ConfigError
from pta_ros.fusion.params import SETS, FusionParams, StreamParams, fusion_from, fusion_specs
from pta_ros.fusion.specs import unknown_name

#: Name of the fusion node, as the launch file gives it.
NODE = "/fusion"


def read_params(
    path: Path | None, sensors: str = FusionParams.sensors
) -> tuple[FusionParams, dict[str, StreamParams]]:
    """The parameters that a fusion node named `fusion` would take from `path`; None: the defaults.

    `sensors` is the set of sensors where the file names none. Node names in the file may hold
    ROS 2's wildcards; later entries win. Raises ConfigError for a file that cannot be read, an
    unknown name and a value out of range.
    """
    given = _given(path) if path else {}
    asked = given.get("sensors", sensors)
    known = {spec.name: spec for spec in fusion_specs(asked if asked in tuple(SETS) else sensors)}
    problems = [unknown_name(n, known) for n in given if n not in known and n != "use_sim_time"]
    values = {n: spec.taken(given.get(n, spec.default)) for n, spec in known.items()}
    problems += [text for n, spec in known.items() if (text := spec.problem(values[n]))]
    if problems:
        raise ConfigError(f"{path}: {'; '.join(problems)}")
    return fusion_from(values)


def sensor_set(modalities: Collection[str]) -> str:
    """The set that has these modalities; raises ConfigError when none has them all."""
    for name, topics in SETS.items():
        if set(modalities) <= set(topics):
            return name
    raise ConfigError(f"modalities are {list(modalities)}; expected some of one of {SETS}")


def _given(path: Path) -> dict[str, Any]:
    """Values by full name, of all entries that mean the fusion node."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(f"{path}: {reason}; expected a ROS 2 parameter file") from error
    entries: list[Any] = [
        entry.get("ros__parameters")
        for name, entry in (content.items() if isinstance(content, dict) else ())
        if isinstance(entry, dict) and _means_fusion(str(name))
    ]
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path}: no ros__parameters of a node {NODE}; see config/mmfi_live.yaml")
    values: dict[str, Any] = {}
    for entry in entries:
        values.update(_flat(entry))
    return values


def _means_fusion(name: str) -> bool:
    """Whether an entry of the file is for the fusion node, in whatever namespace."""
    return fnmatchcase(NODE, "/" + name.lstrip("/").removeprefix("**/").replace("**", "*"))


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as names with dots."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        deeper = isinstance(value, dict)
        flat.update(_flat(value, f"{prefix}{name}.") if deeper else {f"{prefix}{name}": value})
    return flat
