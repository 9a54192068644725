"""Watches a fusion node and says on /diagnostics how it is: one status per stream, one in all.

Names are "<node>: <modality>" and "<node>: fusion", with the node's full name, which is the
hardware id, too. Values of a stream: state, age_s, rate_hz, weight, behind_s, stale_limit_s,
publishers, received, used, dropped, corrupt, lost, restamped, refused, reason, remarks. Values of
the fusion: state, live, model, device, estimates, rate_hz, latency_p50_ms, latency_p99_ms,
memory_mb, errors, last_error, people (how many are seen; empty where no model counts them); of the
model model_path, model_format, trained (on what) and taught (of which model, by which recordings;
empty: it was not); loading (a model in the background), loads and refused_loads since the start,
last_refusal; on a GPU cuda_graphs (how many) and cuda_graphs_refused (which functions run without
one, and why).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import psutil
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from pta_ros.clock import NS
from pta_ros.frames import StreamState, StreamStatus
from pta_ros.nodes.failures import Failures
from pta_ros.nodes.graph import UNSEEN, Seen
from pta_ros.nodes.messages import to_header
from pta_ros.nodes.remarks import QUIET, Counts, remarks, seen_in_words
from pta_ros.nodes.worker import Meter

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

#: LIVE streams without an estimate for so long are no good sign.
_NO_ESTIMATE_NS = 2 * NS


@dataclass(frozen=True)
class Identity:
    """Of a fusion node: its full name, lifecycle state, the model and device that it uses, and what
    is `told` of models beside."""

    node: str
    state: str
    model: str = ""
    device: str = ""
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Health:
    """What is known of a fusion node beside its streams, and the report of it all.

    `notes` holds standing remarks per modality (an incompatible QoS), shown as WARN;
    `remarks` what is to be known of one that is read (assumed intrinsics), shown behind its state;
    `graph` who publishes its topic, and `time_fault` why the node's time stands still.
    """

    meter: Meter = field(default_factory=Meter)
    failures: Failures = field(default_factory=Failures)
    counts: Counts = field(default_factory=Counts)
    notes: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    graph: dict[str, Seen] = field(default_factory=dict)
    time_fault: str = ""
    #: How many people the last estimate told; None of a model for one person.
    people: int | None = None
    #: Estimates up to the last report, and since when there was none though streams are LIVE.
    _told: int = 0
    _since_ns: int = 0

    def report(
        self, who: Identity, streams: tuple[StreamStatus, ...], now_ns: int
    ) -> DiagnosticArray:
        """Everything that is known now, stamped `now_ns`."""
        listed = [self._stream(who, status, now_ns) for status in streams]
        status = [self._fusion(who, streams, now_ns), *listed]
        return DiagnosticArray(header=to_header(now_ns, ""), status=status)

    def _stream(self, who: Identity, status: StreamStatus, now_ns: int) -> DiagnosticStatus:
        modality = status.modality
        seen, said = self.graph.get(modality, UNSEEN), self.remarks.get(modality, "")
        recent = self.counts.recent(status, now_ns)
        wrong = remarks(status, recent, seen, self.notes.get(modality, ""))
        return _status(
            who.node,
            modality,
            WARN if wrong else OK,
            "; ".join(wrong) or ": ".join(filter(None, (status.state.name, status.reason, said))),
            {**_stream_values(status), "publishers": seen.publishers, "remarks": said},
        )

    def _fusion(
        self, who: Identity, streams: tuple[StreamStatus, ...], now_ns: int
    ) -> DiagnosticStatus:
        # The worker may fail meanwhile: an error that is shown must be in the verdict, too.
        last, count = self.failures.last, self.failures.count
        level, text = self._verdict(who, streams, now_ns)
        p50, p99 = percentiles(self.meter.latencies_ms())
        live = ",".join(s.modality for s in streams if s.state is StreamState.LIVE)
        values = {
            "state": who.state,
            "live": live,
            "model": who.model,
            "device": who.device,
            "estimates": self.meter.count,
            "rate_hz": f"{self.meter.rate_hz(time.monotonic_ns()):.2f}",
            "latency_p50_ms": f"{p50:.1f}",
            "latency_p99_ms": f"{p99:.1f}",
            "memory_mb": f"{psutil.Process().memory_info().rss / 1e6:.1f}",
            "errors": count,
            "last_error": last,
            "people": "" if self.people is None or not live else self.people,
            **who.told,
        }
        return _status(who.node, "fusion", level, text, values)

    def _verdict(
        self, who: Identity, streams: tuple[StreamStatus, ...], now_ns: int
    ) -> tuple[bytes, str]:
        live = [s.modality for s in streams if s.state is StreamState.LIVE]
        waited_ns = self._waited_ns(bool(live), now_ns)
        if self.time_fault:
            return ERROR, self.time_fault
        if self.failures.failing:
            return ERROR, self.failures.last
        if who.state != "active":
            cure = f"ros2 lifecycle set {who.node} configure, then activate; or autostart"
            return WARN, f"{who.state}: nothing is estimated ({cure})"
        absent = ", ".join(
            f"{s.modality} {s.state.name}" for s in streams if s.modality not in live
        )
        unusable = any(s.state not in QUIET for s in streams)
        if not live:
            empty = not unusable and any(s.state is StreamState.EMPTY for s in streams)
            level, why = (OK, "nobody is seen") if empty else (ERROR, "no live stream")
            told = "no skeleton is published; each stream's status says why"
            return level, f"{why} ({absent}): {told}"
        if waited_ns > _NO_ESTIMATE_NS:
            told = f"no estimate for {waited_ns / NS:.1f} s though {', '.join(live)} are LIVE"
            return ERROR, f"{told}: the model hangs or is too slow here; see the log, and `device`"
        if absent:
            text = f"{len(live)} of {len(streams)} streams live ({absent})"
            text += seen_in_words(self.people)
            return (WARN, f"{text}; each one's status says why") if unusable else (OK, text)
        return OK, f"all streams live{seen_in_words(self.people)}"

    def _waited_ns(self, live: bool, now_ns: int) -> int:
        """For how long there was no estimate though a stream was LIVE."""
        if not live or self.meter.count != self._told or not 0 < self._since_ns <= now_ns:
            self._told, self._since_ns = self.meter.count, now_ns
        return now_ns - self._since_ns


def _stream_values(status: StreamStatus) -> dict[str, object]:
    counters = ("received", "used", "dropped", "corrupt", "lost", "restamped", "refused", "reason")
    measured = {
        "state": status.state.name,
        "age_s": f"{status.age_s:.3f}",
        "rate_hz": f"{status.rate_hz:.2f}",
        "weight": f"{status.weight:.4f}",
        "behind_s": f"{status.behind_s:.3f}",
        "stale_limit_s": f"{status.stale_limit_s:.3f}",
    }
    return {**measured, **{name: getattr(status, name) for name in counters}}


def _status(
    node: str, part: str, level: bytes, message: str, values: dict[str, object]
) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(
        name=f"{node}: {part}", level=level, message=message, hardware_id=node, values=pairs
    )


def percentiles(latencies_ms: tuple[float, ...]) -> tuple[float, float]:
    """Median and 99th percentile; NaN for both when there is nothing yet."""
    if not latencies_ms:
        return float("nan"), float("nan")
    p50, p99 = np.percentile(latencies_ms, (50, 99))
    return float(p50), float(p99)
