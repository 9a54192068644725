"""What a recording consists of: topics, messages, and the files that they come from."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
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


class Source(ABC):
    """One file's messages. `count` is 0 only when it has no message; then both times are 0 too.

    `begin_ns` and `end_ns` are the times of the first and last message. `damages` is complete when
    all messages have been read.
    """

    def __init__(self) -> None:
        self.damages: list[Damage] = []
        self.channels: list[Channel] = []
        self.count = 0
        self.begin_ns = 0
        self.end_ns = 0

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, in order of time."""

    def note(self, damage: Damage) -> None:
        """Add a damage, once."""
        self.damages += [damage] if damage not in self.damages else []


def in_order(sources: Iterable[tuple[int, Callable[[], Iterable[Raw]]]]) -> Iterator[Raw]:
    """All messages of several sources in order of time; at the same time, the earlier source first.

    A source is (time of its first message in ns, function that gives its messages in order). It is
    opened when that time is reached and dropped at its end, so that few are open at once.
    """
    waiting = sorted(enumerate(sources), key=lambda each: (each[1][0], each[0]), reverse=True)
    heads: list[tuple[int, int, Raw, Iterator[Raw]]] = []
    while waiting or heads:
        if waiting and (not heads or waiting[-1][1][0] <= heads[0][0]):
            index, (_, messages) = waiting.pop()
            rest = iter(messages())
        else:
            _, index, raw, rest = heapq.heappop(heads)
            yield raw
        if (following := next(rest, None)) is not None:
            heapq.heappush(heads, (following.time_ns, index, following, rest))
