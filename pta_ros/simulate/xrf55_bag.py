"""A synthetic session of one person as a bag: radar, Wi-Fi and RFID packets on the live topics.

It is what rf_sim_node publishes, lost and jittering packets included, without ROS and without
waiting: for replays with ground truth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.bags.bag import BagWriter
from pta_ros.bags.messages import TRUE_ACTIVITY, reading, true_activity
from pta_ros.clock import NS
from pta_ros.datasets.mmfi_bag import START_NS, Written
from pta_ros.datasets.xrf55 import ACTIVITIES
from pta_ros.errors import ConfigError
from pta_ros.sensors import SENSORS
from pta_ros.simulate.rf import PACKETS
from pta_ros.simulate.rf_session import RfSession

#: Seconds from one message of the ground truth to the next: windows end at each.
TICK_S = 0.5


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
    #: Which of XRF55's activities (1 to 55) take turns; empty: all.
    actions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (TICK_S <= self.seconds <= 86_400 and 0 <= self.loss < 1 and 0 <= self.jitter_s < 1):
            raise ConfigError(
                f"{self.seconds} s, loss {self.loss}, jitter {self.jitter_s} s; expected "
                f"{TICK_S} to 86400 s, a share below 1, and less than a second"
            )

    def session(self) -> RfSession:
        """The session, to be closed."""
        return RfSession(self.seed, self.subject, self.scene, self.activity_s, self.actions)


def labels_of(plan: SessionPlan) -> str:
    """The session's activities as bag_to_dataset reads them: CSV of start, end (Unix s), label."""
    session, lines = plan.session(), ["start,end,label"]
    try:
        for number in range(math.ceil(plan.seconds / plan.activity_s)):
            begin_s = number * plan.activity_s
            end_s = min(begin_s + plan.activity_s, plan.seconds)
            label = ACTIVITIES[session.action((begin_s + end_s) / 2) - 1]
            lines.append(f"{START_NS / NS + begin_s:.3f},{START_NS / NS + end_s:.3f},{label}")
    finally:
        session.close()
    return "\n".join(lines) + "\n"


def session_to_bag(plan: SessionPlan, out: Path, storage: str = "mcap") -> Written:
    """Write a session into the new folder `out`; DatasetError when it cannot be written."""
    session = plan.session()
    written: Counter[str] = Counter()
    try:
        with BagWriter(out, storage, whole=True) as bag:
            for kind in map(SENSORS.__getitem__, PACKETS):
                bag.topic(f"/{kind.topic}", kind.message_type, reliable=False)
            bag.topic(*TRUE_ACTIVITY)
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
            sensor = SENSORS[packet.modality]()
            msg = reading(sensor, packet.content, stamp_ns)
            yield f"/{sensor.topic}", _at(packet.time_s), msg
        class_id = session.action(end_s - 1e-6) - 1
        truth = true_activity(class_id, _at(end_s), "synthetic", ACTIVITIES[class_id])
        yield TRUE_ACTIVITY[0], _at(end_s), truth


def _at(time_s: float) -> int:
    return START_NS + round(time_s * NS)
