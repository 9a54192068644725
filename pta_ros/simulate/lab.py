"""All sensors of one arrangement of the lab, and what they give at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.body import Subject
from pta_ros.simulate.csi import RadioChannel
from pta_ros.simulate.kinematics import Array
from pta_ros.simulate.room import SCENES
from pta_ros.simulate.scene import World
from pta_ros.simulate.surface import vertices

_DEPTH, _LIDAR, _CSI = 1, 2, 3  # sensor numbers in the noise seeds


@dataclass(frozen=True, eq=False)
class SimFrame:
    """What the sensors give at one instant, and the truth.

    `joints_m` float32 (17, 3) metres in the camera frame; `depth_mm` uint16 (480, 640), 0 = no
    return; `lidar_m` float32 (N, 3) metres in the LiDAR frame; `csi` float64 (3, 114, 10).
    """

    joints_m: NDArray[np.float32]
    depth_mm: NDArray[np.uint16]
    lidar_m: NDArray[np.float32]
    csi: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lab:
    """One arrangement of the lab with all its sensors."""

    world: World
    radio: RadioChannel

    @classmethod
    @lru_cache(maxsize=len(SCENES))
    def of(cls, scene: str) -> Lab:
        """The lab of scene E01 to E04 (made once per process)."""
        return cls(World(scene), RadioChannel(scene))

    def times(self, time_s: float) -> Array:
        """The frame's own time, then those of its radio packets (11,)."""
        return np.concatenate([[time_s], time_s + self.radio.model.packet_times()])

    def observe(self, subject: Subject, joints: Array, seed: list[int]) -> SimFrame:
        """All sensors' view of joints (11, 17, 3) at `times`; the noise depends on `seed` alone."""
        skin = vertices(subject, joints[0])
        views = self.world.observe(skin, ([*seed, _DEPTH], [*seed, _LIDAR]))
        csi = self.radio.amplitude(joints[1:], [*seed, _CSI])
        return SimFrame(joints[0].astype(np.float32), views.depth_mm, views.lidar_m, csi)
