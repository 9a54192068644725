"""Looks at a fusion node's health, and publishes it: at once on a change, else every period."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from pta_ros.frames import StreamState, StreamStatus
from pta_ros.nodes.base import Throttle
from pta_ros.nodes.graph import time_fault
from pta_ros.nodes.health import Health, Identity
from pta_ros.nodes.sensor_node import SensorNode
from pta_ros.nodes.subscribers import Unmatched, drop_events

_GRAPH_S = 1.0


class Watch:
    """Publishes a node's health.

    `statuses` gives its streams, `identity` what is so else; `readers` are the nodes that read the
    streams' topics. `look` is to be called many times a second: it reports at once what changed,
    and every period.
    """

    def __init__(
        self,
        node: Node,
        statuses: Callable[[], tuple[StreamStatus, ...]],
        identity: Callable[[], Identity],
        readers: Mapping[str, SensorNode],
    ) -> None:
        self._node, self._statuses, self._identity = node, statuses, identity
        self._readers = readers
        self.health = Health()
        self._shown: tuple[Any, ...] = ()
        self._known: dict[str, StreamState] = {}
        self._due = 0.0
        self._graph_due = time.monotonic() + 2 * _GRAPH_S  # others are found by then
        self._throttle = Throttle()  # at a region's edge a person comes and goes at the frame rate
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._unmatched = Unmatched(node)

    def note(self, modality: str, text: str) -> None:
        """Remember a standing remark on a stream's connection."""
        self.health.notes[modality] = text
        self._node.get_logger().warning(f"{modality}: {text}")
        self._due = 0.0

    def look(self, at_once: bool = False) -> None:
        """Publish when a state changed, the period is over, or `at_once`."""
        self._look_around()
        streams, who = self._statuses(), self._identity()
        states = {status.modality: status.state for status in streams}
        left_out = [s.modality for s in streams if s.state is StreamState.LIVE and s.reason]
        shown = (who, self.health.failures.failing, states, left_out)
        now = time.monotonic()
        if shown == self._shown and now < self._due and not at_once:
            return
        for status in streams:
            if status.state != self._known.get(status.modality, status.state):
                told, why = f"{status.modality} is {status.state.name}", status.reason
                if text := self._throttle.due(told, f"{told}: {why}" if why else told):
                    self._node.get_logger().info(text)
        self._shown, self._known = shown, states
        self._due = now + self._node.get_parameter("diagnostics_period_s").value
        now_ns = self._node.get_clock().now().nanoseconds
        self._publisher.publish(self.health.report(who, streams, now_ns))

    def _look_around(self) -> None:
        """Look at the graph once a second; log and show at once what is wrong there."""
        if time.monotonic() < self._graph_due:
            return
        self._graph_due = time.monotonic() + _GRAPH_S
        log = self._node.get_logger()
        fault, before = time_fault(self._node), self.health.graph
        if fault != self.health.time_fault:
            self.health.time_fault, self._due = fault, 0.0
            log.error(fault or "time goes on")
        drop_events([self._node, *self._readers.values()])
        for line in self._unmatched.look():
            log.warning(line)
        self.health.graph = {m: node.look() for m, node in self._readers.items()}
        for modality, seen in self.health.graph.items():
            text = seen.wrong or ("" if seen.publishers else seen.absent)
            if text and seen != before.get(modality):
                log.warning(f"{modality}: {text}")
                self._due = 0.0
