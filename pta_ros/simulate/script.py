"""The fault script of a simulated session: which stream fails how, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from pta_ros.errors import ConfigError
from pta_ros.sensors import SENSORS
from pta_ros.settings import read_yaml

MODALITIES = ("depth", "lidar", "csi")
#: How many people may be in the room.
PEOPLE = (0, 1, 2)


class Fault(str, Enum):
    """How a stream fails: it publishes nothing, corrupt data, or its last message again."""

    NONE = "none"
    SILENT = "silent"
    CORRUPT = "corrupt"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Phase:
    """A span of the script [start_s, end_s) with the faults of the streams that have one.

    `people` are in the room, of the simulator that knows more or fewer than one.
    """

    name: str
    start_s: float
    end_s: float
    faults: Mapping[str, Fault] = field(default_factory=dict)
    modalities: tuple[str, ...] = MODALITIES
    people: int = 1

    def fault(self, modality: str) -> Fault:
        """The fault of `modality` in this phase."""
        return self.faults.get(modality, Fault.NONE)

    @property
    def available(self) -> tuple[str, ...]:
        """The modalities that publish good new data in this phase."""
        return tuple(m for m in self.modalities if self.fault(m) is Fault.NONE)


@dataclass(frozen=True)
class Script:
    """Consecutive phases from 0 to `duration_s`; raises ConfigError when they are not."""

    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not self.phases:
            raise ConfigError("the script has no phases; give at least one")
        if self.phases[0].start_s != 0:
            raise ConfigError(f"the script starts at {self.phases[0].start_s} s; expected 0")
        for phase in self.phases:
            if not phase.end_s > phase.start_s:
                raise ConfigError(
                    f"phase {phase.name!r} goes from {phase.start_s} s to {phase.end_s} s; "
                    "expected the end after the start"
                )
        for before, after in pairwise(self.phases):
            if after.start_s != before.end_s:
                raise ConfigError(
                    f"phase {after.name!r} starts at {after.start_s} s; expected {before.end_s} s, "
                    f"the end of {before.name!r}"
                )
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ConfigError(f"phase names {names} repeat; give each phase its own name")

    @property
    def duration_s(self) -> float:
        """The end of the last phase in seconds."""
        return self.phases[-1].end_s

    def scaled(self, duration_s: float) -> Script:
        """The same script stretched to last `duration_s` seconds."""
        if not duration_s > 0:
            raise ConfigError(f"duration {duration_s} s; expected more than 0")
        by = duration_s / self.duration_s
        return Script(
            tuple(replace(p, start_s=p.start_s * by, end_s=p.end_s * by) for p in self.phases)
        )

    def at(self, t_s: float) -> Phase | None:
        """The phase that holds the time `t_s` since the script began; None once it is over."""
        # A tick's time is a sum of floats: half a microsecond keeps it out of the phase before.
        return next((p for p in self.phases if p.start_s <= t_s + 5e-7 < p.end_s), None)


def _phase(record: Any, modalities: tuple[str, ...]) -> Phase:
    expected = "expected {name, start_s, end_s, people, faults: {modality: fault}}"
    if not isinstance(record, dict) or not {"name", "start_s", "end_s"} <= set(record):
        raise ConfigError(f"phase {record!r}; {expected}")
    if unknown := set(record) - {"name", "start_s", "end_s", "people", "faults"}:
        raise ConfigError(
            f"phase {record['name']!r} has unknown keys {sorted(unknown)}; {expected}"
        )
    faults = {}
    for modality, fault in (record.get("faults") or {}).items():
        if modality not in modalities:
            raise ConfigError(f"unknown modality {modality!r}; expected one of {list(modalities)}")
        try:
            faults[modality] = Fault(fault)
        except ValueError:
            known = [f.value for f in Fault]
            raise ConfigError(
                f"unknown fault {fault!r} of {modality}; expected one of {known}"
            ) from None
    try:
        start_s, end_s = float(record["start_s"]), float(record["end_s"])
    except (TypeError, ValueError):
        raise ConfigError(f"times of phase {record!r}; expected seconds as numbers") from None
    people = record.get("people", 1)
    if people not in PEOPLE:
        raise ConfigError(
            f"phase {record['name']!r}: people {people!r}; expected one of {list(PEOPLE)}"
        )
    return Phase(str(record["name"]), start_s, end_s, faults, modalities, int(people))


def parse_script(record: Any) -> Script:
    """Build a script from {duration_s, sensors, phases: [...]}; raises ConfigError.

    `sensors` are those of the phases; without, MM-Fi's.
    """
    if not isinstance(record, dict) or not isinstance(record.get("phases"), list):
        raise ConfigError(f"script {record!r}; expected a mapping with a list `phases`")
    sensors = record.get("sensors", list(MODALITIES))
    if not isinstance(sensors, list) or not sensors or not set(sensors) <= set(SENSORS):
        raise ConfigError(f"script: sensors {sensors!r}; expected a list of some of {[*SENSORS]}")
    script = Script(tuple(_phase(p, tuple(sensors)) for p in record["phases"]))
    stated = record.get("duration_s", script.duration_s)
    if stated != script.duration_s:
        raise ConfigError(
            f"duration_s is {stated} but the last phase ends at {script.duration_s} s"
        )
    return script


def load_script(path: Path, duration_s: float | None = None) -> Script:
    """Read the `script` of a YAML file, stretched to `duration_s`; raises ConfigError."""
    record = read_yaml(path, "a script of faults (YAML)")
    try:
        script = parse_script(record.get("script") if isinstance(record, dict) else record)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return script.scaled(duration_s) if duration_s is not None else script


def save_script(script: Script, path: Path) -> None:
    """Write a script as YAML that `load_script` reads back."""
    phases = [
        {
            "name": p.name,
            "start_s": p.start_s,
            "end_s": p.end_s,
            "people": p.people,
            "faults": {m: f.value for m, f in p.faults.items()},
        }
        for p in script.phases
    ]
    record = {"script": {"sensors": list(script.phases[0].modalities), "phases": phases}}
    path.write_text(yaml.safe_dump(record, sort_keys=False))
