"""Transforms that change with time: /tf beside /tf_static, looked up at a stamp as tf2 does."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from pta_ros.clock import NS, stamp_ns
from pta_ros.errors import DecodeError
from pta_ros.fusion.transforms import Transforms, plain

#: Between two transforms so far apart, or so far from a single one, nothing is known.
_GAP_NS, _NEAR_NS = NS // 5, NS // 20

#: Translation (3,) and quaternion (4,), x y z w.
Pose = tuple[tuple[float, float, float], tuple[float, float, float, float]]


class Link:
    """Where one frame was in its parent over time; stamps ascend."""

    def __init__(self, parent: str) -> None:
        self.parent = parent
        self.stamps: list[int] = []
        self._poses: list[Pose] = []

    def add(self, stamp: int, pose: Pose) -> None:
        """Note one; one that does not advance time is left out."""
        if not self.stamps or stamp > self.stamps[-1]:
            self.stamps.append(stamp)
            self._poses.append(pose)

    def at(self, stamp: int) -> Pose | None:
        """The pose at a stamp, between two that are near; None where none is."""
        after = bisect_left(self.stamps, stamp)
        around = [i for i in (after - 1, after) if 0 <= i < len(self.stamps)]
        if after < len(self.stamps) and self.stamps[after] == stamp:
            return self._poses[after]
        if len(around) == 2 and self.stamps[after] - self.stamps[after - 1] <= _GAP_NS:
            share = (stamp - self.stamps[after - 1]) / (self.stamps[after] - self.stamps[after - 1])
            return _between(self._poses[after - 1], self._poses[after], share)
        near = min(around, key=lambda i: abs(self.stamps[i] - stamp), default=None)
        if near is None or abs(self.stamps[near] - stamp) > _NEAR_NS:
            return None
        return self._poses[near]


class Moving:
    """All transforms of a recording; `static` are those of /tf_static."""

    def __init__(self, static: Transforms) -> None:
        self.static = static
        self.links: dict[str, Link] = {}

    def take(self, msg: Any) -> None:
        """Take a tf2_msgs/TFMessage of /tf by its attributes."""
        for one in msg.transforms:
            t, q = one.transform.translation, one.transform.rotation
            parent, child = plain(str(one.header.frame_id)), plain(str(one.child_frame_id))
            if child not in self.links or self.links[child].parent != parent:
                self.links[child] = Link(parent)
            pose = (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)
            self.links[child].add(stamp_ns(one.header.stamp), pose)

    def at(self, stamp: int) -> Transforms:
        """The tree of frames at a stamp; a frame that was not told near to it has no parent."""
        tree = self.static.copy()
        for child, link in self.links.items():
            if (pose := link.at(stamp)) is not None:
                try:
                    tree.add(link.parent, child, *pose)
                except DecodeError:  # no rotation, or no number: as if it were not there
                    continue
        return tree


def _between(before: Pose, behind: Pose, share: float) -> Pose:
    """Moved in a straight line, turned the shorter way."""
    moved = (1 - share) * np.array(before[0]) + share * np.array(behind[0])
    first, last = np.array(before[1]), np.array(behind[1])
    turned = (1 - share) * first + share * (last if first @ last >= 0 else -last)
    turned /= max(float(np.linalg.norm(turned)), 1e-9)
    return tuple(moved.tolist()), tuple(turned.tolist())  # type: ignore[return-value]
