"""Watches a fusion node and says on /diagnostics how it is: one status per stream, one in all.

Names are "<node>: <modality>" and "<node>: fusion". Values of a stream: state, age_s, rate_hz,
weight, received, used, dropped, corrupt, lost, reason, remarks. Values of the fusion: state, live,
model, device, estimates, rate_hz, latency_p50_ms, latency_p99_ms, memory_mb, errors, last_error.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from pta_ros.clock import NS
from pta_ros.errors import PtaError
from pta_ros.frames import StreamState, StreamStatus
from pta_ros.nodes.base import Throttle
from pta_ros.nodes.messages import to_header
from pta_ros.nodes.worker import Meter

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

_LOSS_WINDOW_NS = 5 * NS
_LOSS_SHARE = 0.05
_LOSS_ADVICE = "give the middleware larger buffers (config/fastdds.xml) or a less loaded link"
_FATAL_IN_A_ROW = 3
#: States that ask nobody to do anything.
_WELL = (StreamState.LIVE, StreamState.DISABLED, StreamState.EMPTY)


class Failures:
    """Counts failed estimates and tells corrupt data from a defect; used by two threads."""

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
        return self._throttle.due(type(error).__name__, f"no estimate: {detail}")

    def clear(self) -> None:
        """After a success; the last error stays readable."""
        self.failing, self.fatal, self._in_a_row = False, False, 0


class LossWatch:
    """Share of each stream's messages that were lost on the way within the last five seconds.

    Two witnesses, of which the one that saw more counts: gaps in the stamps (StreamStatus.lost),
    and `middleware`, the total that the middleware reports per modality.
    """

    def __init__(self) -> None:
        self.middleware: dict[str, int] = {}
        self._history: dict[str, deque[tuple[int, int, int]]] = {}

    def share(self, status: StreamStatus, now_ns: int) -> float:
        """Note the stream's counters and return lost / (lost + received) over the window."""
        history = self._history.setdefault(status.modality, deque())
        if history and (now_ns < history[-1][0] or status.received < history[-1][1]):
            history.clear()  # the clock went back, or the stream began anew
        lost_so_far = max(status.lost, self.middleware.get(status.modality, 0))
        history.append((now_ns, status.received, lost_so_far))
        while now_ns - history[0][0] > _LOSS_WINDOW_NS:
            history.popleft()
        received = status.received - history[0][1]
        lost = lost_so_far - history[0][2]
        return lost / (lost + received) if lost > 0 else 0.0


@dataclass(frozen=True)
class Identity:
    """Of a fusion node: its name, lifecycle state, and the model and device that it uses."""

    node: str
    state: str
    model: str = ""
    device: str = ""


@dataclass
class Health:
    """What is known of a fusion node beside its streams, and the report of it all.

    `notes` holds standing remarks per modality (an incompatible QoS), shown as WARN;
    `remarks` what is to be known of one that is read (assumed intrinsics), shown behind its state.
    """

    meter: Meter = field(default_factory=Meter)
    failures: Failures = field(default_factory=Failures)
    loss: LossWatch = field(default_factory=LossWatch)
    notes: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    def report(
        self, who: Identity, streams: tuple[StreamStatus, ...], now_ns: int
    ) -> DiagnosticArray:
        """Everything that is known now, stamped `now_ns`."""
        status = [self._fusion(who, streams), *(self._stream(who, s, now_ns) for s in streams)]
        return DiagnosticArray(header=to_header(now_ns, ""), status=status)

    def _stream(self, who: Identity, status: StreamStatus, now_ns: int) -> DiagnosticStatus:
        remark = self.remarks.get(status.modality, "")
        said = ": ".join(filter(None, (status.state.name, status.reason, remark)))
        remarks = [] if status.state in _WELL else [f"{status.state.name}: {status.reason}"]
        share = self.loss.share(status, now_ns)
        if share > _LOSS_SHARE:
            remarks.append(f"{share:.0%} of its messages are lost on the way: {_LOSS_ADVICE}")
        if status.modality in self.notes and status.state is not StreamState.LIVE:
            remarks.append(self.notes[status.modality])
        return _status(
            f"{who.node}: {status.modality}",
            WARN if remarks else OK,
            "; ".join(remarks) or said,
            {**_stream_values(status), "remarks": remark},
        )

    def _fusion(self, who: Identity, streams: tuple[StreamStatus, ...]) -> DiagnosticStatus:
        level, text = self._verdict(who, streams)
        p50, p99 = percentiles(self.meter.latencies_ms())
        values = {
            "state": who.state,
            "live": ",".join(s.modality for s in streams if s.state is StreamState.LIVE),
            "model": who.model,
            "device": who.device,
            "estimates": self.meter.count,
            "rate_hz": f"{self.meter.rate_hz(time.monotonic_ns()):.2f}",
            "latency_p50_ms": f"{p50:.1f}",
            "latency_p99_ms": f"{p99:.1f}",
            "memory_mb": f"{psutil.Process().memory_info().rss / 1e6:.1f}",
            "errors": self.failures.count,
            "last_error": self.failures.last,
        }
        return _status(f"{who.node}: fusion", level, text, values)

    def _verdict(self, who: Identity, streams: tuple[StreamStatus, ...]) -> tuple[bytes, str]:
        if self.failures.failing:
            return ERROR, self.failures.last
        if who.state != "active":
            return WARN, f"{who.state}: nothing is estimated"
        absent = [s for s in streams if s.state is not StreamState.LIVE]
        named = ", ".join(f"{s.modality} {s.state.name}" for s in absent)
        unusable = [s for s in streams if s.state not in _WELL]
        if len(absent) == len(streams):
            empty = not unusable and any(s.state is StreamState.EMPTY for s in streams)
            level, why = (OK, "nobody is seen") if empty else (ERROR, "no live stream")
            return level, f"{why} ({named}): no skeleton is published"
        if absent:
            live = len(streams) - len(absent)
            text = f"{live} of {len(streams)} streams live ({named})"
            return (WARN if unusable else OK), text
        return OK, "all streams live"


def _stream_values(status: StreamStatus) -> dict[str, object]:
    counters = ("received", "used", "dropped", "corrupt", "lost", "reason")
    measured = {
        "state": status.state.name,
        "age_s": f"{status.age_s:.3f}",
        "rate_hz": f"{status.rate_hz:.2f}",
        "weight": f"{status.weight:.4f}",
    }
    return {**measured, **{name: getattr(status, name) for name in counters}}


def _status(name: str, level: bytes, message: str, values: dict[str, object]) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(
        name=name, level=level, message=message, hardware_id="pta_ros", values=pairs
    )


def percentiles(latencies_ms: tuple[float, ...]) -> tuple[float, float]:
    """Median and 99th percentile; NaN for both when there is nothing yet."""
    if not latencies_ms:
        return float("nan"), float("nan")
    p50, p99 = np.percentile(latencies_ms, (50, 99))
    return float(p50), float(p99)


class Watch:
    """Publishes a node's health; `statuses` gives its streams, `identity` what is so else.

    `look` is to be called many times a second: it reports at once what changed, and every period.
    """

    def __init__(
        self,
        node: Node,
        statuses: Callable[[], tuple[StreamStatus, ...]],
        identity: Callable[[], Identity],
    ) -> None:
        self._node, self._statuses, self._identity = node, statuses, identity
        self.health = Health()
        self._shown: tuple[Any, ...] = ()
        self._known: dict[str, StreamState] = {}
        self._due = 0.0
        self._throttle = Throttle()  # at a region's edge a person comes and goes at the frame rate
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def note(self, modality: str, text: str) -> None:
        """Remember a standing remark on a stream's connection."""
        self.health.notes[modality] = text
        self._node.get_logger().warning(f"{modality}: {text}")
        self._due = 0.0

    def look(self, at_once: bool = False) -> None:
        """Publish when a state changed, the period is over, or `at_once`."""
        streams, who = self._statuses(), self._identity()
        states = {status.modality: status.state for status in streams}
        shown = (who, self.health.failures.failing, states)
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
