"""The topics of an MCAP file, collected from wherever their records lie."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Set
from typing import NamedTuple

from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat

from pta_ros.bags.mcap_records import Op, text_at
from pta_ros.bags.qos import offered, parsed
from pta_ros.bags.records import Channel, Topic

_FORMATS = {
    "ros2msg": MessageDefinitionFormat.MSG,
    "ros2idl": MessageDefinitionFormat.IDL,
    "omgidl": MessageDefinitionFormat.IDL,
}
_NO_DEFINITION = MessageDefinition(MessageDefinitionFormat.NONE, "")


class _Schema(NamedTuple):
    type: str
    definition: MessageDefinition


class _Entry(NamedTuple):
    schema: int
    topic: str
    encoding: str
    qos: str


class McapTopics:
    """Schemas and channels by number; the first record of a number counts."""

    def __init__(self) -> None:
        self._schemas: dict[int, _Schema] = {}
        self._entries: dict[int, _Entry] = {}

    @property
    def ids(self) -> Set[int]:
        """The numbers of the channels that are known."""
        return self._entries.keys()

    def add(self, op: int, content: memoryview) -> None:
        """Take a schema or channel record; a damaged one is passed over."""
        try:
            (key,) = struct.unpack_from("<H", content)
            if op == Op.SCHEMA:
                self._schemas.setdefault(key, _schema(content))
            elif op == Op.CHANNEL:
                self._entries.setdefault(key, _entry(content))
        except (ValueError, struct.error):
            return  # its messages cannot be assigned, and it is repeated in other chunks

    def wanted(self, topics: Collection[str]) -> dict[int, tuple[str, str]]:
        """Topic and message type of the channels of these topics, by number."""
        return {
            key: (entry.topic, self._type(entry))
            for key, entry in self._entries.items()
            if entry.topic in topics
        }

    def channels(self, counts: Mapping[int, int]) -> list[Channel]:
        """Every channel, with the number of its messages where known."""
        found = []
        for key, entry in sorted(self._entries.items()):
            schema = self._schemas.get(entry.schema)
            topic = Topic(
                entry.topic, self._type(entry), counts.get(key, 0), *offered(parsed(entry.qos))
            )
            definition = schema.definition if schema else _NO_DEFINITION
            found.append(Channel(topic, entry.encoding, definition))
        return found

    def _type(self, entry: _Entry) -> str:
        schema = self._schemas.get(entry.schema)
        return schema.type if schema else ""


def _schema(content: memoryview) -> _Schema:
    name, position = text_at(content, 2)
    encoding, position = text_at(content, position)
    text, _ = text_at(content, position)
    if encoding not in _FORMATS:
        return _Schema(name, _NO_DEFINITION)
    return _Schema(name, MessageDefinition(_FORMATS[encoding], text))


def _entry(content: memoryview) -> _Entry:
    (schema,) = struct.unpack_from("<H", content, 2)
    topic, position = text_at(content, 4)
    encoding, position = text_at(content, position)
    return _Entry(
        schema, topic, encoding, _metadata(content, position).get("offered_qos_profiles", "")
    )


def _metadata(content: memoryview, position: int) -> dict[str, str]:
    """A channel's metadata: strings by name."""
    (size,) = struct.unpack_from("<I", content, position)
    position += 4
    end, found = min(position + size, len(content)), {}
    while position < end:
        name, position = text_at(content, position)
        found[name], position = text_at(content, position)
    return found
