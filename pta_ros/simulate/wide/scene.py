"""One scene of the wide world, and what its camera and its LiDAR see of it at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pta_ros.sensors.camera import Intrinsics
from pta_ros.simulate.body import FACES
from pta_ros.simulate.wide import cameras, lidars
from pta_ros.simulate.wide.cameras import Camera
from pta_ros.simulate.wide.casting import World, cast, window, world_of
from pta_ros.simulate.wide.lidars import Lidar
from pta_ros.simulate.wide.meshes import Mesh
from pta_ros.simulate.wide.mounting import Mounting, draw_mounting
from pta_ros.simulate.wide.people import Person, draw_person
from pta_ros.simulate.wide.rooms import Room, draw_room

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Rng = np.random.Generator

#: Number of each split in every seed: rooms, people, motions and noise of two never agree.
SPLITS = {"train": 1, "val": 2, "test": 3}
#: Shares of scenes with nobody, one person, and so on.
_HEADCOUNT = (0.16, 0.40, 0.20, 0.14, 0.10)
_APART_M = 0.45
_NEAR_M, _FAR_M = 0.9, 5.5
#: A joint is in sight of the camera when the surface seen there is this near to it, metres.
_SKIN_M = 0.22
#: And of the LiDAR when a point on the same person is this near.
_POINT_M = 0.18


@dataclass(frozen=True, eq=False)
class Seen:
    """One instant. `joints` (P, 17, 3) metres, level frame; `sight` (2, P, 17) bool: which joints
    camera and LiDAR see; `counts` (2, P): their pixels and points on each person."""

    depth_mm: NDArray[np.uint16]
    lidar_m: Float32
    joints: Array
    sight: NDArray[np.bool_]
    counts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that stays: room, people, devices. `bare`: a camera that keeps people alone, as
    software that cuts out the background does."""

    room: Room
    people: tuple[Person, ...]
    camera: Camera
    lens: Intrinsics
    lidar: Lidar
    mounting: Mounting
    bare: bool

    def at(self, time_s: float, rng: Rng, backdrop: Float32 | None = None) -> Seen:
        """What is seen at `time_s`, with noise from `rng`.

        With the room's own `backdrop` only the part of the image with people is cast, which is
        quicker and gives the same.
        """
        joints = np.array([p.joints(time_s) for p in self.people]).reshape(-1, 17, 3)
        movers = self._movers(joints, rng)
        world = world_of([*movers, (self.room.vertices, self.room.faces)])
        depth, who = self._depth(world, movers, backdrop)
        points, owner = self._scan(world, rng)
        numbers = np.arange(len(joints))[:, None]
        counts = np.stack([(who.reshape(-1) == numbers).sum(1), (owner == numbers).sum(1)])
        sight = np.stack([self._in_depth(joints, depth, who), self._in_scan(joints, points, owner)])
        seen = np.where(who >= 0, depth, np.float32(np.inf)) if self.bare else depth
        pixels = cameras.noisy(seen, self.camera, self._dark(joints, depth, who), rng)
        return Seen(pixels, points, joints, sight, counts)

    def backdrop(self) -> Float32:
        """Depth (H, W) metres of the room with nobody in it, inf for nothing."""
        return self._cast(world_of([(self.room.vertices, self.room.faces)]))[0]

    def _movers(self, joints: Array, rng: Rng) -> list[Mesh]:
        """People first, so that a geometry's number is a person's; then their things and seats."""
        pairs = list(zip(self.people, joints, strict=True))
        skins = [person.surface(pose, rng).astype(np.float64) for person, pose in pairs]
        people: list[Mesh] = [(skin, FACES) for skin in skins]
        things = []
        for person, pose in pairs:
            if (thing := person.thing(pose)) is not None:
                things.append(thing)
            if (seat := person.seated_on(pose)) is not None:
                things.append(seat)
        return people + things

    def _depth(
        self, world: World, movers: list[Mesh], backdrop: Float32 | None
    ) -> tuple[Float32, NDArray[np.int64]]:
        """Depth (H, W) metres, inf for nothing; the person's number at each pixel, -1 for none."""
        if backdrop is None:
            depth, who = self._cast(world)
            return depth, np.where(who < len(self.people), who, -1)
        depth, who = backdrop.copy(), np.full(backdrop.shape, -1)
        alone, mount = world_of(movers), self.mounting.camera
        for part in (window(corners, mount, self.lens) for corners, _ in movers):
            own, number = self._cast(alone, part)
            nearer = own < depth[part]
            depth[part][nearer] = own[nearer]
            who[part][nearer] = np.where(number < len(self.people), number, -1)[nearer]
        return depth, who

    def _cast(
        self, world: World, part: tuple[slice, ...] = (slice(None),)
    ) -> tuple[Float32, NDArray[np.int64]]:
        """Depth and numbers of what is hit, in a part of the image."""
        mount = self.mounting.camera
        directions = cameras.rays(self.lens)[part] @ mount.optical.T.astype(np.float32)
        return cast(world, np.asarray(mount.place), directions)

    def _dark(self, joints: Array, depth: Float32, who: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Pixels (H, W) of hair that swallows light."""
        out = np.zeros(depth.shape, bool)
        for number, (person, pose) in enumerate(zip(self.people, joints, strict=True)):
            if person.dark_m:
                own = who == number
                top = pose[10] + 0.4 * (pose[10] - pose[9])
                local = (
                    top - np.asarray(self.mounting.camera.place)
                ) @ self.mounting.camera.optical
                points = cameras.rays(self.lens)[own] * depth[own][:, None]
                out[own] = np.linalg.norm(points - local, axis=1) < person.dark_m
        return out

    def _scan(self, world: World, rng: Rng) -> tuple[Float32, NDArray[np.int64]]:
        """Points (N, 3) in the LiDAR's own frame, and the person each lies on, -1 for none."""
        mount, model = self.mounting.lidar, self.lidar
        own = model.directions(rng).astype(np.float32)
        ranges, who = cast(
            world, np.asarray(mount.place), own @ mount.rotation.T.astype(np.float32)
        )
        kept = (ranges < model.far_m) & (ranges > 0.2) & (rng.random(len(ranges)) > 0.02)
        noise = model.noise_m * rng.standard_normal(len(ranges), np.float32)
        points = own[kept] * (ranges + noise)[kept, None]
        return points, np.where(who < len(self.people), who, -1)[kept]

    def _in_depth(self, joints: Array, depth: Float32, who: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which joints (P, 17) have their own person's skin in front of them in the image."""
        mount, lens = self.mounting.camera, self.lens
        local = (joints - np.asarray(mount.place)) @ mount.optical
        z = np.maximum(local[..., 2], 1e-3)
        u = np.rint(lens.fx * local[..., 0] / z + lens.cx).astype(int)
        v = np.rint(lens.fy * local[..., 1] / z + lens.cy).astype(int)
        inside = (u >= 0) & (u < lens.width) & (v >= 0) & (v < lens.height) & (z > 0.1)
        row, column = np.clip(v, 0, lens.height - 1), np.clip(u, 0, lens.width - 1)
        near = np.abs(depth[row, column] - z) < _SKIN_M
        return inside & near & (who[row, column] == np.arange(len(joints))[:, None])

    def _in_scan(
        self, joints: Array, points: Float32, owner: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which joints (P, 17) have a point of the scan (N, 3) on the same person near them."""
        mount = self.mounting.lidar
        out = np.zeros(joints.shape[:2], bool)
        for number, pose in enumerate(joints):
            own = points[owner == number] @ mount.rotation.T + np.asarray(mount.place)
            if len(own):
                out[number] = cKDTree(own).query(pose)[0] < _POINT_M
        return out


def draw_scene(seed: int, split: str, number: int) -> Scene:
    """Scene `number` of a split of the world `seed`."""
    rng = np.random.default_rng([seed, SPLITS[split], number, 303])
    test = split == "test"
    room, mounting = draw_room(rng), draw_mounting(rng, test)
    devices = (cameras.TEST, lidars.TEST) if test else (cameras.TRAINING, lidars.TRAINING)
    camera = devices[0][rng.integers(len(devices[0]))]
    lidar = devices[1][rng.integers(len(devices[1]))]
    half = float(np.arctan(camera.width / 2 / camera.focal_px))
    people: list[Person] = []
    for n in range(int(rng.choice(len(_HEADCOUNT), p=_HEADCOUNT))):
        place = _free_place(rng, room, people, half)
        if place is not None:
            index = 1 + 10 * number + n
            people.append(draw_person(rng, seed + 1000 * SPLITS[split], index, place))
    bare = bool(rng.random() < 0.2)
    return Scene(room, tuple(people), camera, camera.intrinsics(rng), lidar, mounting, bare)


def _free_place(rng: Rng, room: Room, people: list[Person], half: float) -> Array | None:
    """Somewhere in view, or a little beside it, clear of furniture and others; None: no room."""
    limits = room.vertices[:8]  # the shell's corners
    for _ in range(40):
        distance = float(rng.uniform(_NEAR_M, _FAR_M))
        bearing = float(rng.uniform(-1.1, 1.1)) * min(half, 1.0)
        place = distance * np.array([np.cos(bearing), np.sin(bearing)])
        if people and rng.random() < 0.4:  # in company
            turn = float(rng.uniform(0, 2 * np.pi))
            place = people[0].place + rng.uniform(_APART_M, 1.2) * np.array(
                [np.cos(turn), np.sin(turn)]
            )
        low, high = limits.min(0)[:2] + 0.3, limits.max(0)[:2] - 0.3
        if (place < low).any() or (place > high).any() or np.hypot(*place) < _NEAR_M - 0.1:
            continue
        if any(np.hypot(*(place - p.place)) < _APART_M for p in people):
            continue
        others = np.hypot(*(room.obstacles[:, :2] - place).T)
        if len(others) and (others < room.obstacles[:, 2] + 0.1).any():
            continue
        return place
    return None
