"""The simulated sensors: a person on real ROS topics, with scripted failures and ground truth.

Before the script begins, the node cycles its first few frames with fresh stamps, so that the fusion
node has something to find. With `wait_for_skeleton` the script begins at the first skeleton.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pta_msgs.msg import CsiFrame, Skeleton
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, PointCloud2

from pta_ros.errors import ConfigError
from pta_ros.nodes.declare import Parameters
from pta_ros.nodes.sim_messages import cloud_message, csi_message, image_message, truth_message
from pta_ros.settings import START, param, specs
from pta_ros.simulate.outbox import pack
from pta_ros.simulate.script import Phase, Script, load_script
from pta_ros.simulate.tick_log import TickLog

#: After the last tick, skeletons may still be under way.
LINGER_S = 0.7

#: Frames cycled before the script; more than one, as a stream whose content repeats is frozen.
PREROLL_FRAMES = 4


@dataclass(frozen=True)
class SimParams:
    """The node's parameters."""

    seed: int = param(
        2026, "seed of the world and of every subject", low=0, high=2**31, change=START
    )
    subject: int = param(
        41,
        "index of the person; 41 and up are held out of training",
        low=1,
        high=100_000,
        change=START,
    )
    scene: str = param("E01", "name of the room", change=START)
    rate_hz: float = param(
        10.0, "rate of every sensor", unit="Hz", low=0.1, high=60.0, change=START
    )
    script: str = param("", "YAML file of faults; empty sends everything for ever", change=START)
    prerender: int = param(
        0, "frames made beforehand and cycled; 0 renders live", low=0, high=1000, change=START
    )
    wait_for_skeleton: bool = param(False, "begin the script at the first skeleton", change=START)
    min_watchers: int = param(
        0, "subscribers of ground_truth that the script waits for", low=0, high=10, change=START
    )
    log: str = param("", "file for one JSON line per tick; empty writes none", change=START)


@dataclass
class _Tick:
    """One tick's messages, made ahead of its time."""

    index: int
    phase: Phase | None
    messages: dict
    repeat: tuple[str, ...]
    truth: Skeleton
    joints_m: object
    render_ms: float


class SimNode(Node):
    """Publishes `depth/image`, `lidar/points`, `wifi/csi` and `ground_truth` at a fixed rate."""

    def __init__(self) -> None:
        super().__init__("sim_node")
        given = Parameters(self, specs(SimParams))
        if given.problems():
            raise ConfigError("; ".join(given.problems()))
        self.params = SimParams(**given.values())
        self._over = False
        self._script = self._load_script()
        self._sensors = {
            "depth": self.create_publisher(Image, "depth/image", qos_profile_sensor_data),
            "lidar": self.create_publisher(PointCloud2, "lidar/points", qos_profile_sensor_data),
            "csi": self.create_publisher(CsiFrame, "wifi/csi", qos_profile_sensor_data),
        }
        self._truth = self.create_publisher(Skeleton, "ground_truth", 50)
        self.create_subscription(Skeleton, "skeleton", self._on_skeleton, 1)
        self._session = self._open_session()
        ready = max(PREROLL_FRAMES, self.params.prerender)
        self._frames = [self._session.frame(i) for i in range(ready)]
        self._log = self._open_log()
        self._last: dict = {}
        self._seen_skeleton = False
        self._begun = False
        self._end_ns = 0
        self._next = self._prepare(0, None)
        self._ticked_ns = 0
        self.create_timer(1.0 / self.params.rate_hz, self._on_timer)

    def _load_script(self) -> Script | None:
        return load_script(Path(self.params.script)) if self.params.script else None

    def _open_session(self):
        # Late: the renderer needs open3d, whose absence should be one line and not a traceback.
        try:
            from pta_ros.simulate.recording import Session
        except ModuleNotFoundError as error:
            if error.name != "open3d":
                raise
            raise ConfigError("open3d is missing; pip install open3d-cpu") from error
        given = self.params
        return Session(given.seed, given.subject, given.scene, given.rate_hz)

    def _open_log(self) -> TickLog | None:
        record = {k: v for k, v in self.params.__dict__.items() if k != "log"}
        return TickLog(Path(self.params.log), record) if self.params.log else None

    def _on_skeleton(self, _msg: Skeleton) -> None:
        self._seen_skeleton = True

    def _may_begin(self) -> bool:
        watchers = self._truth.get_subscription_count() >= self.params.min_watchers
        return watchers and (self._seen_skeleton or not self.params.wait_for_skeleton)

    def _phase(self, index: int) -> Phase | None:
        everything = Phase("all", 0.0, float("inf"))
        return self._script.at(index / self.params.rate_hz) if self._script else everything

    def _prepare(self, index: int, phase: Phase | None) -> _Tick:
        """Render a frame and fill its messages; all that is left for its tick is the stamp."""
        begin = time.perf_counter()
        cycled = phase is None or self.params.prerender
        frame = self._frames[index % len(self._frames)] if cycled else self._session.frame(index)
        out = pack(frame, phase or Phase("before", 0.0, 1.0), index, self.params.seed)
        messages = {
            "csi": csi_message(out.csi) if out.csi else None,
            "lidar": cloud_message(out.cloud) if out.cloud else None,
            "depth": image_message(out.depth) if out.depth else None,
        }
        render_ms = 1e3 * (time.perf_counter() - begin)
        truth = truth_message(frame.joints_m)
        return _Tick(index, phase, messages, out.repeat, truth, frame.joints_m, render_ms)

    def _on_timer(self) -> None:
        if self._end_ns:
            self._over = time.monotonic_ns() > self._end_ns + LINGER_S * 1e9
            return
        late_ms = self._late_ms()
        tick = self._next
        stamp = self.get_clock().now()
        self._publish(tick, stamp.to_msg())
        if self._log:
            args = (tick.phase, tick.joints_m, tick.render_ms, late_ms)
            self._log.tick(tick.index, stamp.nanoseconds, *args)
        self._advance()

    def _late_ms(self) -> float:
        """How much more than a period has passed since the tick before."""
        before, self._ticked_ns = self._ticked_ns, time.monotonic_ns()
        return (self._ticked_ns - before) / 1e6 - 1e3 / self.params.rate_hz if before else 0.0

    def _publish(self, tick: _Tick, stamp) -> None:
        for modality, msg in tick.messages.items():
            if msg is not None:
                msg.header.stamp = stamp
                self._sensors[modality].publish(msg)
                self._last[modality] = msg
            elif modality in tick.repeat and modality in self._last:
                self._sensors[modality].publish(self._last[modality])
        tick.truth.header.stamp = stamp
        self._truth.publish(tick.truth)

    def _advance(self) -> None:
        if not self._begun and not self._may_begin():
            self._next = self._prepare(self._next.index + 1, None)
            return
        index = self._next.index + 1 if self._begun else 0
        self._begun = True
        phase = self._phase(index)
        if phase is None:
            self._end_ns = time.monotonic_ns()
        else:
            self._next = self._prepare(index, phase)

    @property
    def exit_code(self) -> int | None:
        """0 once the script is over; None goes on."""
        return 0 if self._over else None

    def nodes(self) -> list[Node]:
        """The nodes to spin."""
        return [self]

    def close(self) -> None:
        """Close the log."""
        if self._log:
            self._log.close()
