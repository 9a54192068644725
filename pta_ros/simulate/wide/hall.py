"""A hall: people who stand where they are asked to, before one robot, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pta_ros.simulate.actions import ACTIONS
from pta_ros.simulate.body import RADII, Subject
from pta_ros.simulate.motion import Variation
from pta_ros.simulate.wide.cameras import Camera
from pta_ros.simulate.wide.lidars import Lidar
from pta_ros.simulate.wide.meshes import box
from pta_ros.simulate.wide.mounting import Mount, Mounting
from pta_ros.simulate.wide.people import Person
from pta_ros.simulate.wide.rooms import Room
from pta_ros.simulate.wide.scene import Scene

CAMERA = Camera("D435 640x480", 640, 480, 385.0, 0.3, 7.0, "stereo")
#: 65,000 rays ahead.
LIDAR = Lidar("128 lines", 128, (-22.5, 22.5), 1418, 0.012)
#: Heights of camera and LiDAR, metres; both are level and look ahead.
HEIGHTS_M = (1.0, 1.3)


def hall(places: Sequence[tuple[float, float]], room: Room | None = None) -> Scene:
    """A floor without walls, or a `room`, and a person at each of `places` (x, y) metres."""
    people = tuple(_standing(number, place) for number, place in enumerate(places, start=1))
    camera, lidar = (Mount((0.0, 0.0, height), (0.0, 0.0, 0.0)) for height in HEIGHTS_M)
    lens = CAMERA.intrinsics(np.random.default_rng(0))
    floor = Room(*box((-10.0, -10.0, -0.05), (12.0, 10.0, 0.0)), np.zeros((0, 3)))
    return Scene(room or floor, people, CAMERA, lens, LIDAR, Mounting(camera, lidar), False)


def _standing(number: int, place: tuple[float, float]) -> Person:
    return Person(
        Subject.from_seed(0, number), ACTIONS[1], Variation.draw(0, number, number),
        np.array(place), np.pi, 0.0, np.ones((len(RADII), 1, 3)), "", 0.0,
    )  # fmt: skip
