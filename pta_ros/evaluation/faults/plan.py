"""The kinds of faults: which sensors can have each, and what its strength means.

They are the transport's (messages are lost, late, doubled, cut) or the content's. Kinds that
training/corrupt.py and simulate/garbage.py know too share no code with those: there a tensor that
is already reduced is spoilt, or a message is made up from scratch; here a recorded message keeps
its layout, byte order, padding and other fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from zlib import crc32

import numpy as np

from pta_ros.errors import ConfigError
from pta_ros.sensors import SENSORS

#: The sensors that can have faults.
MODALITIES = tuple(SENSORS)
#: What a depth image can lose, by `axis`.
AXES = ("rows", "columns")


@dataclass(frozen=True)
class Kind:
    """What one kind of fault does, to whom; `low` is exclusive, `high` inclusive.

    `strength` says in words what is given, `value` (v, or p in per cent) how one reads.
    `default` is the strength of an entry that gives none; None: it must be given.
    """

    about: str
    strength: str
    value: str
    low: float
    high: float
    default: float | None
    modalities: tuple[str, ...] = MODALITIES


_SHARE = ("share of the messages", "{p:g} % of the messages")
_SHARE_OF_THEM = ("share of them", "{p:g} % of them")
TRANSPORT = {
    "drop": Kind("messages are lost", *_SHARE, 0, 1, 1),
    "rate": Kind("fewer messages come", "Hz that remain", "{v:g} Hz", 0, 1000, None),
    "truncated": Kind(
        "serialised messages are cut off", "share of the bytes lost", "{p:g} % lost", 0, 1, 0.5
    ),
    "reorder": Kind(
        "a message swaps places with the next",
        "share of the pairs",
        "{p:g} % of the pairs",
        0,
        1,
        1,
    ),
    "duplicate": Kind("messages come twice", *_SHARE, 0, 1, 1),
    "delay": Kind("messages come late with their old stamps", "seconds", "{v:g} s", 0, 3600, None),
}
CONTENT = {
    "noise": Kind(
        "noise is added",
        "one sigma in metres; of csi, wifi and radar as a share of the mean; of rfid in radians",
        "sigma {v:g} m",
        0,
        100,
        None,
    ),
    "dropout": Kind("points or pixels are lost", *_SHARE_OF_THEM, 0, 1, None, ("depth", "lidar")),
    "dead_rows": Kind("rows or columns return nothing", *_SHARE_OF_THEM, 0, 1, None, ("depth",)),
    "dead_antenna": Kind(
        "antennas give zero", "number of antennas", "{v:g} antenna(s)", 0, 64, 1, ("csi", "wifi")
    ),
    "nan": Kind(
        "readings are NaN", *_SHARE_OF_THEM, 0, 1, None, ("lidar", "csi", "radar", "wifi", "rfid")
    ),
    "freeze": Kind("the content repeats, stamps go on", *_SHARE, 0, 1, 1),
    "clock_jump": Kind("the stamps shift", "seconds, negative too", "{v:+g} s", -1e6, 1e6, None),
    "wrong_encoding": Kind(
        "the layout is declared wrongly",
        *_SHARE,
        0,
        1,
        1,
        tuple(m for m in MODALITIES if m != "rfid"),  # declares none
    ),
    "short_data": Kind(
        "arrays are shorter than declared", "share of the array", "{p:g} % missing", 0, 1, 0.5
    ),
}
#: What the sigma of noise is, where it is not in metres.
_OF_AMPLITUDE = "sigma {p:g} % of the mean amplitude"
_NOISE = {
    "csi": _OF_AMPLITUDE,
    "wifi": _OF_AMPLITUDE,
    "radar": "sigma {p:g} % of the mean power",
    "rfid": "sigma {v:g} rad",
}
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
        kind = kind_of(self.kind)
        check_name("modality", self.modality, MODALITIES)
        if self.modality not in kind.modalities:
            kinds = ", ".join(k for k, known in KINDS.items() if self.modality in known.modalities)
            raise ConfigError(f"{self.kind} makes no sense for {self.modality}; expected {kinds}")
        if not 0 <= self.start_s < self.end_s < math.inf:
            raise ConfigError(
                f"from {self.start_s:g} s to {self.end_s:g} s; expected 0 <= start < end, in "
                "seconds from the bag's begin"
            )
        _check_strength(kind, self.kind, self.strength)
        self._check_extras()

    def _check_extras(self) -> None:
        """Reject what only other kinds have, and what they cannot take."""
        check_name("axis", self.axis, AXES)
        if self.axis != AXES[0] and self.kind != "dead_rows":
            raise ConfigError(f"{self.kind} has no axis; only dead_rows has")
        if not 0 <= self.jitter_s <= KINDS["delay"].high:
            raise ConfigError(f"jitter is {self.jitter_s:g} s; expected 0 to 3600 s")
        if self.jitter_s and self.kind != "delay":
            raise ConfigError(f"{self.kind} has no jitter; only delay has")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; expected 0 or more")

    def covers(self, since_begin_ns: int) -> bool:
        """Whether the fault is there at this time since the bag's begin."""
        return round(self.start_s * 1e9) <= since_begin_ns < round(self.end_s * 1e9)

    def rng(self, since_begin_ns: int = 0) -> np.random.Generator:
        """The chance of this fault at one time; without a time that of the whole window.

        No other fault and no other message has a part in it.
        """
        who = crc32(f"{self.kind}/{self.modality}".encode())
        return np.random.default_rng([self.seed, who, abs(since_begin_ns)])


def strength_text(kind: str, modality: str, strength: float) -> str:
    """A fault's strength in words, with its unit."""
    text = _NOISE.get(modality, KINDS[kind].value) if kind == "noise" else KINDS[kind].value
    return text.format(v=strength, p=100 * strength)


def kind_of(name: str) -> Kind:
    """The kind of this name; ConfigError, saying what may have been meant, when there is none."""
    check_name("kind", name, tuple(KINDS))
    return KINDS[name]


def check_name(what: str, name: str, known: tuple[str, ...]) -> None:
    """Raise ConfigError, with what may have been meant, when `name` is not `known`."""
    if name in known:
        return
    close = get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
    raise ConfigError(f"unknown {what} {name!r}; {hint}")


def _check_strength(kind: Kind, name: str, strength: float) -> None:
    expected = f"more than {kind.low:g}, at most {kind.high:g} ({kind.strength})"
    if not kind.low < strength <= kind.high:  # written so that NaN fails
        raise ConfigError(f"strength of {name} is {strength:g}; expected {expected}")
    if name == "clock_jump" and strength == 0:
        raise ConfigError("strength of clock_jump is 0; expected the seconds to jump")
    if name == "dead_antenna" and strength != int(strength):
        raise ConfigError(f"strength of {name} is {strength:g}; expected a whole number")
