"""The parameters of the node that publishes a Wi-Fi card's channel state; no ROS here."""

from __future__ import annotations

from dataclasses import dataclass

from pta_ros.captures.files import FORMATS
from pta_ros.captures.nexmon import PORT
from pta_ros.settings import START, param


@dataclass(frozen=True)
class CsiParams:
    """The CSI node: where packets come from, and which of them make a frame."""

    source: str = param(
        "udp", "where packets come from", choices=("file", "udp", "serial"), change=START
    )
    file: str = param("", "capture to play (source: file), at its own pace", change=START)
    format: str = param(
        "auto", "of the file; auto finds it", choices=("auto", *FORMATS), change=START
    )
    loop: bool = param(False, "begin the file again at its end", change=START)
    port: int = param(PORT, "UDP port of Nexmon (source: udp)", low=1, high=65535, change=START)
    device: str = param("/dev/ttyUSB0", "serial line of the ESP32 (source: serial)", change=START)
    baud: int = param(
        921600, "speed of the line", unit="baud", low=9600, high=4_000_000, change=START
    )
    topic: str = param("wifi/csi", "where pta_msgs/CsiFrame is published", change=START)
    frame_id: str = param("wifi_frame", "frame_id of the messages", change=START)
    packets: int = param(
        10, "packets of a message; as many as the model takes", low=1, high=1000, change=START
    )
    gap_s: float = param(
        0.5, "a longer pause ends a burst: half of it or more is sent, NaN for the rest", unit="s",
        low=0.001, high=60.0, change=START,
    )  # fmt: skip
    antennas: str = param(
        "", "which, in the model's order, as in 0,2,1; empty takes all", change=START
    )
    streams: bool = param(False, "every stream of the sender, not the first alone", change=START)
    sender: str = param(
        "", "MAC address of the one sender that counts; empty takes all", change=START
    )
    center_hz: float = param(
        0.0, "centre of the channel; 0 takes what the capture says", unit="Hz", low=0.0,
        high=1e11, change=START,
    )  # fmt: skip
    bandwidth_hz: float = param(
        0.0,
        "width of the channel; 0 takes what the capture says",
        unit="Hz",
        low=0.0,
        high=1e9,
        change=START,
    )
