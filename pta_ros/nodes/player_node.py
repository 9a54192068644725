"""Plays a bag's topics with /clock, where `ros2 bag` is not installed.

Serialized messages are published as they are, so every stamp and every byte is the recorded one.
"""

from __future__ import annotations

from pta_ros.clock import NS
from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("player_node")

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock

from pta_ros.bags.bag import Bag
from pta_ros.bags.records import Raw, Topic
from pta_ros.errors import ConfigError
from pta_ros.nodes.base import STEADY, ProgramNode, keep_last, names
from pta_ros.nodes.beside import TF_QOS, TF_STATIC
from pta_ros.nodes.messages import message_class
from pta_ros.nodes.player import Plan, Player, Window
from pta_ros.settings import START, param

CLOCK = "/clock"
#: Messages that a publisher keeps for a slow subscriber.
_PLAYED = 10
_WATCH_S = 0.05


@dataclass(frozen=True)
class PlayerParams:
    """The node's parameters."""

    bag: str = param(
        "", f"the bag, or the bags of a split recording separated by {os.pathsep}", change=START
    )
    topics: str = param(
        "", "topics to play, separated by commas; empty plays all that can be", change=START
    )
    rate: float = param(
        1.0, "so many times as fast as recorded", low=0.01, high=100.0, change=START
    )
    loop: bool = param(False, "begin again at the end; time jumps back then", change=START)
    start_offset_s: float = param(
        0.0, "begin so much after the bag's begin", unit="s", low=0.0, high=1e6, change=START
    )
    duration_s: float = param(
        0.0, "play so much of the bag's time; 0: to the end", unit="s", low=0.0, high=1e6,
        change=START,
    )  # fmt: skip
    min_subscribers: int = param(
        0, "subscribers of every topic that are waited for at first", low=0, high=10, change=START
    )
    delay_s: float = param(
        1.0, "wait before the first message, after the subscribers, for the network to settle",
        unit="s", low=0.0, high=3600.0, change=START,
    )  # fmt: skip
    clock_hz: float = param(
        100.0, "ticks of /clock per second of the bag's time, beside one per message; 0: no /clock",
        unit="Hz", low=0.0, high=1000.0, change=START,
    )  # fmt: skip


class PlayerNode(ProgramNode):
    """Publishes what a bag holds, on time; ends by itself after the last message."""

    def __init__(self, **options: Any) -> None:
        super().__init__("player_node", PlayerParams, **options)
        self._published = 0
        self._told: set[str] = set()
        self._open = ExitStack()
        self._bag = self._open.enter_context(Bag(self._paths()))
        try:
            self._outs = self._outlets()
            hz = self.params.clock_hz
            self._clock_out = self.create_publisher(Clock, CLOCK, 10) if hz else None
            self._player = Player(self._bag, self._plan(), self)
        except BaseException:
            self._open.close()
            raise
        self.create_timer(_WATCH_S, self._watch, clock=STEADY)
        self.get_logger().info(self._summary())
        self._player.start()

    # -- before the start -----------------------------------------------------------------------

    def _paths(self) -> list[Path]:
        paths = [Path(part) for part in self.params.bag.split(os.pathsep) if part]
        if not paths:
            raise ConfigError("bag is ''; expected the path of a bag, as in -p bag:=walk.mcap")
        return paths

    def _wanted(self) -> list[str]:
        """The topics asked for, as the bag has them."""
        asked = ["/" + name.lstrip("/") for name in names(self.params.topics)]
        unknown = [name for name in asked if name not in self._bag.topics]
        if unknown:
            has = ", ".join(sorted(self._bag.topics)) or "none"
            raise ConfigError(f"topics: {', '.join(unknown)} is not in the bag, which has {has}")
        return asked or sorted(self._bag.topics)

    def _outlets(self) -> dict[str, Any]:
        """A publisher by topic; what cannot be played is told and left out."""
        found = {}
        for topic in self._wanted():
            if topic == CLOCK and self.params.clock_hz:
                self._leave_out(topic, "this node's own is published; clock_hz:=0.0 plays it")
                continue
            recorded = self._bag.topics[topic]
            try:
                kind = message_class(recorded.type)
            except ImportError:
                self._leave_out(topic, f"{recorded.type} is not on this Python's path")
                continue
            found[topic] = self.create_publisher(kind, topic, play_qos(recorded))
        if not found:
            raise ConfigError(f"nothing can be played of {self.params.bag}")
        return found

    def _leave_out(self, topic: str, why: str) -> None:
        self.get_logger().warning(f"{topic} is left out: {why}")

    def _plan(self) -> Plan:
        given = self.params
        begin_ns = self._bag.begin_ns + round(given.start_offset_s * NS)
        length_s = (self._bag.end_ns - self._bag.begin_ns) / NS
        if begin_ns > self._bag.end_ns:
            raise ConfigError(
                f"start_offset_s is {given.start_offset_s:g}; "
                f"expected no more than the bag's length, {length_s:.3f} s"
            )
        end_ns = begin_ns + round(given.duration_s * NS) if given.duration_s else self._bag.end_ns
        return Plan(
            topics=frozenset(self._outs),
            window=Window(begin_ns, min(end_ns, self._bag.end_ns)),
            rate=given.rate,
            loop=given.loop,
            delay_s=given.delay_s,
            period_ns=round(NS / given.clock_hz) if given.clock_hz else 0,
        )

    def _summary(self) -> str:
        length_s = (self._bag.end_ns - self._bag.begin_ns) / NS
        return f"{self.params.bag}: {length_s:.1f} s of {', '.join(self._outs)}"

    # -- the player's outlet, on its thread -----------------------------------------------------

    def awaited(self) -> bool:
        """Whether every topic has the subscribers that are waited for."""
        counts = [out.get_subscription_count() for out in self._outs.values()]
        return min(counts) >= self.params.min_subscribers

    def publish(self, raw: Raw) -> None:
        """Send a message as it is."""
        self._outs[raw.topic].publish(raw.data)
        self._published += 1

    def tick(self, time_ns: int) -> None:
        """Send the bag's time."""
        sec, nanosec = divmod(time_ns, NS)
        self._clock_out.publish(Clock(clock=Time(sec=sec, nanosec=nanosec)))

    def late(self, behind_ns: int) -> None:
        """Say that this machine is too slow, now and then."""
        text = f"{behind_ns / NS:.2f} s behind the schedule; sending as fast as it goes"
        self.warn("late", text)

    def ended(self, passes: int) -> None:
        """Tell the bag's losses, once each, and the end."""
        for loss in self._bag.losses:
            if loss not in self._told:
                self._told.add(loss)
                self.get_logger().warning(f"the bag is not whole: {loss}")
        if not self.params.loop:
            self.get_logger().info(f"played {self._published} messages")
        elif passes == 1:
            self.get_logger().info("the bag begins again")

    # -- the program ----------------------------------------------------------------------------

    def _watch(self) -> None:
        if not self._player.over:
            return
        if self._player.error is not None:
            raise self._player.error
        self.exit_code = 0

    def close(self) -> None:
        """Stop playing and close the bag."""
        if self._player.stop():
            self._open.close()


def play_qos(topic: Topic) -> QoSProfile:
    """The recorded publisher's QoS.

    Reliable where the bag does not say, as that fits every subscriber and best effort only some;
    static transforms are kept for those who come late.
    """
    if topic.name == TF_STATIC:
        return TF_QOS
    latched = topic.durability == "transient_local"
    depth = TF_QOS.depth if latched else _PLAYED
    return keep_last(depth, topic.reliability != "best_effort", latched)
