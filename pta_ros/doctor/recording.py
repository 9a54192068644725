"""The doctor on a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pta_ros.bags.bag import Bag
from pta_ros.doctor.findings import Findings, find, wanted
from pta_ros.doctor.watch import SAMPLES, Watch
from pta_ros.errors import DecodeError
from pta_ros.fusion.transforms import Transforms
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.camera import CAMERA_INFO

TF_TOPIC = "/tf_static"


def examine(paths: Sequence[Path], sensors: Mapping[str, Sensor]) -> Findings:
    """Read a recording once and try its topics; raises DatasetError for one that cannot be read."""
    transforms = Transforms()
    with Bag(paths) as bag:
        watches, sides = {}, {}
        for topic in bag.topics.values():
            qos = " ".join(filter(None, (topic.reliability, topic.durability)))
            watch = Watch(topic.name, topic.type, qos=qos)
            if topic.type == CAMERA_INFO:
                sides[topic.name] = watch
            elif wanted(topic.type, sensors):
                watches[topic.name] = watch
        every_ns = (bag.end_ns - bag.begin_ns) // (SAMPLES + 1)
        for raw in bag.messages([*watches, *sides, TF_TOPIC]):
            if raw.topic == TF_TOPIC:
                try:
                    transforms.take(bag.decode(raw))
                except DecodeError:
                    continue  # the clouds that need it say that it is not there
                continue
            watch = watches.get(raw.topic) or sides[raw.topic]
            watch.heard(raw.data, raw.time_ns, every_ns, partial(bag.decode, raw))
    return find(sensors, watches, sides, transforms, recorded=True)
