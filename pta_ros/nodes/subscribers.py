"""Who subscribes a node's topics and gets nothing: looked up now and then, not at every turn.

rclpy gives each publisher handlers of such events, which its executor waits for anew with every
message. Of four nodes in one process they were most of what it waited for.
"""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node


def drop_events(nodes: Iterable[Node]) -> None:
    """Remove the event handlers of all publishers that the nodes have by now.

    To be called by the executor's thread, outside of its waiting: in a timer.
    """
    for node in nodes:
        for publisher in node.publishers:
            for handler in publisher.event_handlers:
                node.remove_waitable(handler)
                handler.destroy()
            publisher.event_handlers = []


class Unmatched:
    """Tells once of each topic of `node` that has subscribers whom nothing reaches."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._seen: dict[str, int] = {}
        self._told: dict[str, int] = {}

    def look(self) -> list[str]:
        """What is new since the last look; a subscriber that has just come is given one look."""
        before, self._seen, lines = self._seen, self._missing(), []
        for topic, count in self._seen.items():
            if count == before.get(topic) and count > self._told.get(topic, 0):
                lines.append(
                    f"{topic}: {count} of its subscribers get nothing: their QoS asks for more "
                    "than is offered (reliability, durability), or for another type; "
                    f"see ros2 topic info -v {topic}"
                )
                self._told[topic] = count
        return lines

    def _missing(self) -> dict[str, int]:
        """By topic how many of its subscribers this node's publishers do not reach, if any."""
        found = {}
        for publisher in self._node.publishers:
            topic = publisher.topic_name
            lack = self._node.count_subscribers(topic) - publisher.get_subscription_count()
            if lack > 0:
                found[topic] = lack
        return found
