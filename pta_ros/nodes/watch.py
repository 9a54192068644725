"""Watches a fusion node: publishes its diagnostics at once on a change, and every period anyway."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node

from pta_ros.errors import PtaError
from pta_ros.frames import StreamStatus
from pta_ros.nodes.diagnostics import Health, Reporter
from pta_ros.nodes.runtime import Throttle
from pta_ros.nodes.worker import Meter

_FATAL_IN_A_ROW = 3
_RETURNS = {True: TransitionCallbackReturn.FAILURE, False: TransitionCallbackReturn.ERROR}


class Faults:
    """Counts failed estimates and tells bad data from a broken node; used by two threads."""

    def __init__(self) -> None:
        self.count = 0
        self.last = ""
        #: Shown as ERROR until the next success.
        self.failing = False
        #: So many in a row, not explained by data, that going on makes no sense.
        self.fatal = False
        self._in_a_row = 0
        self._throttle = Throttle()

    def remember(self, error: Exception | str) -> None:
        """Show this as the last error."""
        typed = isinstance(error, Exception) and not isinstance(error, PtaError)
        self.last = f"{type(error).__name__}: {error}" if typed else str(error)
        self.failing = True

    def add(self, error: Exception) -> str:
        """Note one failed estimate; gives the text to log, empty soon after one like it."""
        self.remember(error)
        self.count += 1
        self._in_a_row += 1
        from_data = isinstance(error, PtaError)
        self.fatal = not from_data and self._in_a_row >= _FATAL_IN_A_ROW
        detail = self.last if from_data else "".join(traceback.format_exception(error))
        return self._throttle.pass_(type(error).__name__, f"no estimate: {detail}")

    def clear(self) -> None:
        """After a success; the last error stays readable."""
        self.failing, self.fatal, self._in_a_row = False, False, 0


class Watch:
    """`statuses` gives the streams; `identity` the lifecycle state, the model and the device.

    `look` is to be called many times a second.
    """

    def __init__(
        self,
        node: Node,
        statuses: Callable[[], tuple[StreamStatus, ...]],
        identity: Callable[[], tuple[str, str, str]],
    ) -> None:
        self._node, self._statuses, self._identity = node, statuses, identity
        self.faults, self.meter, self.reporter = Faults(), Meter(), Reporter()
        self._shown: tuple[Any, ...] = ()
        self._known: dict[str, Any] = {}
        self._due = 0.0
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def note(self, modality: str, text: str) -> None:
        """A standing remark on a stream's connection."""
        self.reporter.notes[modality] = text
        self._node.get_logger().warning(f"{modality}: {text}")
        self._due = 0.0

    def look(self, at_once: bool = False) -> None:
        """Publish when a state changed, the period is over, or `at_once`."""
        streams = self._statuses()
        states = {status.modality: status.state for status in streams}
        shown = (self._identity(), self.faults.failing, states)
        now = time.monotonic()
        if shown == self._shown and now < self._due and not at_once:
            return
        self._log_changes(streams)
        self._shown, self._known = shown, states
        self._due = now + self._node.get_parameter("diagnostics_period_s").value
        now_ns = self._node.get_clock().now().nanoseconds
        self._publisher.publish(self.reporter.array(self._health(), streams, now_ns))

    def _log_changes(self, streams: tuple[StreamStatus, ...]) -> None:
        for status in streams:
            if status.state != self._known.get(status.modality, status.state):
                reason = f": {status.reason}" if status.reason else ""
                self._node.get_logger().info(f"{status.modality} is {status.state.name}{reason}")

    def _health(self) -> Health:
        state, model, device = self._identity()
        return Health(
            node=self._node.get_name(),
            state=state,
            model=model,
            device=device,
            estimates=self.meter.count,
            rate_hz=self.meter.rate_hz(time.monotonic_ns()),
            latencies_ms=self.meter.latencies_ms(),
            errors=self.faults.count,
            last_error=self.faults.last,
            failing=self.faults.failing,
        )


def logged(transition: Callable[..., TransitionCallbackReturn]) -> Callable[..., Any]:
    """Make a lifecycle transition say what went wrong; rclpy itself keeps silent about it.

    FAILURE for what an operator can put right, ERROR (so on_error runs) for a fault of ours.
    """

    @wraps(transition)
    def wrapped(node: Any, state: Any) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            expected = isinstance(error, PtaError)
            text = str(error) if expected else traceback.format_exc()
            node.get_logger().error(f"{transition.__name__}: {text}")
            node.watch.faults.remember(error)
            return _RETURNS[expected]

    return wrapped
