"""Faults applied in memory to the messages of a bag: what would the fusion do if...?

A fault sees its own sensor's messages alone and draws its chances from its seed and the time since
the bag's begin, so that the same plan gives the same faults whatever else is replayed.
"""

from __future__ import annotations

from typing import Any

from pta_ros.bags.records import Raw
from pta_ros.evaluation.faults.content import ContentStage, content_stage
from pta_ros.evaluation.faults.plan import (
    CONTENT,
    KINDS,
    TRANSPORT,
    Fault,
    FaultPlan,
    read_faults,
    strength_text,
)
from pta_ros.evaluation.faults.transport import TransportStage, transport_stage

__all__ = ["KINDS", "Fault", "FaultPlan", "Injector", "read_faults", "strength_text"]


class Injector:
    """One replay's faults; a second replay needs its own.

    Messages of a modality are to come in order of time: all to `transport` as recorded, what that
    gives to `content` in the new order.
    """

    def __init__(self, plan: FaultPlan, begin_ns: int) -> None:
        self.plan = plan
        self._begin_ns = begin_ns
        # Overlapping faults act in the order of KINDS, those of one kind in the plan's order.
        order = [fault for kind in KINDS for fault in plan.faults if fault.kind == kind]
        self._transport: dict[str, list[TransportStage]] = {}
        self._content: dict[str, list[ContentStage]] = {}
        for fault in order:
            if fault.kind in TRANSPORT:
                self._transport.setdefault(fault.modality, []).append(transport_stage(fault))
            if fault.kind in CONTENT:
                self._content.setdefault(fault.modality, []).append(content_stage(fault))

    def active(self, time_ns: int) -> tuple[Fault, ...]:
        """The faults of the plan that are there at this time."""
        since = time_ns - self._begin_ns
        return tuple(fault for fault in self.plan.faults if fault.covers(since))

    def transport(self, modality: str, raw: Raw) -> list[Raw]:
        """What arrives for one recorded message, perhaps later than it was recorded.

        A message that is to swap places with the next one comes out with that one, or by `flush`.
        """
        raws, since = [raw], raw.time_ns - self._begin_ns
        for stage in self._transport.get(modality, ()):
            raws = [out for one in raws for out in stage.step(one, since)]
        return raws

    def flush(self) -> list[Raw]:
        """The messages that still wait for a next one when the bag has ended."""
        found = []
        for stages in self._transport.values():
            raws: list[Raw] = []
            for stage in stages:
                since = [raw.time_ns - self._begin_ns for raw in raws]
                raws = [
                    out for raw, t in zip(raws, since, strict=True) for out in stage.step(raw, t)
                ]
                raws += stage.rest()
            found += raws
        return found

    def content(self, modality: str, time_ns: int, msg: Any) -> Any:
        """The decoded message as the faulty sensor would have sent it; `msg` is never changed.

        `time_ns` is the time of its arrival. A message that cannot be read comes back as it is:
        the sensor's decoder will say what is wrong with it.
        """
        for stage in self._content.get(modality, ()):
            msg = stage.step(msg, time_ns - self._begin_ns)
        return msg
