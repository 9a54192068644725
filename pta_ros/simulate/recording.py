"""A clip of one person's action, and an endless session, as the frames of all three sensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError
from pta_ros.simulate import kinematics, motion
from pta_ros.simulate.actions import action as act
from pta_ros.simulate.body import Subject, vertices
from pta_ros.simulate.csi import RadioChannel
from pta_ros.simulate.kinematics import Array
from pta_ros.simulate.motion import Variation
from pta_ros.simulate.room import SCENES, Arrangement, Placement, body_to_camera, check_scene
from pta_ros.simulate.scene import World
from pta_ros.simulate.session import SESSION_CLIP, Segments

_STREAM = 303
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

    @property
    def readings(self) -> dict[str, NDArray[Any]]:
        """Each sensor's reading, the smallest first, as `Sensor.fields` takes it."""
        return {"csi": self.csi, "lidar": self.lidar_m, "depth": self.depth_mm}


@dataclass(frozen=True, eq=False)
class Lab:
    """One arrangement of the lab with all its sensors."""

    world: World
    radio: RadioChannel

    @classmethod
    @lru_cache(maxsize=len(SCENES))
    def of(cls, scene: str) -> Lab:
        """The lab of scene E01 to E04 (made once per process)."""
        return cls(World(scene), RadioChannel(Arrangement.of(scene)))

    def times(self, time_s: float) -> Array:
        """The frame's own time, then those of its radio packets (11,)."""
        return np.concatenate([[time_s], time_s + self.radio.model.packet_times()])

    def observe(self, subject: Subject, joints: Array, seed: list[int]) -> SimFrame:
        """All sensors' view of joints (11, 17, 3) at `times`; the noise depends on `seed` alone."""
        skin = vertices(subject, joints[0])
        views = self.world.observe(skin, ([*seed, _DEPTH], [*seed, _LIDAR]))
        csi = self.radio.amplitude(joints[1:], [*seed, _CSI])
        return SimFrame(joints[0].astype(np.float32), views.depth_mm, views.lidar_m, csi)


def scene_of(subject: int) -> str:
    """MM-Fi's scene of a subject: ten subjects each; higher numbers go around again."""
    return SCENES[((subject - 1) // 10) % len(SCENES)]


def _check(seed: int, subject: int, scene: str) -> None:
    if seed < 0 or subject < 1:
        raise ConfigError(f"seed {seed}, subject {subject}: expected seed >= 0 and subject >= 1")
    check_scene(scene)


@dataclass(frozen=True)
class Recording:
    """One clip: subject `subject_index` of the population `seed` doing action 1 to 27.

    `step_s` is the time between two frames; `clip` numbers independent repeats. Each frame depends
    on (seed, subject, action, clip, its number) alone, so any order of calls gives the same data.
    """

    seed: int
    subject_index: int
    action: int
    scene: str = ""
    step_s: float = 0.1
    clip: int = 0
    subject: Subject = field(init=False)
    variation: Variation = field(init=False, compare=False)
    placement: Placement = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # the fields that follow from the others
        put(self, "scene", self.scene or scene_of(self.subject_index))
        _check(self.seed, self.subject_index, self.scene)
        act(self.action)
        rng = np.random.default_rng([*self._seed(), _STREAM])
        put(self, "subject", Subject.from_seed(self.seed, self.subject_index))
        put(self, "variation", Variation.draw(*self._seed()))
        put(self, "placement", Placement.draw(rng))

    def joints(self, time_s: Array) -> Array:
        """Joints (T, 17, 3) in metres, camera frame, at times (T,) from the clip's start."""
        channels = motion.channels(self.subject, act(self.action), time_s, self.variation)
        body = kinematics.solve(self.subject, channels)
        return body_to_camera(body, self.placement.at(time_s))

    def ground_truth(self, frames: int) -> Array:
        """Joints (frames, 17, 3) of the first frames."""
        return self.joints(self.step_s * np.arange(frames, dtype=np.float64))

    def frame(self, number: int) -> SimFrame:
        """Frame `number`, counted from 0."""
        lab = Lab.of(self.scene)
        joints = self.joints(lab.times(self.step_s * number))
        return lab.observe(self.subject, joints, [*self._seed(), number])

    def _seed(self) -> tuple[int, int, int]:
        return self.seed, self.subject_index, 100 * self.clip + self.action


@dataclass(frozen=True, eq=False)
class Session:
    """One person for ever: action after action in random order, with smooth ways between.

    The person takes a few steps to a new place with each action. Subjects above 40 are in no
    data set that `make_mmfi` writes. Frames depend on (seed, subject, scene, number) alone.
    """

    seed: int
    subject_index: int
    scene: str = ""
    rate_hz: float = 10.0
    subject: Subject = field(init=False)
    _segments: Segments = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "scene", self.scene or scene_of(self.subject_index))
        _check(self.seed, self.subject_index, self.scene)
        if not self.rate_hz > 0.0:
            raise ConfigError(f"rate_hz {self.rate_hz}: expected a positive number")
        put(self, "subject", Subject.from_seed(self.seed, self.subject_index))
        put(self, "_segments", Segments(self.subject))

    def joints(self, time_s: Array) -> Array:
        """Joints (T, 17, 3) in metres, camera frame, at times (T,) from 0 on."""
        channels, place = self._segments.at(time_s)
        return body_to_camera(kinematics.solve(self.subject, channels), place)

    def action(self, time_s: float) -> int:
        """The action (1 to 27) that is under way or being begun."""
        return self._segments.segment(time_s).action

    def frame(self, number: int) -> SimFrame:
        """Frame `number`, counted from 0, at `number / rate_hz` seconds."""
        lab = Lab.of(self.scene)
        joints = self.joints(lab.times(number / self.rate_hz))
        seed = [self.seed, self.subject_index, SESSION_CLIP, number]
        return lab.observe(self.subject, joints, seed)
