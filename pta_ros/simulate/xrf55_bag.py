"""A synthetic session of one person as a bag: radar, Wi-Fi and RFID packets on the live topics.

It is what rf_sim_node publishes, lost and jittering packets included, without ROS and without
waiting: for replays with ground truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.bags.bag import BagWriter, header, message
from pta_ros.datasets.mmfi_bag import START_NS, Written
from pta_ros.errors import ConfigError
from pta_ros.frames import FloatArray
from pta_ros.fusion.params import topics_of
from pta_ros.sensors import SENSORS
from pta_ros.simulate.rf_session import Packet, RfSession

TRUTH_TOPIC = "/ground_truth_activity"
TRUTH_TYPE = "pta_msgs/msg/Activity"

#: The truth is told so often, where windows end.
TICK_S = 0.5
LINKS = 9
_NS = 1_000_000_000


@dataclass(frozen=True)
class SessionPlan:
    """Who is recorded and for how long; `loss` is the share of messages that are lost.

    `jitter_s` is the deviation of the stamps of radar and RFID, which come too early. Subjects from
    41 on are held out of the shipped model's training. Raises ConfigError.
    """

    seconds: float = 60.0
    seed: int = 0
    subject: int = 41
    scene: int = 1
    activity_s: float = 9.0
    loss: float = 0.02
    jitter_s: float = 0.004

    def __post_init__(self) -> None:
        if not (TICK_S <= self.seconds <= 86_400 and 0 <= self.loss < 1 and 0 <= self.jitter_s < 1):
            raise ConfigError(
                f"{self.seconds} s, loss {self.loss}, jitter {self.jitter_s} s; expected "
                f"{TICK_S} to 86400 s, a share below 1, and less than a second"
            )


def session_to_bag(plan: SessionPlan, out: Path, storage: str = "mcap") -> Written:
    """Write a session into the new folder `out`; DatasetError when it cannot be written."""
    session = RfSession(plan.seed, plan.subject, plan.scene, plan.activity_s)
    written: Counter[str] = Counter()
    try:
        with BagWriter(out, storage) as bag:
            for modality, topic in topics_of("xrf55").items():
                bag.topic(f"/{topic}", SENSORS[modality].message_type, reliable=False)
            bag.topic(TRUTH_TOPIC, TRUTH_TYPE)
            for topic, time_ns, msg in _messages(session, plan):
                bag.write(topic, time_ns, msg)
                written[topic] += 1
    finally:
        session.close()
    return Written(dict(written), int(plan.seconds / TICK_S) * TICK_S, ())


def _messages(session: RfSession, plan: SessionPlan) -> Iterator[tuple[str, int, Any]]:
    """Topic, time and message, in order of time."""
    rng = np.random.default_rng([plan.seed, plan.subject])
    for tick in range(int(plan.seconds / TICK_S)):
        begin_s, end_s = tick * TICK_S, (tick + 1) * TICK_S
        due = sorted(session.between(begin_s, end_s), key=lambda packet: packet.time_s)
        for packet in due:
            if rng.random() < plan.loss:
                continue
            jitter = plan.jitter_s if packet.modality != "wifi" else 0.0
            stamp_ns = _at(packet.time_s - abs(jitter * rng.normal()))
            topic = f"/{SENSORS[packet.modality].topic}"
            yield topic, _at(packet.time_s), packet_message(packet, stamp_ns)
        class_id = session.action(end_s - 1e-6) - 1
        yield TRUTH_TOPIC, _at(end_s), truth_message(class_id, _at(end_s))


def _at(time_s: float) -> int:
    return START_NS + round(time_s * _NS)


def packet_message(packet: Packet, stamp_ns: int) -> Any:
    """A packet (or burst of them) as its sensor's message."""
    content: FloatArray = packet.content.astype(np.float32, copy=False)
    head = header(stamp_ns, f"{packet.modality}_frame")
    kind = SENSORS[packet.modality].message_type
    if packet.modality == "radar":
        rows, columns = content.shape
        return message(kind, header=head, rows=rows, columns=columns, power=content.reshape(-1))
    if packet.modality == "rfid":
        return message(kind, header=head, phase=content)
    burst = content.T.reshape(LINKS, -1, len(content))
    return message(
        kind,
        header=head,
        antennas=LINKS,
        subcarriers=burst.shape[1],
        packets=len(content),
        amplitude=burst.reshape(-1),
    )


def truth_message(class_id: int, stamp_ns: int) -> Any:
    """The true activity since the truth before it."""
    return message(
        TRUTH_TYPE,
        header=header(stamp_ns),
        class_id=class_id,
        confidence=1.0,
        model="ground truth (synthetic)",
    )
