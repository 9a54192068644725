"""Motion capture's names of things for our joints: a YAML file of poses' numbers, or of frames.

joints:
  pelvis: 0              # of a geometry_msgs/PoseArray, counted from 0
  thorax: [4, 5]         # the middle of several markers
  head: skeleton/head    # or frames of /tf, all of one kind
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.clock import NS, stamp_ns
from pta_ros.errors import ConfigError, DecodeError, did_you_mean
from pta_ros.evaluation.replay.people import TruePeople
from pta_ros.fusion.transforms import Transforms, plain
from pta_ros.recordings.moving import Moving
from pta_ros.settings import mapping, read_yaml
from pta_ros.skeleton import JOINT_NAMES

POSES = "geometry_msgs/msg/PoseArray"
#: Poses of frames are taken so often at most.
_EVERY_NS = NS // 100


@dataclass(frozen=True)
class JointMap:
    """For each joint, in our order, the numbers of its poses, or the frames, whose middle it is."""

    numbers: tuple[tuple[int, ...], ...] = ()
    frames: tuple[tuple[str, ...], ...] = ()

    def people_of(self, msg: Any, topic: str) -> TruePeople:
        """The person of a PoseArray; raises DecodeError for another message, and too few poses."""
        try:
            points = np.array([(p.position.x, p.position.y, p.position.z) for p in msg.poses])
            when_ns, frame = stamp_ns(msg.header.stamp), str(msg.header.frame_id)
        except (AttributeError, TypeError) as error:
            raise DecodeError(topic, str(error), f"a {POSES}") from error
        needed = 1 + max(max(numbers) for numbers in self.numbers)
        if len(points) < needed:
            raise DecodeError(topic, f"{len(points)} poses", f"{needed}, as the joint map says")
        joints = np.array([points[list(numbers)].mean(axis=0) for numbers in self.numbers])
        if not np.isfinite(joints).all():
            raise DecodeError(topic, "poses that are not finite", "those of all mapped markers")
        return TruePeople(when_ns, frame, joints[None].astype(np.float32))

    def people_on(self, moving: Moving) -> list[TruePeople]:
        """The person of frames on /tf, at every stamp at which all of them are known."""
        used = {name for names in self.frames for name in names}
        stamps = sorted({s for name in used for s in moving.links[name].stamps})
        found: list[TruePeople] = []
        for stamp in stamps:
            if found and stamp - found[-1].stamp_ns < _EVERY_NS:
                continue
            if (person := self._person(moving.at(stamp), stamp)) is not None:
                found.append(person)
        return found

    def _person(self, tree: Transforms, stamp: int) -> TruePeople | None:
        root = tree.root(self.frames[0][0])
        places = {}
        for name in {name for names in self.frames for name in names}:
            matrix = tree.between(root, name) if root != name else None
            if matrix is None:
                return None
            places[name] = matrix[:3, 3]
        joints = [np.mean([places[name] for name in names], axis=0) for names in self.frames]
        return TruePeople(stamp, root, np.array(joints, np.float32)[None])


def read_joints(path: Path) -> JointMap:
    """Read a joint map; raises ConfigError naming what is missing or wrong."""
    content = mapping(read_yaml(path, "a map of joints"), str(path))
    given = mapping(content.get("joints", content), f"{path}: joints")
    if unknown := [name for name in given if name not in JOINT_NAMES]:
        hint = did_you_mean(unknown[0], JOINT_NAMES)
        raise ConfigError(f"{path}: no joint {unknown[0]!r}; {hint}")
    if missing := [name for name in JOINT_NAMES if name not in given]:
        raise ConfigError(
            f"{path}: {', '.join(missing)} missing; expected all {len(JOINT_NAMES)} joints, each a "
            "number of a pose or a frame, or a list whose middle it is"
        )
    each = [given[name] for name in JOINT_NAMES]
    rows = [tuple(value) if isinstance(value, list) else (value,) for value in each]
    flat = [value for row in rows for value in row]
    if all(rows) and all(type(value) is int and value >= 0 for value in flat):
        return JointMap(numbers=tuple(rows))
    if all(rows) and all(isinstance(value, str) and value for value in flat):
        return JointMap(frames=tuple(tuple(plain(name) for name in row) for row in rows))
    raise ConfigError(f"{path}: expected numbers of poses from 0 on, or names of frames, not both")
