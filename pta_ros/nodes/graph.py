"""What the ROS graph says of a topic: who publishes it, of what type, and what else would fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node

_LISTED = 6


@dataclass(frozen=True)
class Seen:
    """`wrong` is so whatever the stream's state is; `absent` explains one that is not LIVE."""

    publishers: int = 0
    wrong: str = ""
    absent: str = ""


#: Of a graph that nobody looked at yet.
UNSEEN = Seen()


def look_at(
    node: Node, modality: str, topic: str, kind: str, other_types: Mapping[str, str]
) -> Seen:
    """Who publishes `topic`, as `node` resolves it; `other_types` says what to do about them."""
    name = node.resolve_topic_name(topic)
    infos = node.get_publishers_info_by_topic(topic)
    right = [info for info in infos if info.topic_type == kind]
    wrong = [
        f"{name} is published as {other} by {_listed(infos, other)}: "
        + other_types.get(other, f"expected {kind}; set {modality}.topic to another topic")
        for other in sorted({info.topic_type for info in infos} - {kind})
    ]
    if len(right) > 1:
        who = _listed(right, kind)
        wrong.append(f"{len(right)} publishers of {name}: {who}; a driver started twice?")
    if right:
        absent = f"published by {_listed(right, kind)}: see its log, and ros2 topic hz {name}"
    else:
        absent = f"no publisher on {name}; {_others(node, modality, name, kind, other_types)}"
    return Seen(len(right), "; ".join(wrong), absent)


def _listed(infos: Sequence[Any], kind: str) -> str:
    """The nodes that publish a type, each with how often."""
    nodes = Counter(
        f"{info.node_namespace.rstrip('/')}/{info.node_name}"
        for info in infos
        if info.topic_type == kind
    )
    told = (f"{name} ({count} times)" if count > 1 else name for name, count in nodes.items())
    return ", ".join(sorted(told))


def _others(node: Node, modality: str, name: str, kind: str, other_types: Mapping[str, str]) -> str:
    """The topics that would do instead, or what could be made to."""
    topics = [(topic, types) for topic, types in node.get_topic_names_and_types() if topic != name]
    fitting = [t for t, types in topics if kind in types and node.count_publishers(t)]
    if fitting:
        more = f" and {len(fitting) - _LISTED} more" if len(fitting) > _LISTED else ""
        told = ", ".join(sorted(fitting)[:_LISTED]) + more
        return f"topics of type {kind} that exist: {told} (set {modality}.topic)"
    near = [(t, other) for t, types in topics for other in types if other in other_types]
    if near:
        return "; ".join(f"{t} is {other}: {other_types[other]}" for t, other in near[:_LISTED])
    return f"no topic of type {kind} exists: start its driver, or look at ROS_DOMAIN_ID"


def time_fault(node: Node) -> str:
    """Why the node's time stands still, in words; empty while it does not."""
    if not node.get_parameter("use_sim_time").value:
        return ""
    cure = "(ros2 bag play --clock, or a simulator), or set use_sim_time to false"
    if not node.count_publishers("/clock"):
        return f"use_sim_time is true and nobody publishes /clock: start what does {cure}"
    if node.get_clock().now().nanoseconds == 0:
        return f"use_sim_time is true and /clock has not begun: unpause what publishes it {cure}"
    return ""
