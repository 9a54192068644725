"""What spins the nodes of a process, and notices when messages keep its timers waiting.

rclpy's executor of events serves in order of arrival, and remembers every message that came, also
those that a queue has dropped meanwhile. Where more come than the process can take, timers and
services wait longer and longer. The older executor asks timers first and remembers nothing, but
collects all that a process could hear before each message: half of what a node of ours costs
beside its model.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rclpy.executors import SingleThreadedExecutor

from pta_ros.nodes.base import STEADY

#: Longest turn of the executor: a signal is noticed after it.
_TURN_S = 0.1
#: A timer that waits so long while so many other callbacks were served is kept waiting by them.
#: One callback may take long (a model that is loaded), and all queues are full after it.
_WAITED_S, _SERVED = 0.5, 100


class Turns:
    """One callback after the other of `nodes`; `by_events` by that executor, if rclpy has it."""

    def __init__(self, nodes: Sequence[Any], by_events: bool) -> None:
        self._nodes, self._served, self._heard_s = nodes, 0, time.monotonic()
        self._executor = _of_events() if by_events else None
        if self._executor is not None:
            self._timer = nodes[0].create_timer(_TURN_S, self._hear, clock=STEADY)
        self.by_events = self._executor is not None
        self._add(self._executor or SingleThreadedExecutor())

    def ok(self) -> bool:
        """Whether ROS still runs."""
        return bool(self._executor.context.ok())

    def once(self) -> None:
        """Serve one callback, or wait a short while for one."""
        self._executor.spin_once(timeout_sec=_TURN_S)
        self._served += 1
        late = time.monotonic() - self._heard_s > _WAITED_S
        if self.by_events and late and self._served > _SERVED:
            self._change()

    def _hear(self) -> None:
        self._served, self._heard_s = 0, time.monotonic()

    def _change(self) -> None:
        """To the older executor, for good."""
        self.by_events = False
        self._nodes[0].destroy_timer(self._timer)
        for node in self._nodes:
            self._executor.remove_node(node)
        self._executor.shutdown()
        self._nodes[0].get_logger().warning(
            "more messages come than this process can take: timers and services waited for "
            f"{_WAITED_S} s, and go before messages from now on; send fewer, or give it a core"
        )
        self._add(SingleThreadedExecutor())

    def _add(self, executor: Any) -> None:
        self._executor = executor
        for node in self._nodes:
            executor.add_node(node)


def _of_events() -> Any:
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:  # rclpy before 2025
        return None
    return EventsExecutor()
