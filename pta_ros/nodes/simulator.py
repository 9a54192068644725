"""What simulated sensors have in common: their topics, the script, the log, the truth, the end."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import qos_profile_sensor_data

from pta_ros.nodes.base import ProgramNode
from pta_ros.nodes.messages import message_class, to_header, to_message
from pta_ros.sensors.base import Sensor
from pta_ros.settings import START, param
from pta_ros.simulate.script import Phase, load_script
from pta_ros.simulate.tick_log import TickLog


@dataclass(frozen=True)
class SimulatorParams:
    """The parameters of every simulator."""

    seed: int = param(0, "seed of the world and of every subject", low=0, high=2**31, change=START)
    subject: int = param(
        41, "index of the person; 41 and up are held out of training", low=1, high=100_000,
        change=START,
    )  # fmt: skip
    script: str = param("", "YAML file of faults; empty sends everything for ever", change=START)
    log: str = param("", "file for one JSON line per tick; empty writes none", change=START)
    wait_for_estimate: bool = param(False, "begin the script at the first estimate", change=START)


class Simulator(ProgramNode):
    """The node of simulated sensors; `open`, then `begin`.

    `turn` is called every `period_s`, until `linger_s` after `end` was called: what was sent last
    is still under way then.
    """

    linger_s = 0.7

    def __init__(self, name: str, group: type) -> None:
        super().__init__(name, group)
        #: Whether an estimate was heard.
        self.heard = False
        self.log: TickLog | None = None
        #: Steady time (ns) of the script's end, 0 before.
        self.ended_ns = 0
        path = self.params.script
        self.script = load_script(Path(path)) if path else None
        self._last: dict[str, Any] = {}

    def open(
        self, sensors: Mapping[str, Sensor], truth: tuple[type, str], estimate: tuple[type, str]
    ) -> None:
        """Make the topics: of `sensors` by modality, the ground truth's message class and topic,
        and those of the estimate that the script may wait for."""
        self.sensors = dict(sensors)
        self.all = Phase("all", 0.0, math.inf, modalities=tuple(sensors))
        make, qos = self.create_publisher, qos_profile_sensor_data
        self._outs = {
            m: make(message_class(s.message_type), s.topic, qos) for m, s in sensors.items()
        }
        #: What devices send beside their readings: publisher and message, by modality.
        self._sides = {
            m: [
                (
                    make(message_class(kind), topic, qos),
                    to_message(kind, given, to_header(0, s.frame_id)),
                )
                for topic, (kind, given) in s.side_fields().items()
            ]
            for m, s in sensors.items()
        }
        self.truth = make(*truth, 50)
        self.create_subscription(*estimate, self._on_estimate, 1)

    def begin(self, period_s: float, **session: Any) -> None:
        """Open the log, with facts of the session beside the parameters; begin to call `turn`."""
        record = {k: v for k, v in vars(self.params).items() if k != "log"} | session
        self.log = TickLog(Path(self.params.log), record) if self.params.log else None
        self.create_timer(period_s, self._on_timer)

    def turn(self) -> None:
        """Send what is due."""
        raise NotImplementedError

    def _on_estimate(self, _msg: Any) -> None:
        self.heard = True

    def _on_timer(self) -> None:
        self.turn()  # also at the end: a busy machine may not have called for a while
        if self.ended_ns and time.monotonic_ns() > self.ended_ns + self.linger_s * 1e9:
            self.exit_code = 0

    def phase(self, time_s: float) -> Phase | None:
        """The phase at a time since the script began; None when it is over."""
        return self.script.at(time_s) if self.script else self.all

    def may_begin(self) -> bool:
        """Whether nothing is left that the script waits for."""
        return self.heard or not self.params.wait_for_estimate

    def end(self) -> None:
        """The script is over."""
        self.ended_ns = self.ended_ns or time.monotonic_ns()

    def send(self, modality: str, msg: Any = None) -> None:
        """Publish a message, or the last one again, old stamp and all, if there is one."""
        msg = self._last.get(modality) if msg is None else msg
        if msg is not None:
            self._last[modality] = msg
            self._outs[modality].publish(msg)
            for publisher, beside in self._sides[modality]:
                beside.header.stamp = msg.header.stamp
                publisher.publish(beside)

    def close(self) -> None:
        """Close the log."""
        if self.log:
            self.log.close()
