"""One MM-Fi clip as a bag on the live topics, so that the live node can be fed with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.bags.bag import BagWriter, header, message
from pta_ros.datasets.mmfi import Clip, MmfiTree
from pta_ros.errors import ConfigError, DatasetError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors import SENSORS, sensors_of
from pta_ros.sensors.mmfi import BANDWIDTH_HZ, CENTER_HZ, FRAMES
from pta_ros.skeleton import CONVENTION, JOINT_NAMES

#: As a recorder names a node's topics that are in no namespace.
SENSOR_TOPICS = {modality: f"/{kind.topic}" for modality, kind in sensors_of("mmfi").items()}
TRUTH_TOPIC = "/ground_truth"
TRUTH_TYPE = "pta_msgs/msg/Skeleton"

#: A start that is in no one's way: stamps of zero would count as missing.
START_NS = 1_600_000_000 * 1_000_000_000
MAX_RATE_HZ = 1000.0

_POINT_BYTES = 12
_FLOAT32 = 7  # sensor_msgs/PointField


@dataclass(frozen=True)
class Written:
    """What became of a clip: messages per topic, its length, and what was left out, in words."""

    messages: dict[str, int]
    seconds: float
    left_out: tuple[str, ...]


def find_clip(root: Path, scene: str, subject: str, action: str) -> Clip:
    """The clip ROOT/SCENE/SUBJECT/ACTION; DatasetError with those that there are."""
    tree = MmfiTree(root)
    for clip in tree.clips:
        if (clip.scene, clip.subject, clip.action) == (scene, subject, action):
            return clip
    scenes = sorted({clip.scene for clip in tree.clips})
    raise DatasetError(
        f"{root}: no clip {scene}/{subject}/{action}; expected one of {' '.join(scenes)}, "
        f"{' '.join(tree.subjects)}, {' '.join(tree.actions)}"
    )


def clip_to_bag(
    clip: Clip,
    out: Path,
    rate_hz: float = 10.0,
    storage: str = "mcap",
    start_ns: int = START_NS,
    label: str = "MM-Fi",
) -> Written:
    """Write a clip into the new folder `out`: frame n at `start_ns` + (n - 1) / `rate_hz`.

    A frame that the clip lacks or that cannot be read is left out. `label` says in the ground
    truth's messages where it is from. Raises DatasetError and ConfigError.
    """
    if not 0 < rate_hz <= MAX_RATE_HZ or start_ns < 0:
        raise ConfigError(f"rate {rate_hz} Hz, start {start_ns} ns; expected 0..{MAX_RATE_HZ:g}, 0")
    beyond = clip.frames_without_truth
    numbers = sorted((*clip.frame_numbers, *beyond))
    if not numbers:
        raise DatasetError(f"{clip.path}: no frames; expected depth/, lidar/ or wifi-csi/ in it")
    left_out: list[str] = []
    written: Counter[str] = Counter()
    with BagWriter(out, storage) as bag:
        for modality, topic in SENSOR_TOPICS.items():
            bag.topic(topic, SENSORS[modality].message_type, reliable=False)
        bag.topic(TRUTH_TOPIC, TRUTH_TYPE)
        for number in numbers:
            time_ns = start_ns + round((number - 1) * 1e9 / rate_hz)
            found = _sensor_messages(clip, number, time_ns, left_out)
            if number in beyond:
                left_out.append(f"ground truth of frame {number}: there is none")
            else:
                found[TRUTH_TOPIC] = truth_message(clip.joints(number), time_ns, label)
            for topic, msg in found.items():
                bag.write(topic, time_ns, msg)
            written.update(found.keys())
    seconds = (numbers[-1] - numbers[0]) / rate_hz
    return Written(dict(written), seconds, tuple(left_out))


def depth_message(depth_m: FloatArray, time_ns: int) -> Any:
    """Depth (H, W) metres as a 16UC1 image of millimetres."""
    height, width = depth_m.shape
    millimetres = np.rint(depth_m * 1e3).astype("<u2")
    return message(
        SENSORS["depth"].message_type,
        header=header(time_ns, FRAMES["depth"]),
        height=height,
        width=width,
        encoding="16UC1",
        step=width * millimetres.itemsize,
        data=millimetres.reshape(-1).view(np.uint8),
    )


def cloud_message(points_m: FloatArray, time_ns: int) -> Any:
    """Points (N, 3) metres as an unordered cloud of x, y, z float32."""
    fields = [
        message("sensor_msgs/msg/PointField", name=name, offset=4 * i, datatype=_FLOAT32, count=1)
        for i, name in enumerate("xyz")
    ]
    return message(
        SENSORS["lidar"].message_type,
        header=header(time_ns, FRAMES["lidar"]),
        height=1,
        width=len(points_m),
        fields=fields,
        point_step=_POINT_BYTES,
        row_step=_POINT_BYTES * len(points_m),
        is_dense=True,
        data=np.ascontiguousarray(points_m, "<f4").reshape(-1).view(np.uint8),
    )


def csi_message(amplitude: FloatArray, time_ns: int) -> Any:
    """Amplitude (antennas, subcarriers, packets), linear, without phase."""
    antennas, subcarriers, packets = amplitude.shape
    return message(
        SENSORS["csi"].message_type,
        header=header(time_ns, FRAMES["csi"]),
        antennas=antennas,
        subcarriers=subcarriers,
        packets=packets,
        amplitude=amplitude.reshape(-1),
        center_frequency_hz=CENTER_HZ,
        bandwidth_hz=BANDWIDTH_HZ,
    )


def truth_message(joints_m: FloatArray, time_ns: int, label: str) -> Any:
    """Joints (17, 3) metres in the camera's frame."""
    return message(
        TRUTH_TYPE,
        header=header(time_ns, FRAMES["depth"]),
        convention=CONVENTION,
        joint_names=list(JOINT_NAMES),
        positions=[
            message("geometry_msgs/msg/Point", x=x, y=y, z=z) for x, y, z in joints_m.tolist()
        ],
        std_dev=np.zeros(len(JOINT_NAMES)),
        model=f"ground truth ({label})",
    )


_MESSAGES = {"depth": depth_message, "lidar": cloud_message, "csi": csi_message}


def _sensor_messages(clip: Clip, number: int, time_ns: int, left_out: list[str]) -> dict[str, Any]:
    """One frame's messages by topic; what cannot be read goes to `left_out`."""
    found = {}
    for modality, topic in SENSOR_TOPICS.items():
        try:
            array = clip.read(modality, number)
        except DecodeError as error:
            left_out.append(str(error))
            continue
        if array is None:
            left_out.append(f"{modality} of frame {number}: there is no file")
        else:
            found[topic] = _MESSAGES[modality](array, time_ns)
    return found
