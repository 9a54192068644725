"""What each simulated sensor sends at one tick, once the script's faults are applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate import garbage
from pta_ros.simulate.script import Fault, Phase


class SensorFrame(Protocol):
    """The clean readings of one instant (what `recording.SimFrame` provides)."""

    @property
    def depth_mm(self) -> NDArray[np.uint16]:
        """The depth image (480, 640) in millimetres, 0 where nothing returned."""

    @property
    def lidar_m(self) -> NDArray[np.float32]:
        """The cloud (N, 3) in metres in the LiDAR's frame."""

    @property
    def csi(self) -> NDArray[np.floating]:
        """The CSI amplitude (3, 114, 10)."""


@dataclass(frozen=True)
class Outbox:
    """The contents to publish at one tick; None where the sensor sends nothing new.

    `repeat` names the modalities that send their last message again, old stamp and all.
    """

    depth: garbage.RawDepth | None = None
    cloud: garbage.RawCloud | None = None
    csi: garbage.RawCsi | None = None
    repeat: tuple[str, ...] = ()


def pack(frame: SensorFrame, phase: Phase, index: int, seed: int) -> Outbox:
    """Apply the faults of `phase` to a clean frame; the same `seed` and `index` give the same."""
    rng = np.random.default_rng((seed, index))
    good, bad = Fault.NONE, Fault.GARBAGE
    depth = cloud = csi = None
    if phase.fault("depth") is good:
        depth = garbage.clean_depth(frame.depth_mm)
    elif phase.fault("depth") is bad:
        depth = garbage.garble_depth(index, frame.depth_mm)
    if phase.fault("lidar") is good:
        cloud = garbage.clean_cloud(frame.lidar_m)
    elif phase.fault("lidar") is bad:
        cloud = garbage.garble_cloud(index, frame.lidar_m)
    if phase.fault("csi") is good:
        csi = garbage.clean_csi(frame.csi)
    elif phase.fault("csi") is bad:
        csi = garbage.garble_csi(index, frame.csi, rng)
    frozen = tuple(m for m, fault in phase.faults.items() if fault is Fault.FROZEN)
    return Outbox(depth, cloud, csi, frozen)
