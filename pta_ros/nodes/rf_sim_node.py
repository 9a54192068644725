"""The simulated radio sensors: a person's activities as packets, with scripted failures and truth.

Packets go out as they are due, every 50 ms; a small share is lost on purpose. With
`wait_for_estimate` the script begins at the first published activity. A tick, and a line in the
log, is every `hop_s`, on multiples of it, where windows end; for a moment after the script, too.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("rf_sim_node")

import time
from dataclasses import dataclass

import numpy as np
from pta_msgs.msg import Activity

from pta_ros.datasets.xrf55 import ACTIVITIES
from pta_ros.nodes.messages import to_header, to_reading, to_time
from pta_ros.nodes.simulator import Simulator, SimulatorParams
from pta_ros.sensors import SENSORS
from pta_ros.settings import START, param
from pta_ros.simulate.rf import PACKETS
from pta_ros.simulate.rf_session import Packet, RfSession, with_fault
from pta_ros.simulate.script import Fault, Phase

_PERIOD_S = 0.05


@dataclass(frozen=True)
class RfSimParams(SimulatorParams):
    """The node's parameters."""

    scene: int = param(1, "scene of XRF55", low=1, high=4, change=START)
    activity_s: float = param(
        9.0, "seconds of each activity", unit="s", low=5.0, high=600.0, change=START
    )
    loss: float = param(0.02, "share of messages that are lost", low=0.0, high=0.9, change=START)
    jitter_s: float = param(
        0.004, "deviation of the radar's and RFID reader's stamps", unit="s", low=0.0, high=0.1,
        change=START,
    )  # fmt: skip
    hop_s: float = param(
        0.5, "time between two truths: the fusion's window_hop_s", unit="s", low=0.1, high=5.0,
        change=START,
    )  # fmt: skip


class RfSimNode(Simulator):
    """Publishes `radar/heatmap`, `wifi/csi`, `rfid/phase` and `ground_truth_activity`."""

    #: After the script, windows end of which enough was sent.
    linger_s = 1.0

    def __init__(self) -> None:
        super().__init__("rf_sim_node", RfSimParams)
        sensors = {m: SENSORS[m]() for m in PACKETS}
        self.open(sensors, (Activity, "ground_truth_activity"), (Activity, "activity"))
        own = self.params
        self._session = RfSession(own.seed, own.subject, own.scene, own.activity_s)
        self._random = np.random.default_rng([own.seed, own.subject])
        self._script_ns: int | None = None  # when the script began
        self._ticks = 0
        self._hop_ns = round(own.hop_s * 1e9)
        self._start_ns = self._done_ns = self._now_ns() // self._hop_ns * self._hop_ns
        self._late_ms, self._made_ms = 0.0, 0.0
        self.begin(_PERIOD_S, rate_hz=1.0 / own.hop_s, estimates="activity")

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def turn(self) -> None:
        """Send the packets that are due by now, and tell the truth of each window that ended."""
        now_ns = self._now_ns()
        while self._done_ns < now_ns:
            until = min(now_ns, (self._done_ns // self._hop_ns + 1) * self._hop_ns)
            if not self.ended_ns:
                self._send(until)
            self._done_ns = until
            if until % self._hop_ns == 0:
                self._tick(until)
            self._late_ms = (self._now_ns() - until) / 1e6

    def _send(self, until_ns: int) -> None:
        """Publish what is due up to `until_ns`."""
        begun, phase = time.perf_counter(), self._phase_at(self._done_ns) or self.all
        span = [(t - self._start_ns) / 1e9 for t in (self._done_ns, until_ns)]
        for packet in self._session.between(*span):
            sent = with_fault(packet, phase, self._random)
            if sent is not None:
                if self._random.random() >= self.params.loss:
                    self._publish(sent)
            elif phase.fault(packet.modality) is Fault.FROZEN:
                self.send(packet.modality)
        self._made_ms += 1e3 * (time.perf_counter() - begun)

    def _publish(self, packet: Packet) -> None:
        jitter = self.params.jitter_s if packet.modality != "wifi" else 0.0
        at_ns = self._start_ns + round((packet.time_s - abs(jitter * self._random.normal())) * 1e9)
        sensor = self.sensors[packet.modality]
        msg = to_reading(sensor, packet.content, to_header(at_ns, sensor.frame_id))
        self.send(packet.modality, msg)

    def _phase_at(self, at_ns: int) -> Phase | None:
        """The script's phase at a time; None before and after it."""
        return None if self._script_ns is None else self.phase((at_ns - self._script_ns) / 1e9)

    def _tick(self, at_ns: int) -> None:
        """A window ends here: tell the truth of it, and begin or end the script."""
        end_s = (at_ns - self._start_ns) / 1e9
        action = self._session.action(end_s - 1e-6)
        truth = Activity(class_id=action - 1, confidence=1.0, model="ground truth (synthetic)")
        truth.label = ACTIVITIES[action - 1]
        truth.header.stamp = to_time(at_ns)
        self.truth.publish(truth)
        phase = self._phase_at(at_ns)
        if self.log:
            label = action - 1 if self._session.whole(end_s) else -1
            timing = {"render_ms": self._made_ms, "late_ms": self._late_ms}
            self.log.tick(self._ticks, at_ns, phase, timing, {"activity": label})
        self._made_ms = 0.0
        self._ticks += 1
        if self._script_ns is not None and phase is None:
            self.end()
        elif self._script_ns is None and self.may_begin():
            self._script_ns = at_ns

    def close(self) -> None:
        """Close the log and end the background work."""
        self._session.close()
        super().close()
