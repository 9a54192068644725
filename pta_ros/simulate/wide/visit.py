"""A room of the test set, a robot that stands still in it, and people who come, walk and go.

They come through a door behind the robot, where no sensor looks. Room, devices, heights and people
are of kinds that training never sees. Everything from one seed; frames in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError
from pta_ros.simulate.script import Script
from pta_ros.simulate.tick_log import rounded
from pta_ros.simulate.wide import cameras, lidars
from pta_ros.simulate.wide.mounting import Mounting
from pta_ros.simulate.wide.people import Person, draw_walker
from pta_ros.simulate.wide.rooms import CIRCLE, Room
from pta_ros.simulate.wide.scene import SPLITS, Float32, Scene, Seen, draw_scene
from pta_ros.simulate.wide.walk import Route, Walk

#: The robot's devices: products of the test set.
CAMERA, LIDAR = cameras.TEST[1], lidars.TEST[1]
#: Ways that never come nearer to each other than two people may: left and right of the robot.
ROUTES = (
    Route(
        np.array([(-0.9, 1.5), (0.6, 1.35)]),
        np.array([(2.1, 1.1), (3.4, 1.7), (4.3, 1.1), (4.2, 0.1), (2.8, -0.1), (1.25, 0.1)]),
        np.array([(0.6, 0.95), (-0.9, 1.5)]),
    ),
    Route(
        np.array([(-0.9, -1.5), (0.7, -1.5)]),
        np.array([(2.2, -1.35), (3.3, -1.8), (3.9, -1.3), (2.9, -1.05), (1.7, -1.05)]),
        np.array([(0.6, -1.3), (-0.9, -1.5)]),
    ),
)
#: From the middle of a way to furniture and walls, metres; fewest pieces of furniture in a room.
_CLEAR_M, _LEAST_PIECES = 0.45, 4
_TRIES = 1000
_NOISE = 505


@dataclass(frozen=True)
class Stay:
    """When somebody is in the room, seconds of the session: [start, stop), stop perhaps inf."""

    start_s: float
    stop_s: float


def stays(script: Script, number: int) -> tuple[Stay, ...]:
    """When person `number` (from 0) is there: in the phases with more people than that.

    Who is there in the last phase stays.
    """
    found: list[Stay] = []
    for phase in script.phases:
        if phase.people > number:
            joins = bool(found) and found[-1].stop_s == phase.start_s
            start_s = found.pop().start_s if joins else phase.start_s
            found.append(Stay(start_s, phase.end_s))
    if found and found[-1].stop_s == script.duration_s:
        found[-1] = replace(found[-1], stop_s=np.inf)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Visitor:
    """Somebody during one stay."""

    person: Person
    stay: Stay
    walk: Walk

    def at(self, time_s: float) -> Person | None:
        """Where and how at a time of the session; None out of the room."""
        found = self.walk.at(time_s - self.stay.start_s)
        return found and replace(self.person, place=found[0], heading=found[1])


@dataclass(frozen=True, eq=False)
class VisitFrame:
    """One instant: what the sensors give, as `Sensor.fields` takes it, and the truth."""

    seen: Seen

    @property
    def readings(self) -> dict[str, NDArray[Any]]:
        """Each sensor's reading, the smaller first."""
        return {"lidar": self.seen.lidar_m, "depth": self.seen.depth_mm}

    def record(self) -> list[dict[str, Any]]:
        """Everybody as JSON values: joints, and by sensor those in sight and pixels or points."""
        seen, columns = self.seen, {"depth": 0, "lidar": 1}
        return [
            {
                "joints": rounded(joints),
                "sight": {m: np.flatnonzero(seen.sight[k, n]).tolist() for m, k in columns.items()},
                "counts": {m: int(seen.counts[k, n]) for m, k in columns.items()},
            }
            for n, joints in enumerate(seen.joints)
        ]


@dataclass(frozen=True, eq=False)
class Visit:
    """The session in test room `room` (see `clear_room`).

    Without a script one person walks for ever.
    """

    seed: int
    subject: int
    room: int
    rate_hz: float
    mounting: Mounting
    script: Script | None = None
    scene: Scene = field(init=False)
    visitors: tuple[Visitor, ...] = field(init=False)
    _backdrop: Float32 = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # the fields that follow from the others
        lens = CAMERA.intrinsics(np.random.default_rng([self.seed, self.room, _NOISE]))
        scene = Scene(
            clear_room(self.seed, self.room), (), CAMERA, lens, LIDAR, self.mounting, False
        )
        put(self, "scene", scene)
        put(self, "visitors", tuple(self._visitors()))
        put(self, "_backdrop", scene.backdrop())

    def _visitors(self) -> list[Visitor]:
        found = []
        for number, route in enumerate(ROUTES):
            index = self.subject + number
            alone = (Stay(0.0, np.inf),) if number == 0 else ()
            for stay in stays(self.script, number) if self.script else alone:
                walk = route.walk(stay.stop_s - stay.start_s)
                rng = np.random.default_rng([self.seed, index, _NOISE])
                population = self.seed + 1000 * SPLITS["test"]
                person = draw_walker(rng, population, index, walk.speed_m_s)
                found.append(Visitor(person, stay, walk))
        return found

    def frame(self, number: int) -> VisitFrame:
        """Frame `number`, counted from 0, at `number / rate_hz` seconds."""
        time_s = number / self.rate_hz
        placed = (visitor.at(time_s) for visitor in self.visitors)
        people = tuple(person for person in placed if person is not None)
        rng = np.random.default_rng([self.seed, self.room, number, _NOISE])
        return VisitFrame(replace(self.scene, people=people).at(time_s, rng, self._backdrop))


def clear_room(seed: int, number: int) -> Room:
    """The first test room from `number` on whose walls and furniture leave all ways free."""
    ways = np.concatenate([route.walk(np.inf).places for route in ROUTES])
    for n in range(number, number + _TRIES):
        room = draw_scene(seed, "test", n).room
        if len(room.obstacles) >= _LEAST_PIECES and _is_free(room, ways):
            return room
    raise ConfigError(f"seed {seed}: no test room from {number} on has ways free; try another seed")


def _is_free(room: Room, ways: NDArray[np.float64]) -> bool:
    shell = room.vertices[:8, :2]
    ahead = ways[ways[:, 0] > 0.0]  # the door is wherever the room ends behind
    low, high = shell.min(0) + _CLEAR_M, shell.max(0) - _CLEAR_M
    if (ways[:, 1] < low[1]).any() or (ways[:, 1] > high[1]).any() or (ahead > high).any():
        return False
    away = np.linalg.norm(ways[:, None] - room.obstacles[None, :, :2], axis=-1)
    return bool((away > room.obstacles[:, 2] / CIRCLE + _CLEAR_M).all())
