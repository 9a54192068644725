"""A Wi-Fi card's capture file as a bag of CsiFrame messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pta_ros.bags.messages import header, message
from pta_ros.bags.writer import BagWriter
from pta_ros.captures.bursts import Bursts, Plan
from pta_ros.captures.files import WORLD_TIME, find_format, packets
from pta_ros.captures.packet import CsiPacket, Losses
from pta_ros.clock import NS
from pta_ros.errors import ConfigError, DatasetError

_TYPE = "pta_msgs/msg/CsiFrame"
#: The time of the first packet where neither the capture nor the caller says it, in seconds.
START_S = 1_600_000_000.0


@dataclass(frozen=True)
class WrittenCsi:
    """What became of a capture: its format, counts, the messages' shape, and losses in words."""

    form: str
    messages: int
    packets: int
    shape: tuple[int, int, int]
    seconds: float
    lost: tuple[str, ...]

    def __str__(self) -> str:
        antennas, tones, packets = self.shape
        each = f"{antennas} antennas x {tones} subcarriers x {packets} packets"
        return (
            f"{self.seconds:.1f} s of {self.form}, {self.packets} packets, "
            f"{self.messages} messages of {each}"
        )


def capture_to_bag(
    path: Path,
    out: Path,
    plan: Plan,
    form: str = "auto",
    topic: str = "/wifi/csi",
    frame_id: str = "wifi_frame",
    start_s: float | None = None,
    storage: str = "mcap",
) -> WrittenCsi:
    """Write a capture's bursts into the new folder `out`, stamped with their last packets' times.

    `start_s` is the time of the first packet, Unix seconds: by default the capture's own where it
    has the world's (pcap), else START_S. Raises DatasetError and ConfigError.
    """
    if start_s is not None and not 0 < start_s < 2**31:
        raise ConfigError(f"start {start_s}: expected Unix seconds, above 0 and below 2^31")
    if not re.fullmatch(r"(/[A-Za-z_][A-Za-z0-9_]*)+", topic):
        raise ConfigError(f"topic {topic!r}: expected a full name, as in /wifi/csi")
    form, losses = find_format(path, form), Losses()
    reading = packets(path, losses, form)
    first = next(reading, None)
    if first is None:
        told = "; ".join(losses.texts()) or "it holds no channel state"
        raise DatasetError(f"{path}: no packets of {form}: {told}")
    if start_s is None and form not in WORLD_TIME:
        start_s = START_S
    shift_ns, shape = 0 if start_s is None else round(start_s * 1e9) - first.time_ns, (0, 0, 0)
    counted = _Counted(chain([first], reading))
    with BagWriter(out, storage, whole=True) as bag:
        bag.topic(topic, _TYPE, reliable=False)
        done = []
        for time_ns, fields in _bursts(counted, Bursts(plan, losses)):
            stamp_ns = time_ns + shift_ns
            if not 0 < stamp_ns < 2**31 * NS:
                losses.add("a burst whose time no stamp can hold: give a start")
                continue
            bag.write(topic, stamp_ns, message(_TYPE, header=header(stamp_ns, frame_id), **fields))
            shape = (fields["antennas"], fields["subcarriers"], fields["packets"])
            done.append(stamp_ns)
    seconds = (done[-1] - done[0]) / NS if done else 0.0
    return WrittenCsi(form, len(done), counted.count, shape, seconds, tuple(losses.texts()))


class _Counted:
    """Packets, and how many there were."""

    def __init__(self, packets: Iterator[CsiPacket]) -> None:
        self._packets, self.count = packets, 0

    def __iter__(self) -> Iterator[CsiPacket]:
        for packet in self._packets:
            self.count += 1
            yield packet


def _bursts(packets: Iterable[CsiPacket], bursts: Bursts) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every burst of all packets, with the last packet's time."""
    for packet in packets:
        yield from bursts.add(packet)
    yield from bursts.end()
