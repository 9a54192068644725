"""Kinds of faults, one sensor's fault, and plans of them: config/faults/ and what users write.

A kind is the transport's (messages are lost, late, doubled, cut; transport.py) or the content's
(content.py). Which sensors can have it, a sensor says (`own_faults`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from pta_ros.errors import ConfigError, did_you_mean
from pta_ros.sensors import SENSORS
from pta_ros.settings import read_yaml

#: What a depth image can lose, by `axis`.
AXES = ("rows", "columns")
_KEYS = ("kind", "modality", "start", "end", "strength", "seed", "jitter", "axis")


@dataclass(frozen=True)
class Kind:
    """What one kind of fault does; its strength lies above `low` and is at most `high`.

    `strength` says in words what is given, `value` (v, or p in per cent) how one reads. `default`
    is the strength of an entry that gives none; None: it must be given. An `own` kind is only for
    the sensors that name it.
    """

    name: str
    about: str
    strength: str
    value: str
    low: float
    high: float
    default: float | None
    own: bool = False

    @property
    def modalities(self) -> tuple[str, ...]:
        """The sensors that can have it."""
        return tuple(m for m, s in SENSORS.items() if not self.own or self.name in s.own_faults)


def _by_name(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


_SHARE = ("share of the messages", "{p:g} % of the messages", 0, 1, 1)
_OF_THEM = ("share of them", "{p:g} % of them", 0, 1, None, True)
_LOST = ("share of the bytes lost", "{p:g} % lost", 0, 1, 0.5)
_PAIRS = ("share of the pairs", "{p:g} % of the pairs", 0, 1, 1)
_SIGMA = ("one sigma, in the sensor's unit or as a share of the mean", "sigma {v:g}", 0, 100, None)
_ANTENNAS = ("number of antennas", "{v:g} antenna(s)", 0, 64, 1, True)
_JUMP = ("seconds, negative too", "{v:+g} s", -1e6, 1e6, None)
_MISSING = ("share of the array", "{p:g} % missing", 0, 1, 0.5)
TRANSPORT = _by_name(
    Kind("drop", "messages are lost", *_SHARE),
    Kind("rate", "fewer messages come", "Hz that remain", "{v:g} Hz", 0, 1000, None),
    Kind("truncated", "serialised messages are cut off", *_LOST),
    Kind("reorder", "a message swaps places with the next", *_PAIRS),
    Kind("duplicate", "messages come twice", *_SHARE),
    Kind("delay", "messages come late, with their old stamps", "seconds", "{v:g} s", 0, 3600, None),
)
CONTENT = _by_name(
    Kind("noise", "noise is added", *_SIGMA, True),
    Kind("dropout", "points or pixels are lost", *_OF_THEM),
    Kind("dead_rows", "rows or columns return nothing", *_OF_THEM),
    Kind("dead_antenna", "antennas give zero", *_ANTENNAS),
    Kind("nan", "readings are NaN", *_OF_THEM),
    Kind("freeze", "the content repeats, stamps go on", *_SHARE),
    Kind("clock_jump", "the stamps shift", *_JUMP),
    Kind("wrong_encoding", "the layout is declared wrongly", *_SHARE, True),
    Kind("short_data", "arrays are shorter than declared", *_MISSING),
)
#: Every kind, in the order in which faults that overlap are applied.
KINDS = {**CONTENT, **TRANSPORT}


@dataclass(frozen=True)
class Fault:
    """One sensor's fault in [start_s, end_s), seconds from the bag's begin.

    `strength` is in the kind's unit (`KINDS`). A delay varies by up to `jitter_s` more; dead_rows
    takes `axis` rows or columns. Raises ConfigError for a fault that makes no sense.
    """

    kind: str
    modality: str
    start_s: float
    end_s: float
    strength: float
    seed: int = 0
    jitter_s: float = 0.0
    axis: str = AXES[0]

    def __post_init__(self) -> None:
        _check_name("kind", self.kind, KINDS)
        _check_name("modality", self.modality, SENSORS)
        _check_name("axis", self.axis, AXES)
        if problem := next(self._problems(KINDS[self.kind]), None):
            raise ConfigError(problem)

    def _problems(self, kind: Kind) -> Iterator[str]:
        """What makes no sense, in words. A comparison with NaN counts as wrong."""
        what, strength = self.kind, f"strength of {self.kind} is {self.strength:g}"
        if self.modality not in kind.modalities:
            known = ", ".join(k.name for k in KINDS.values() if self.modality in k.modalities)
            yield f"{what} makes no sense for {self.modality}; expected {known}"
        if not 0 <= self.start_s < self.end_s < math.inf:
            expected = "expected 0 <= start < end, in seconds from the bag's begin"
            yield f"from {self.start_s:g} s to {self.end_s:g} s; {expected}"
        if not kind.low < self.strength <= kind.high:
            expected = f"more than {kind.low:g}, at most {kind.high:g} ({kind.strength})"
            yield f"{strength}; expected {expected}"
        if what == "clock_jump" and self.strength == 0:
            yield f"{strength}; expected the seconds to jump"
        if what == "dead_antenna" and self.strength % 1 != 0:
            yield f"{strength}; expected a whole number"
        if what != "dead_rows" and self.axis != AXES[0]:
            yield f"{what} has no axis; only dead_rows has"
        if not 0 <= self.jitter_s <= KINDS["delay"].high:
            yield f"jitter is {self.jitter_s:g} s; expected 0 to 3600 s"
        if what != "delay" and self.jitter_s:
            yield f"{what} has no jitter; only delay has"
        if self.seed < 0:
            yield f"seed is {self.seed}; expected 0 or more"

    def covers(self, since_begin_ns: int) -> bool:
        """Whether the fault is there at this time since the bag's begin."""
        return round(self.start_s * 1e9) <= since_begin_ns < round(self.end_s * 1e9)

    def rng(self, since_begin_ns: int = 0) -> np.random.Generator:
        """The chance of this fault at one time; without a time that of the whole window.

        No other fault and no other message has a part in it.
        """
        who = crc32(f"{self.kind}/{self.modality}".encode())
        return np.random.default_rng([self.seed, who, abs(since_begin_ns)])


@dataclass(frozen=True)
class FaultPlan:
    """A named set of faults."""

    name: str
    faults: tuple[Fault, ...] = ()


def strength_text(kind: str, modality: str, strength: float) -> str:
    """A fault's strength in words, with its unit."""
    text = SENSORS[modality].noise_text if kind == "noise" else KINDS[kind].value
    return text.format(v=strength, p=100 * strength)


def read_faults(path: Path) -> FaultPlan:
    """Read a plan {name, faults: [{kind, modality, start, end, strength, seed}, ...]}.

    `modality` may be a list. Raises ConfigError in one line, with the file and the entry.
    """
    content = read_yaml(path, "a plan of faults in YAML")
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: no mapping; expected faults: a list")
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


def _faults(entry: Any) -> list[Fault]:
    """The faults of one entry: one for each modality that it names."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{entry!r}; expected kind, modality, start, end and strength")
    for key in entry:
        _check_name("key", key, _KEYS)
    for key in ("kind", "modality", "start", "end"):
        if key not in entry:
            raise ConfigError(f"no {key}; expected kind, modality, start and end")
    _check_name("kind", entry["kind"], KINDS)
    named = entry["modality"]
    modalities = named if isinstance(named, list) else [named]
    if not modalities:
        raise ConfigError(f"no modality; expected one of {', '.join(SENSORS)}, or several")
    seed = entry.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ConfigError(f"seed is {seed!r}; expected a whole number")
    kind = KINDS[entry["kind"]]
    start_s, end_s = _number(entry, "start"), _number(entry, "end")
    strength = _number(entry, "strength", kind.default, kind.strength)
    jitter_s, axis = _number(entry, "jitter", 0.0), entry.get("axis", AXES[0])
    return [Fault(kind.name, m, start_s, end_s, strength, seed, jitter_s, axis) for m in modalities]


def _number(
    entry: Mapping[str, Any], key: str, default: float | None = None, meaning: str = "a number"
) -> float:
    value = entry.get(key, default)
    if value is None:
        raise ConfigError(f"no {key}; expected {meaning}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{key} is {value!r}; expected a number")
    return float(value)


def _check_name(what: str, name: object, known: Iterable[str]) -> None:
    """Raise ConfigError, with what may have been meant, when `name` is not `known`."""
    if name not in tuple(known):
        raise ConfigError(f"unknown {what} {name!r}; {did_you_mean(name, known)}")
