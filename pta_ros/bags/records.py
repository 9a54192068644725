"""The records that a bag is made of."""

from __future__ import annotations

from dataclasses import dataclass

from rosbags.interfaces import MessageDefinition


@dataclass(frozen=True, slots=True)
class Topic:
    """One recorded topic: `type` as "sensor_msgs/msg/Image", `count` messages (0 when unknown).

    `reliability` and `durability` as the publisher offered them: "best_effort", "transient_local",
    ...; empty when the recording does not say.
    """

    name: str
    type: str
    count: int
    reliability: str = ""
    durability: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """One message as recorded: `time_ns` is when the recorder got it, `data` its CDR bytes."""

    topic: str
    type: str
    time_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic in one file of a recording; `definition` is its message's, as the file has it."""

    topic: Topic
    encoding: str
    definition: MessageDefinition


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a file from `time_ns` on: "ends early" or "is damaged", and why."""

    time_ns: int
    what: str
    why: str
