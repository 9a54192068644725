"""The simulated sensors: a person on real ROS topics, with scripted failures and ground truth.

Before the script begins, the node cycles its first few frames with fresh stamps, so that the fusion
node has something to find. With `wait_for_skeleton` the script begins at the first skeleton.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("sim_node")

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pta_msgs.msg import Skeleton
from rclpy.qos import qos_profile_sensor_data

from pta_ros.nodes.base import ProgramNode
from pta_ros.nodes.messages import message_class, to_header, to_message, true_skeleton
from pta_ros.sensors import SENSORS
from pta_ros.settings import START, param
from pta_ros.simulate.outbox import pack
from pta_ros.simulate.script import MODALITIES, Phase, load_script
from pta_ros.simulate.tick_log import TickLog

#: Frames cycled before the script; more than one, as a stream whose content repeats is frozen.
PREROLL_FRAMES = 4


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


@dataclass(frozen=True)
class SimParams(SimulatorParams):
    """The node's parameters."""

    seed: int = param(
        2026, "seed of the world and of every subject", low=0, high=2**31, change=START
    )
    scene: str = param("E01", "name of the room", change=START)
    rate_hz: float = param(
        10.0, "rate of every sensor", unit="Hz", low=0.1, high=60.0, change=START
    )
    prerender: int = param(
        0, "frames made beforehand and cycled; 0 renders live", low=0, high=1000, change=START
    )
    wait_for_skeleton: bool = param(False, "begin the script at the first skeleton", change=START)
    min_watchers: int = param(
        0, "subscribers of ground_truth that the script waits for", low=0, high=10, change=START
    )


class Simulator(ProgramNode):
    """What simulated sensors have in common: their topics, the script, the log and the end.

    `turn` is called every `period_s`, until `linger_s` after `end` was called: what was sent last
    is still under way then. `truth` is the ground truth's message class and topic, `estimate` those
    of what the script may wait for.
    """

    linger_s = 0.7

    def __init__(
        self,
        name: str,
        group: type,
        modalities: tuple[str, ...],
        truth: tuple[type, str],
        estimate: tuple[type, str],
    ) -> None:
        super().__init__(name, group)
        #: Whether an estimate was heard.
        self.heard = False
        self.log: TickLog | None = None
        #: Steady time (ns) of the script's end, 0 before.
        self.ended_ns = 0
        path = self.params.script
        self._script = load_script(Path(path)) if path else None
        self._all = Phase("all", 0.0, math.inf, modalities=modalities)
        self.sensors = {m: SENSORS[m]() for m in modalities}
        make, qos = self.create_publisher, qos_profile_sensor_data
        self._outs = {
            m: make(message_class(s.message_type), s.topic, qos) for m, s in self.sensors.items()
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
            for m, s in self.sensors.items()
        }
        self.truth = make(*truth, 50)
        self.create_subscription(*estimate, self._on_estimate, 1)
        self._last: dict[str, Any] = {}

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
        return self._script.at(time_s) if self._script else self._all

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


@dataclass
class _Tick:
    """One tick's messages, made ahead of its time; `phase` None before the script."""

    index: int
    phase: Phase | None
    messages: dict[str, Any]
    repeat: tuple[str, ...]
    joints_m: Any
    render_ms: float


class SimNode(Simulator):
    """Publishes `depth/image`, `lidar/points`, `wifi/csi` and `ground_truth` at a fixed rate."""

    def __init__(self) -> None:
        truth, estimate = (Skeleton, "ground_truth"), (Skeleton, "skeleton")
        super().__init__("sim_node", SimParams, MODALITIES, truth, estimate)
        from pta_ros.simulate.recording import Session  # late: open3d takes a second

        given = self.params
        self._session = Session(given.seed, given.subject, given.scene, given.rate_hz)
        ready = max(PREROLL_FRAMES, given.prerender)
        self._frames = [self._session.frame(i) for i in range(ready)]
        self._begun = False
        self._next = self._prepare(0, None)
        self._ticked_ns = 0
        self.begin(1.0 / given.rate_hz)

    def _may_begin(self) -> bool:
        watched = self.truth.get_subscription_count() >= self.params.min_watchers
        return watched and (self.heard or not self.params.wait_for_skeleton)

    def _prepare(self, index: int, phase: Phase | None) -> _Tick:
        """Render a frame and fill its messages; all that is left for its tick is the stamp."""
        begin = time.perf_counter()
        cycled = phase is None or self.params.prerender
        frame = self._frames[index % len(self._frames)] if cycled else self._session.frame(index)
        out = pack(frame, phase or self._all, index, self.params.seed)
        messages = {}
        for modality, fields in out.fields.items():
            sensor = self.sensors[modality]
            header = to_header(0, sensor.frame_id)
            given = {**sensor.device, **fields}
            messages[modality] = to_message(sensor.message_type, given, header)
        render_ms = 1e3 * (time.perf_counter() - begin)
        return _Tick(index, phase, messages, out.repeat, frame.joints_m, render_ms)

    def turn(self) -> None:
        """Publish the tick that was prepared, and prepare the next one."""
        if self.ended_ns:
            return
        late_ms, tick, now = self._late_ms(), self._next, self.get_clock().now()
        for modality, msg in tick.messages.items():
            msg.header.stamp = now.to_msg()
            self.send(modality, msg)
        for modality in tick.repeat:
            self.send(modality)
        truth = true_skeleton(tick.joints_m)
        truth.header.stamp = now.to_msg()
        self.truth.publish(truth)
        if self.log:
            args = (tick.phase, tick.joints_m, tick.render_ms, late_ms)
            self.log.tick(tick.index, now.nanoseconds, *args)
        self._advance()

    def _late_ms(self) -> float:
        """How much more than a period has passed since the tick before."""
        before, self._ticked_ns = self._ticked_ns, time.monotonic_ns()
        return (self._ticked_ns - before) / 1e6 - 1e3 / self.params.rate_hz if before else 0.0

    def _advance(self) -> None:
        if not self._begun and not self._may_begin():
            self._next = self._prepare(self._next.index + 1, None)
            return
        index = self._next.index + 1 if self._begun else 0
        self._begun = True
        phase = self.phase(index / self.params.rate_hz)
        if phase is None:
            self.end()
        else:
            self._next = self._prepare(index, phase)
