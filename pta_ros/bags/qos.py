"""The quality of service that a topic's publisher offered, as recordings keep it."""

from __future__ import annotations

from collections.abc import Sequence

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2.metadata import parse_qos

#: How rosbag2 writes a duration that never ends.
_NEVER = QosTime(9223372036, 854775807)


def profile(reliable: bool, latched: bool) -> Qos:
    """A publisher's QoS that keeps the last ten messages, for late subscribers when `latched`."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=10,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_NEVER,
        lifespan=_NEVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_NEVER,
        avoid_ros_namespace_conventions=False,
    )


def offered(profiles: Sequence[Qos]) -> tuple[str, str]:
    """Reliability and durability of a topic's first publisher; empty when none is recorded."""
    if not profiles:
        return "", ""
    return profiles[0].reliability.name.lower(), profiles[0].durability.name.lower()


def parsed(text: str) -> list[Qos]:
    """The profiles in a recording's YAML text; none when it cannot be read."""
    try:
        return parse_qos(text)
    except (ReaderError, KeyError, TypeError, ValueError, AttributeError):
        return []  # only who publishes the topic again asks for it, and has a default
