"""Publishes a Wi-Fi card's channel state: from a capture file, Nexmon's datagrams, or an ESP32.

A file is published at its own pace, stamped with the present time; what comes live is stamped when
it comes. A node that ends by itself has played its file.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("csi_node")

from pathlib import Path
from typing import Any

from pta_ros.captures.bursts import Bursts, Plan, antenna_numbers
from pta_ros.captures.live import Live, Played, SerialLine, Udp
from pta_ros.captures.packet import Losses
from pta_ros.captures.params import CsiParams
from pta_ros.errors import ConfigError
from pta_ros.nodes.base import STEADY, ProgramNode, check_topic, keep_last
from pta_ros.nodes.messages import message_class, to_header, to_message

_TYPE = "pta_msgs/msg/CsiFrame"
_PERIOD_S, _REPORT_S = 0.005, 5.0


class CsiNode(ProgramNode):
    """Publishes pta_msgs/CsiFrame on `topic`."""

    def __init__(self, **options: Any) -> None:
        super().__init__("csi_node", CsiParams, **options)
        own = self.params
        check_topic(own.topic, self)
        self._losses = Losses()
        plan = Plan(
            own.packets, own.gap_s, antenna_numbers(own.antennas), own.streams, own.sender,
            own.center_hz, own.bandwidth_hz,
        )  # fmt: skip
        self._bursts = Bursts(plan, self._losses)
        self._live: Live = self._opened()
        self._count, self._sent = 0, 0
        self._told = ""
        self._out = self.create_publisher(
            message_class(_TYPE), own.topic, keep_last(10, reliable=False)
        )
        self.create_timer(_PERIOD_S, self._turn, clock=STEADY)
        self.create_timer(_REPORT_S, self._report, clock=STEADY)
        self.get_logger().info(f"{self._live.name}: frames of {own.packets} on {own.topic}")

    def _opened(self) -> Live:
        own = self.params
        if own.source == "file":
            if not own.file:
                raise ConfigError("file is ''; expected a capture, as in -p file:=walk.pcap")
            return Played(Path(own.file).expanduser(), self._losses, own.format, own.loop)
        if own.source == "udp":
            return Udp(own.port, self._losses)
        return SerialLine(own.device, own.baud, self._losses)

    def _turn(self) -> None:
        """Publish the bursts that are complete by now."""
        now_ns = self.get_clock().now().nanoseconds
        for packet in self._live.take(now_ns):
            self._count += 1
            self._publish(self._bursts.add(packet))
        self._publish(self._bursts.overdue(now_ns))
        if self._live.over and self.exit_code is None:
            self._publish(self._bursts.end())
            self._report()
            self.get_logger().info(f"played {self._count} packets, {self._sent} frames")
            self.exit_code = 0

    def _publish(self, bursts: Any) -> None:
        for time_ns, fields in bursts:
            header = to_header(time_ns, self.params.frame_id)
            self._out.publish(to_message(_TYPE, fields, header))
            self._sent += 1

    def _report(self) -> None:
        """Say what was lost since the last time, and when nothing came at all."""
        told = "; ".join(self._losses.texts())
        if told != self._told:
            self.get_logger().warning(f"{self._live.name}: {told}")
            self._told = told
        if not self._count:
            self.warn("silent", f"{self._live.name}: no packets yet; {self._live.remedy}")

    def close(self) -> None:
        """Close what was opened."""
        self._live.close()
        super().close()
