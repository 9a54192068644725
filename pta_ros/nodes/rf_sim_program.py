"""The simulated radio sensors: a person's activities as packets, with scripted failures and truth.

Packets go out as they are due, every 50 ms; a small share is lost on purpose. With
`wait_for_activity` the script begins at the first published activity. A tick, and a line in the
log, is every `hop_s`, on multiples of it, where windows end; for a moment after the script, too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pta_msgs.msg import Activity
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from pta_ros.errors import ConfigError
from pta_ros.fusion.params import topics_of
from pta_ros.nodes.declare import Parameters
from pta_ros.nodes.messages import MESSAGE_TYPES, PACKET_MESSAGES, to_header, to_time
from pta_ros.settings import START, param, specs
from pta_ros.simulate.rf_session import Packet, RfSession, spoilt
from pta_ros.simulate.script import Fault, Phase, Script, load_script
from pta_ros.simulate.tick_log import TickLog

_PERIOD_S = 0.05
#: After the script, activities are still under way, and windows end of which enough was sent.
_LINGER_S = 1.0
_EVERYTHING = Phase("all", 0.0, float("inf"), modalities=tuple(topics_of("xrf55")))


@dataclass(frozen=True)
class RfSimParams:
    """The node's parameters."""

    seed: int = param(0, "seed of the world and of every subject", low=0, high=2**31, change=START)
    subject: int = param(
        41, "index of the person; 41 and up are held out of training", low=1, high=100_000,
        change=START,
    )  # fmt: skip
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
    script: str = param("", "YAML file of faults; empty sends everything for ever", change=START)
    wait_for_activity: bool = param(False, "begin the script at the first activity", change=START)
    log: str = param("", "file for one JSON line per tick; empty writes none", change=START)


class RfSimNode(Node):
    """Publishes `radar/heatmap`, `wifi/csi`, `rfid/phase`, and the truth on `ground_truth`."""

    def __init__(self) -> None:
        super().__init__("rf_sim_node")
        given = Parameters(self, specs(RfSimParams))
        if given.problems():
            raise ConfigError("; ".join(given.problems()))
        self.params = RfSimParams(**given.values())
        own = self.params
        self._script: Script | None = load_script(Path(own.script)) if own.script else None
        self._session = RfSession(own.seed, own.subject, own.scene, own.activity_s)
        self._random = np.random.default_rng([own.seed, own.subject])
        self._sensors = {
            m: self.create_publisher(MESSAGE_TYPES[m], topic, qos_profile_sensor_data)
            for m, topic in topics_of("xrf55").items()
        }
        self._truth = self.create_publisher(Activity, "ground_truth_activity", 50)
        self.create_subscription(Activity, "activity", self._on_activity, 1)
        record = {k: v for k, v in own.__dict__.items() if k != "log"}
        record |= {"rate_hz": 1.0 / own.hop_s, "estimates": "activity"}
        self._log = TickLog(Path(own.log), record) if own.log else None
        self._last: dict = {}
        self._heard = False
        self._script_ns: int | None = None  # when the script began
        self._ended_ns = 0  # when the script ended
        self._over = False
        self._ticks = 0
        self._hop_ns = round(own.hop_s * 1e9)
        self._start_ns = self._done_ns = self._now_ns() // self._hop_ns * self._hop_ns
        self._late_ms, self._made_ms = 0.0, 0.0
        self.create_timer(_PERIOD_S, self._on_timer)

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _on_activity(self, _msg: Activity) -> None:
        self._heard = True

    def _on_timer(self) -> None:
        now_ns = self._now_ns()
        self._over = bool(self._ended_ns) and now_ns > self._ended_ns + _LINGER_S * 1e9
        while self._done_ns < now_ns:
            until = min(now_ns, (self._done_ns // self._hop_ns + 1) * self._hop_ns)
            if not self._ended_ns:
                self._send(until)
            self._done_ns = until
            if until % self._hop_ns == 0:
                self._tick(until)
            self._late_ms = (self._now_ns() - until) / 1e6

    def _send(self, until_ns: int) -> None:
        """Publish what is due up to `until_ns`."""
        begun, phase = time.perf_counter(), self._phase(self._done_ns)
        span = [(t - self._start_ns) / 1e9 for t in (self._done_ns, until_ns)]
        for packet in self._session.between(*span):
            sent = spoilt(packet, phase, self._random)
            if sent is not None:
                if self._random.random() >= self.params.loss:
                    self._publish(sent)
            elif phase.fault(packet.modality) is Fault.FROZEN and packet.modality in self._last:
                self._sensors[packet.modality].publish(self._last[packet.modality])
        self._made_ms += 1e3 * (time.perf_counter() - begun)

    def _publish(self, packet: Packet) -> None:
        jitter = self.params.jitter_s if packet.modality != "wifi" else 0.0
        at_ns = self._start_ns + round((packet.time_s - abs(jitter * self._random.normal())) * 1e9)
        header = to_header(at_ns, f"{packet.modality}_frame")
        msg = PACKET_MESSAGES[packet.modality](packet.content, header)
        self._sensors[packet.modality].publish(msg)
        self._last[packet.modality] = msg

    def _phase(self, at_ns: int) -> Phase:
        return self._scripted(at_ns)[0] or _EVERYTHING

    def _tick(self, at_ns: int) -> None:
        """A window ends here: tell the truth of it, and begin or end the script."""
        end_s = (at_ns - self._start_ns) / 1e9
        action = self._session.action(end_s - 1e-6)
        truth = Activity(class_id=action - 1, confidence=1.0, model="ground truth (synthetic)")
        truth.header.stamp = to_time(at_ns)
        self._truth.publish(truth)
        phase, over = self._scripted(at_ns)
        if self._log:
            label = action - 1 if self._session.whole(end_s) else -1
            args = (phase, np.zeros((0, 3)), self._made_ms, self._late_ms, label)
            self._log.tick(self._ticks, at_ns, *args)
        self._made_ms = 0.0
        self._ticks += 1
        if self._script_ns is None and (self._heard or not self.params.wait_for_activity):
            self._script_ns = at_ns
        elif over and not self._ended_ns:
            self._ended_ns = self._now_ns()

    def _scripted(self, at_ns: int) -> tuple[Phase | None, bool]:
        """The script's phase at a time, None before and after it; whether it is over."""
        if self._script_ns is None or self._script is None:
            return (None if self._script_ns is None else _EVERYTHING), False
        phase = self._script.at((at_ns - self._script_ns) / 1e9)
        return phase, phase is None

    @property
    def exit_code(self) -> int | None:
        """0 once the script is over; None goes on."""
        return 0 if self._over else None

    def nodes(self) -> list[Node]:
        """The nodes to spin."""
        return [self]

    def close(self) -> None:
        """Close the log and end the background work."""
        self._session.close()
        if self._log:
            self._log.close()
