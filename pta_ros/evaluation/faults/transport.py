"""Faults between sensor and receiver: serialised messages that are lost, late, doubled or cut."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pta_ros.bags.records import Raw
from pta_ros.evaluation.faults.plan import Fault

#: Serialised messages may end in padding (to 4 bytes) behind the last value (up to 8 bytes).
_LEAST_CUT = 12


class TransportStage:
    """One fault; messages of its sensor go through in order of their recorded times."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def step(self, raw: Raw, since_ns: int) -> list[Raw]:
        """What becomes of a message recorded `since_ns` after the bag's begin."""
        if not self.fault.covers(since_ns):
            return self.outside(raw)
        return self.inside(raw, since_ns, self.fault.rng(since_ns))

    def inside(self, raw: Raw, since_ns: int, rng: np.random.Generator) -> list[Raw]:
        """What becomes of a message in the fault's window."""
        raise NotImplementedError

    def outside(self, raw: Raw) -> list[Raw]:
        """What becomes of the others."""
        return [raw]

    def rest(self) -> list[Raw]:
        """What is still held when no more messages come."""
        return []

    def strikes(self, rng: np.random.Generator) -> bool:
        """Whether this message is among the share that `strength` says."""
        return bool(rng.random() < self.fault.strength)


class Drop(TransportStage):
    """A share of the messages is lost."""

    def inside(self, raw: Raw, since_ns: int, rng: np.random.Generator) -> list[Raw]:
        """Nothing, or the message."""
        return [] if self.strikes(rng) else [raw]


class Rate(TransportStage):
    """Of every period of 1/strength seconds the first message remains."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self._last = -1

    def inside(self, raw: Raw, since_ns: int, rng: np.random.Generator) -> list[Raw]:
        """The message if it is its period's first."""
        # A microsecond keeps a message that comes exactly at a period's begin out of the last one.
        periods = (since_ns / 1e9 - self.fault.start_s + 1e-6) * self.fault.strength
        before, self._last = self._last, math.floor(periods)
        return [raw] if self._last > before else []


class Truncated(TransportStage):
    """The end of the bytes is missing, at least so much that no message survives it."""

    def inside(self, raw: Raw, since_ns: int, rng: np.random.Generator) -> list[Raw]:
        """The message without its end."""
        cut = max(_LEAST_CUT, math.ceil(len(raw.data) * self.fault.strength))
        return [replace(raw, data=raw.data[: max(0, len(raw.data) - cut)])]


class Duplicate(TransportStage):
    """A share of the messages comes twice at once."""

    def inside(self, raw: Raw, since_ns: int, rng: np.random.Generator) -> list[Raw]:
        """The message, once or twice."""
        return [raw, raw] if self.strikes(rng) else [raw]


class Reorder(TransportStage):
    """A message waits and comes just behind the next one."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self._held: Raw | None = None

    def inside(self, raw: Raw, since_ns: int, rng: np.random.Generator) -> list[Raw]:
        """Nothing, the message, or it and the one before it."""
        if self._held is not None:
            return self.outside(raw)
        if not self.strikes(rng):
            return [raw]
        self._held = raw
        return []

    def outside(self, raw: Raw) -> list[Raw]:
        """The message, and behind it the one that waited for it."""
        return [raw, *(replace(held, time_ns=raw.time_ns + 1) for held in self.rest())]

    def rest(self) -> list[Raw]:
        """The message that waits."""
        held, self._held = self._held, None
        return [] if held is None else [held]


class Delay(TransportStage):
    """Messages come later, each by its own delay; a jitter lets some overtake others."""

    def inside(self, raw: Raw, since_ns: int, rng: np.random.Generator) -> list[Raw]:
        """The message at its new time."""
        late_s = self.fault.strength + self.fault.jitter_s * rng.random()
        return [replace(raw, time_ns=raw.time_ns + round(late_s * 1e9))]


_STAGES: dict[str, type[TransportStage]] = {
    "drop": Drop,
    "rate": Rate,
    "truncated": Truncated,
    "duplicate": Duplicate,
    "reorder": Reorder,
    "delay": Delay,
}


def transport_stage(fault: Fault) -> TransportStage:
    """The stage that applies a fault of a kind in plan.TRANSPORT."""
    return _STAGES[fault.kind](fault)
