"""What /diagnostics says: one status per stream and one for the fusion as a whole.

Names are "<node>: <modality>" and "<node>: fusion". Values of a stream: state, age_s, rate_hz,
weight, received, used, dropped, corrupt, lost, reason. Values of the fusion: state, live, model,
device, estimates, rate_hz, latency_p50_ms, latency_p99_ms, memory_mb, errors, last_error.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from pta_ros.frames import StreamState, StreamStatus
from pta_ros.nodes.messages import to_header

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

_S = 1_000_000_000
_LOSS_WINDOW_NS = 5 * _S
_LOSS_SHARE = 0.05
_LOSS_ADVICE = "give the middleware larger buffers (config/fastdds.xml) or a less loaded link"


@dataclass(frozen=True)
class Health:
    """The facts about the node itself; `state` is its lifecycle state, `latencies_ms` recent."""

    node: str
    state: str
    model: str = ""
    device: str = ""
    estimates: int = 0
    rate_hz: float = 0.0
    latencies_ms: tuple[float, ...] = ()
    errors: int = 0
    last_error: str = ""
    failing: bool = False


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


@dataclass
class Reporter:
    """Builds the array; keeps what must be remembered between two of them.

    `notes` holds standing remarks per modality (an incompatible QoS), shown as WARN.
    """

    notes: dict[str, str] = field(default_factory=dict)
    loss: LossWatch = field(default_factory=LossWatch)

    def array(
        self, health: Health, streams: tuple[StreamStatus, ...], now_ns: int
    ) -> DiagnosticArray:
        """Everything that is known now, stamped `now_ns`."""
        listed = [self._stream(health, status, now_ns) for status in streams]
        return DiagnosticArray(
            header=to_header(now_ns, ""), status=[_fusion(health, streams), *listed]
        )

    def _stream(self, health: Health, status: StreamStatus, now_ns: int) -> DiagnosticStatus:
        quiet = status.state in (StreamState.LIVE, StreamState.DISABLED)
        remarks = [] if quiet else [f"{status.state.name}: {status.reason}"]
        share = self.loss.share(status, now_ns)
        if share > _LOSS_SHARE:
            remarks.append(f"{share:.0%} of its messages are lost on the way: {_LOSS_ADVICE}")
        if status.modality in self.notes and status.state is not StreamState.LIVE:
            remarks.append(self.notes[status.modality])
        return _status(
            f"{health.node}: {status.modality}",
            WARN if remarks else OK,
            "; ".join(remarks) or status.state.name,
            _stream_values(status),
        )


def _stream_values(status: StreamStatus) -> dict[str, object]:
    counters = ("received", "used", "dropped", "corrupt", "lost", "reason")
    measured = {
        "state": status.state.name,
        "age_s": f"{status.age_s:.3f}",
        "rate_hz": f"{status.rate_hz:.2f}",
        "weight": f"{status.weight:.4f}",
    }
    return {**measured, **{name: getattr(status, name) for name in counters}}


def _fusion(health: Health, streams: tuple[StreamStatus, ...]) -> DiagnosticStatus:
    level, text = _verdict(health, streams)
    p50, p99 = percentiles(health.latencies_ms)
    live = [s.modality for s in streams if s.state is StreamState.LIVE]
    values = {
        "state": health.state,
        "live": ",".join(live),
        "model": health.model,
        "device": health.device,
        "estimates": health.estimates,
        "rate_hz": f"{health.rate_hz:.2f}",
        "latency_p50_ms": f"{p50:.1f}",
        "latency_p99_ms": f"{p99:.1f}",
        "memory_mb": f"{memory_mb():.1f}",
        "errors": health.errors,
        "last_error": health.last_error,
    }
    return _status(f"{health.node}: fusion", level, text, values)


def _verdict(health: Health, streams: tuple[StreamStatus, ...]) -> tuple[bytes, str]:
    if health.failing:
        return ERROR, health.last_error
    if health.state != "active":
        return WARN, f"{health.state}: nothing is estimated"
    absent = [f"{s.modality} {s.state.name}" for s in streams if s.state is not StreamState.LIVE]
    if len(absent) == len(streams):
        return ERROR, f"no live stream ({', '.join(absent)}): no skeleton is published"
    faulty = [s for s in streams if s.state not in (StreamState.LIVE, StreamState.DISABLED)]
    if absent:
        text = f"{len(streams) - len(absent)} of {len(streams)} streams live ({', '.join(absent)})"
        return (WARN if faulty else OK), text
    return OK, "all streams live"


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


def memory_mb() -> float:
    """Resident memory of this process in MB (10^6 bytes); NaN where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    resident = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(resident[0]) * 1024 / 1e6 if resident else float("nan")
