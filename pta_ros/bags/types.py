"""Message types without ROS: those that rosbags brings, ours, and those that a bag defines.

And the quality of service (QoS) that a topic's publisher offered, as recordings keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

from rosbags import interfaces as qos
from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat, Qos
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2.metadata import parse_qos
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from pta_ros.errors import DatasetError, DecodeError
from pta_ros.home import shipped

#: Where our own message definitions lie, in the repository and in share/.
MESSAGES = "pta_msgs/msg"

_IDL_RULE = "=" * 80 + "\n"
#: How recordings name the languages of message definitions.
_FORMATS = {
    "ros2msg": MessageDefinitionFormat.MSG,
    "ros2idl": MessageDefinitionFormat.IDL,
    "omgidl": MessageDefinitionFormat.IDL,
}
#: How rosbag2 writes a duration that never ends.
_NEVER = qos.QosTime(9223372036, 854775807)


@cache
def known_types() -> Typestore:
    """The newest ROS distribution's messages and ours."""
    store = get_typestore(Stores.LATEST)
    folder = shipped(MESSAGES)
    if folder is None:
        raise DatasetError(f"{MESSAGES} is missing; expected it in the repository or in share/")
    types = {}
    for path in sorted(folder.glob("*.msg")):
        name = f"pta_msgs/msg/{path.stem}"
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), name))
    store.register(types)
    return store


def types_of(definitions: Iterable[tuple[str, MessageDefinition]]) -> tuple[Typestore, list[str]]:
    """The known messages, with a bag's own definitions (message type, text) in their place.

    Returns the store, and in words which definitions could not be used.
    """
    known = known_types()
    own: dict[str, Any] = {}
    unusable = []
    for name, definition in dict.fromkeys(definitions):
        try:
            own.update(_parse(name, definition))
        except Exception as error:  # a damaged text takes rosbags' parser anywhere
            unusable.append(f"the bag's definition of {name} cannot be read ({_short(error)})")
    if all(known.fielddefs.get(name) == fields for name, fields in own.items()):
        return known, unusable
    store = get_typestore(Stores.EMPTY)
    try:
        store.register({**known.fielddefs, **own})
    except Exception as error:  # definitions become code, and names may be no names
        return known, [*unusable, f"the bag's definitions cannot be used ({_short(error)})"]
    return store, unusable


def definition_of(language: str, text: str) -> MessageDefinition:
    """A recorded message definition; an empty one in a language that is not known."""
    if language not in _FORMATS:
        return MessageDefinition(MessageDefinitionFormat.NONE, "")
    return MessageDefinition(_FORMATS[language], text)


def decode(store: Typestore, topic: str, type_name: str, data: bytes) -> Any:
    """The message object of CDR bytes; DecodeError when they do not fit the type."""
    if type_name not in store.types:
        expected = "a type that the bag defines, that ROS ships or that is ours"
        raise DecodeError(topic, f"no definition of {type_name}", expected)
    try:
        return store.deserialize_cdr(data, type_name)
    except Exception as error:  # rosbags raises what the bytes lead it to
        reason = f"{len(data)} bytes cannot be decoded ({_short(error)})"
        raise DecodeError(topic, reason, f"a serialized {type_name}") from error


def qos_profile(reliable: bool, latched: bool) -> Qos:
    """A publisher's QoS that keeps the last ten messages, for late subscribers when `latched`."""
    return Qos(
        qos.QosHistory.KEEP_LAST,
        10,
        qos.QosReliability.RELIABLE if reliable else qos.QosReliability.BEST_EFFORT,
        qos.QosDurability.TRANSIENT_LOCAL if latched else qos.QosDurability.VOLATILE,
        deadline=_NEVER,
        lifespan=_NEVER,
        liveliness=qos.QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_NEVER,
        avoid_ros_namespace_conventions=False,
    )


def first_qos(profiles: Sequence[Qos]) -> tuple[str, str]:
    """Reliability and durability of a topic's first publisher; empty when none is recorded."""
    if not profiles:
        return "", ""
    return profiles[0].reliability.name.lower(), profiles[0].durability.name.lower()


def parsed_qos(text: str) -> list[Qos]:
    """The profiles in a recording's YAML text; none when it cannot be read."""
    try:
        return parse_qos(text)
    except (ReaderError, KeyError, TypeError, ValueError, AttributeError):
        return []  # only who publishes the topic again asks for it, and has a default


@lru_cache(maxsize=256)
def _parse(name: str, definition: MessageDefinition) -> dict[str, Any]:
    """One definition and those that it brings along, parsed."""
    if definition.format is MessageDefinitionFormat.NONE or not definition.data.strip():
        return {}
    if definition.format is MessageDefinitionFormat.MSG:
        return dict(get_types_from_msg(definition.data, name))
    if not definition.data.startswith(_IDL_RULE):
        return dict(get_types_from_idl(definition.data))
    found: dict[str, Any] = {}
    for part in definition.data.split(_IDL_RULE)[1:]:
        found.update(get_types_from_idl(part.partition("\n")[2]))  # the first line names the part
    return found


def _short(error: Exception) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
