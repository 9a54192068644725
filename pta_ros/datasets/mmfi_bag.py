"""One MM-Fi clip as a bag on the live topics, so that the live node can be fed with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pta_ros.bags.bag import BagWriter
from pta_ros.bags.messages import TRUE_POSE, beside, reading, true_pose
from pta_ros.datasets.mmfi import Clip, MmfiTree
from pta_ros.datasets.mmfi_files import FOLDERS
from pta_ros.errors import ConfigError, DatasetError, DecodeError
from pta_ros.sensors import SENSORS

#: The time of the first frame where none is given; a stamp of zero would count as missing.
START_NS = 1_600_000_000 * 1_000_000_000
MAX_RATE_HZ = 1000.0


@dataclass(frozen=True)
class Written:
    """What became of a clip: messages per topic, its length, and what was left out, in words."""

    messages: dict[str, int]
    seconds: float
    left_out: tuple[str, ...]


def check_times(rate_hz: float, start_ns: int) -> None:
    """Raise ConfigError for a rate or a begin that no bag can have."""
    if not 0 < rate_hz <= MAX_RATE_HZ or start_ns < 0:
        raise ConfigError(f"rate {rate_hz} Hz, start {start_ns} ns; expected 0..{MAX_RATE_HZ:g}, 0")


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
    check_times(rate_hz, start_ns)
    beyond = clip.frames_without_truth
    numbers = sorted((*clip.frame_numbers, *beyond))
    if not numbers:
        raise DatasetError(f"{clip.path}: no frames; expected depth/, lidar/ or wifi-csi/ in it")
    left_out: list[str] = []
    written: Counter[str] = Counter()
    with BagWriter(out, storage, whole=True) as bag:
        for kind in map(SENSORS.__getitem__, FOLDERS):
            bag.topic(f"/{kind.topic}", kind.message_type, reliable=False)
            for topic, (type_name, _) in kind().side_fields().items():
                bag.topic(f"/{topic}", type_name, reliable=False)
        bag.topic(*TRUE_POSE)
        for number in numbers:
            time_ns = start_ns + round((number - 1) * 1e9 / rate_hz)
            found = _sensor_messages(clip, number, time_ns, left_out)
            if number in beyond:
                left_out.append(f"ground truth of frame {number}: there is none")
            else:
                found[TRUE_POSE[0]] = true_pose(clip.joints(number), time_ns, label)
            for topic, msg in found.items():
                bag.write(topic, time_ns, msg)
            written.update(found.keys())
    seconds = (numbers[-1] - numbers[0]) / rate_hz
    return Written(dict(written), seconds, tuple(left_out))


def _sensor_messages(clip: Clip, number: int, time_ns: int, left_out: list[str]) -> dict[str, Any]:
    """One frame's messages by topic; what cannot be read goes to `left_out`."""
    found = {}
    for modality in FOLDERS:
        try:
            array = clip.read(modality, number)
        except DecodeError as error:
            left_out.append(str(error))
            continue
        if array is None:
            left_out.append(f"{modality} of frame {number}: there is no file")
        else:
            sensor = SENSORS[modality]()
            found[f"/{sensor.topic}"] = reading(sensor, sensor.compact(array), time_ns)
            found.update(beside(sensor, time_ns))
    return found
