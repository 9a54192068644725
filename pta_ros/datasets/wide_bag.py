"""One clip of the wide world as a bag: both sensors, where they stand, and everybody they show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pta_ros.bags.bag import BagWriter
from pta_ros.bags.messages import TRUE_PEOPLE, header, message, reading, transforms, true_people
from pta_ros.datasets.clips import made_with
from pta_ros.datasets.mmfi_bag import START_NS, Written, check_times
from pta_ros.datasets.people import visible
from pta_ros.datasets.wide import Clip
from pta_ros.errors import DatasetError
from pta_ros.fusion.level import LEVEL_FRAME
from pta_ros.people.readings import OPTICAL
from pta_ros.sensors import DepthSensor, LidarSensor
from pta_ros.sensors.camera import CAMERA_INFO, info_fields, info_topic

TF_STATIC = "/tf_static"


def is_wide(root: Path) -> bool:
    """Whether a tree is of the wide world."""
    return (made_with(root) or {}).get("world") == "wide"


def find_wide_clip(root: Path, scene: str, subject: str, action: str) -> Clip:
    """The clip ROOT/SCENE/SUBJECT/ACTION; DatasetError with how to name one."""
    folder = root / scene / subject / action
    if not folder.is_dir():
        there = sorted(root.glob("E*/S*/A01"))
        expected = " to ".join("/".join(f.parts[-3:]) for f in (there[:1] + there[-1:]))
        raise DatasetError(f"{root}: no clip {scene}/{subject}/{action}; expected {expected}")
    return Clip.open(folder)


def step_s(root: Path) -> float:
    """Seconds between two frames of the tree's clips."""
    return float((made_with(root) or {}).get("step_s", 0.5))


def wide_to_bag(
    clip: Clip, out: Path, rate_hz: float, storage: str = "mcap", start_ns: int = START_NS
) -> Written:
    """Write a clip into the new folder `out`: frame n (from 0) at `start_ns` + n / `rate_hz`.

    `truth/people` has everybody whom a sensor shows well enough (datasets.people.visible), in the
    level frame base_link; /tf_static has both poses. Raises DatasetError and ConfigError.
    """
    check_times(rate_hz, start_ns)
    seen = np.asarray(visible(clip).any(axis=2))
    written: Counter[str] = Counter()
    with BagWriter(out, storage, whole=True) as bag:
        for kind in (DepthSensor, LidarSensor):
            bag.topic(f"/{kind.topic}", kind.message_type, reliable=False)
        bag.topic(f"/{info_topic(DepthSensor.topic)}", CAMERA_INFO, reliable=False)
        bag.topic(TF_STATIC, "tf2_msgs/msg/TFMessage", latched=True)
        bag.topic(*TRUE_PEOPLE)
        bag.write(TF_STATIC, start_ns, _poses(clip, start_ns))
        for number, people in enumerate(clip.people):
            time_ns = start_ns + round(number * 1e9 / rate_hz)
            pixels, points = clip.arrays(number)
            head = header(time_ns, DepthSensor.frame_id)
            found = {TRUE_PEOPLE[0]: true_people(people[seen[number]], time_ns, LEVEL_FRAME)}
            if pixels is not None:
                info = message(CAMERA_INFO, header=head, **info_fields(clip.lens))
                found[f"/{info_topic(DepthSensor.topic)}"] = info
                found[f"/{DepthSensor.topic}"] = reading(DepthSensor(), pixels, time_ns)
            if points is not None:
                found[f"/{LidarSensor.topic}"] = reading(LidarSensor(), points, time_ns)
            for topic, msg in found.items():
                bag.write(topic, time_ns, msg)
            written.update(found.keys())
    return Written(dict(written), (len(clip.people) - 1) / rate_hz, ())


def _poses(clip: Clip, time_ns: int) -> object:
    """Both sensors' frames in the level one."""
    links = {}
    for kind, axes in ((DepthSensor, OPTICAL), (LidarSensor, np.eye(3))):
        turn, place = clip.known.pose(kind.modality)
        quaternion = Rotation.from_matrix(turn @ axes).as_quat()
        links[kind.frame_id] = (place.tolist(), quaternion.tolist())
    return transforms(LEVEL_FRAME, links, time_ns)
