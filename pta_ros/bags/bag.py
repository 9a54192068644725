"""rosbag2 recordings without ROS: mcap and sqlite3, compressed or not, whole or cut off.

with Bag([Path("recording")]) as bag:
    for raw in bag.messages({"/depth/image"}):
        msg = bag.decode(raw)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pta_ros.bags import types as bag_types
from pta_ros.bags.files import ZSTD_MAGIC, find_files, inflated, unpack
from pta_ros.bags.messages import header, message
from pta_ros.bags.part import Part
from pta_ros.bags.records import Channel, Raw, Topic, in_order
from pta_ros.bags.writer import BagWriter
from pta_ros.errors import DatasetError

__all__ = ["Bag", "BagWriter", "Raw", "Topic", "header", "message"]


class Bag:
    """One recording: a folder, a file, or several of them (the parts of a split one).

    A context manager; entering it raises DatasetError when there is nothing to read. `topics` are
    by name, `begin_ns` and `end_ns` the times of the first and last message.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = [Path(path) for path in paths]
        self.topics: dict[str, Topic] = {}
        self.begin_ns = 0
        self.end_ns = 0
        self._parts: list[Part] = []
        self._told: list[str] = []
        #: By file: what is read of it, and in words what could not be unpacked.
        self._unpacked: dict[Path, tuple[Path, str]] = {}
        self._given: dict[Path, tuple[Path, str]] = {}

    def again(self) -> Bag:
        """The same recording, not opened: for another process, while this one stays open.

        It reads what was unpacked here, so nothing is unpacked twice, or left behind when that
        process is killed.
        """
        other = self._unopened()
        other._given = dict(self._unpacked)
        return other

    def _unopened(self) -> Bag:
        return Bag(self.paths)

    def __enter__(self) -> Bag:
        with ExitStack() as stack:
            self._parts = self._open(stack)
            filled = [part.source for part in self._parts if part.source.count]
            if not filled:
                names, told = ", ".join(map(str, self.paths)), ["no messages in it", *self.losses]
                expected = "expected a recording with messages"
                raise DatasetError(f"{names}: {'; '.join(told)}; {expected}")
            self.begin_ns = min(source.begin_ns for source in filled)
            self.end_ns = max(source.end_ns for source in filled)
            self._read_topics([each for part in self._parts for each in part.source.channels])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def losses(self) -> list[str]:
        """What could not be read, in words; complete once `messages` has run out."""
        return [*self._told, *(text for part in self._parts for text in part.losses(self.begin_ns))]

    def messages(self, topics: Collection[str], start_ns: int = 0) -> Iterator[Raw]:
        """The messages of these topics from `start_ns` on, of all parts, in order of time."""
        wanted = set(topics) & self.topics.keys()
        sources = [
            (part.source.begin_ns, partial(part.messages, wanted, start_ns))
            for part in self._parts
            if part.source.count and part.source.end_ns >= start_ns
        ]
        last_ns, disordered = 0, 0
        for raw in in_order(sources):
            if raw.time_ns < last_ns:  # only where a damage has changed times or index
                disordered += 1
                continue
            last_ns = raw.time_ns
            # Serialized bytes begin with zero, so this is a message that was compressed by itself.
            yield raw if raw.data[:4] != ZSTD_MAGIC else replace(raw, data=inflated(raw.data))
        if disordered:
            self._tell(f"{disordered} messages came out of order and are left out")

    def span_ns(self, topic: str) -> tuple[int, int]:
        """Times of the first and last message of the files that have the topic."""
        files = [
            part.source
            for part in self._parts
            if any(each.topic.name == topic for each in part.source.channels) and part.source.count
        ]
        return min(f.begin_ns for f in files), max(f.end_ns for f in files)

    def decode(self, raw: Raw) -> Any:
        """The message, its attributes as in ROS; DecodeError when the bytes do not fit its type."""
        return bag_types.decode(self._types, raw.topic, raw.type, raw.data)

    def _open(self, stack: ExitStack) -> list[Part]:
        """Open the files; those of a folder that are no recording are told."""
        files, self._told = find_files(self.paths)
        same = Counter(file.name for file in files)
        parts = []
        for file in files:
            name = file.name if same[file.name] == 1 else f"{file.parent.name}/{file.name}"
            try:
                self._unpacked[file] = self._given.get(file) or unpack(file, stack)
                path, problem = self._unpacked[file]
                parts.append(Part(path, name, problem))
            except DatasetError as error:
                if len(files) == 1:
                    raise DatasetError(f"{file}: {error}") from error
                self._told.append(f"{name}: {error}")
            else:
                stack.callback(parts[-1].close)
        return parts

    def _read_topics(self, channels: list[Channel]) -> None:
        """Merge the parts' topics, and learn the message types that they define."""
        for channel in channels:
            topic = channel.topic
            if channel.encoding != "cdr":
                self._tell(f"{topic.name} is recorded as {channel.encoding!r}; expected 'cdr'")
                continue
            before = self.topics.get(topic.name, replace(topic, count=0))
            self.topics[topic.name] = replace(before, count=before.count + topic.count)
        definitions = ((channel.topic.type, channel.definition) for channel in channels)
        self._types, unusable = bag_types.types_of(definitions)
        self._told += unusable

    def _tell(self, loss: str) -> None:
        self._told += [loss] if loss not in self._told else []
